/** What Pulumi keeps of a stack, under /api/v1/stacks/<slug or cell.<name>>: its state, its locks. */
import { Hono } from "hono";
import { z } from "zod";
import { cellNameSchema, slugSchema } from "../../infra/config.ts";
import type { LockOperators } from "../operators/locks.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

export type StackDeps = {
  locks: LockOperators;
  /** As `pulumi stack export` gives it; secrets are ciphertext. @throws not_found */
  exportState: (stack: string) => Promise<unknown>;
};

const cellStackSchema = z
  .string()
  .startsWith("cell.")
  .refine((stack) => cellNameSchema.safeParse(stack.slice("cell.".length)).success, "a cell's name");
const stackParam = z.object({ stack: z.union([slugSchema, cellStackSchema]) });
const locks = z.object({ locks: z.array(answers.lock) });

export function createStackRoutes({ locks: operators, exportState }: StackDeps) {
  return new Hono<OperatorEnv>()
    .get(
      "/:stack/state",
      access({
        scope: "operate",
        summary: "The stack's state as Pulumi exports it; secrets are ciphertext",
        status: 200,
        answer: z.looseObject({ version: z.number() }),
      }),
      validate("param", stackParam),
      async (c) =>
        c.json(z.record(z.string(), z.unknown()).parse(await exportState(c.req.valid("param").stack))),
    )
    .get(
      "/:stack/locks",
      access({ scope: "read", summary: "Who holds the stack's lock", status: 200, answer: locks }),
      validate("param", stackParam),
      async (c) => c.json({ locks: await operators.list(c.req.valid("param").stack) }),
    )
    .delete(
      "/:stack/locks",
      access({
        scope: "operate",
        summary: "Remove the stack's locks, unless a living worker of ours runs it",
        status: 200,
        answer: locks,
      }),
      validate("param", stackParam),
      async (c) => {
        const { stack } = c.req.valid("param");
        return c.json({ locks: await operators.remove({ stack, actor: c.get("operator").name }) });
      },
    );
}
