/** Plans under /api/v1/plans, and the repository under /api/v1/git. */
import { Hono } from "hono";
import { z } from "zod";
import type { PlanOperators } from "../operators/plans.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

const side = z.record(z.string().regex(/^[\w.-]{1,100}$/, "a file name"), z.string().max(262_144).nullable());
const planBody = z.strictObject({
  /** What the two sides are called; commits, as a rule. */
  base: z.string().min(1).max(100),
  head: z.string().min(1).max(100),
  /** Of stacks/, the files that differ: name to text, null where that side has none. */
  files: z.strictObject({ base: side, head: side }),
  /** Number of the request that this is the review of; without it the plan counts as nobody's review. */
  request: z.number().int().positive().max(2_147_483_647).optional(),
  /** Of that request. */
  labels: z.array(z.string().min(1).max(100)).max(100).default([]),
});
const idParam = z.object({ id: z.coerce.number().int().positive().max(2_147_483_647) });
const acceptBody = z.strictObject({
  commit: z.string().regex(/^[0-9a-f]{7,64}$/, "a commit"),
  hash: z.string().regex(/^[0-9a-f]{16}$/, "a plan's hash"),
});

const nothing = z.object({});

export function createPlanRoutes(plans: PlanOperators) {
  return new Hono<OperatorEnv>()
    .post(
      "/",
      access({
        scope: "plan",
        summary: "Say what a change of stacks/ would do; workers preview it",
        status: 202,
        answer: z.object({ id: z.number() }),
      }),
      validate("json", planBody),
      async (c) => {
        const { base, head, files, request = null, labels } = c.req.valid("json");
        const texts = {
          base: new Map(Object.entries(files.base)),
          head: new Map(Object.entries(files.head)),
        };
        const actor = c.get("operator").name;
        return c.json({ id: await plans.create({ base, head, texts, request, labels, actor }) }, 202);
      },
    )
    .get(
      "/:id",
      access({
        scope: "plan",
        summary: "A plan, once every preview has ended",
        status: 200,
        answer: answers.plan,
      }),
      validate("param", idParam),
      async (c) => c.json(await plans.find(c.req.valid("param").id)),
    );
}

export function createGitRoutes(plans: PlanOperators) {
  return new Hono<OperatorEnv>()
    .get(
      "/",
      access({
        scope: "read",
        summary: "Which commit the fleet is at, and what became of others",
        status: 200,
        answer: answers.git,
      }),
      async (c) => c.json(await plans.readGit()),
    )
    .get(
      "/applied",
      access({
        scope: "plan",
        summary: "Which commit the fleet is at",
        status: 200,
        answer: z.object({ commit: z.string().nullable() }),
      }),
      async (c) => c.json({ commit: await plans.findApplied() }),
    )
    .post(
      "/syncs",
      access({ scope: "plan", summary: "Look at the repository now", status: 202, answer: nothing }),
      async (c) => {
        await plans.sync();
        return c.json({}, 202);
      },
    )
    .post(
      "/accepted",
      access({
        scope: "delete",
        summary: "Apply a refused commit, if it still is this plan",
        status: 202,
        answer: nothing,
      }),
      validate("json", acceptBody),
      async (c) => {
        await plans.accept({ ...c.req.valid("json"), actor: c.get("operator").name });
        return c.json({}, 202);
      },
    );
}
