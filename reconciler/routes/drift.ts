/** Drift under /api/v1/drift: what was found, and the orders about it. */
import { Hono } from "hono";
import { z } from "zod";
import type { DriftOperators } from "../operators/drift.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

export type DriftDeps = {
  drift: DriftOperators;
  /** Highest id of an operation so far: what follows a request has a higher one. */
  lastOperationId: () => Promise<number>;
};

const nameParam = z.object({
  name: z.string().regex(/^(cell\.)?[a-z][a-z0-9-]{0,31}$/, "an instance, or cell.<name>"),
});
const objectName = z
  .string()
  .regex(
    /^(server|firewall|network|ssh-key|record|snapshot):[\w-]{1,64}$/,
    "<kind>:<id> as fleet drift shows it",
  );
const objectParam = z.object({ object: objectName });
const findingId = z.coerce.number().int().positive().max(2_147_483_647);
const pageQuery = z.object({
  name: nameParam.shape.name.optional(),
  object: objectName.optional(),
  /** `next` of the page before. */
  after: findingId.optional(),
  /** `previous` of the page after. */
  before: findingId.optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

export function createDriftRoutes({ drift, lastOperationId }: DriftDeps) {
  return new Hono<OperatorEnv>()
    .get(
      "/",
      access({
        scope: "read",
        summary: "What has drifted, the gravest first and page by page, and when somebody looked",
        status: 200,
        answer: answers.drift,
      }),
      validate("query", pageQuery),
      async (c) => c.json(await drift.read(c.req.valid("query"))),
    )
    .post(
      "/scans",
      access({
        scope: "operate",
        summary: "Look at every account now; scans with a higher id than `after` are what follows",
        status: 202,
        answer: z.object({ accounts: z.array(z.string()), after: z.number() }),
      }),
      async (c) => {
        const after = await drift.findLastScanId();
        return c.json({ accounts: await drift.scan(c.get("operator").name), after }, 202);
      },
    )
    .post(
      "/findings/:name/repair",
      access({
        scope: "operate",
        summary:
          "Put what has drifted as it should be; where that may lose a server, with `lose` and the scope delete",
        status: 202,
        answer: answers.follow,
      }),
      validate("param", nameParam),
      validate("query", z.object({ lose: z.enum(["true", "false"]).optional() })),
      async (c) => {
        const { name } = c.req.valid("param");
        const after = await lastOperationId();
        const { name: actor, scopes } = c.get("operator");
        const mayLose = c.req.valid("query").lose === "true" && scopes.has("delete");
        await drift.repair({ name, mayLose, actor });
        return c.json({ after }, 202);
      },
    )
    .delete(
      "/objects/:object",
      access({
        scope: "delete",
        summary: "Delete an object that carries our label and is in no state",
        status: 202,
        answer: z.object({ object: z.string() }),
      }),
      validate("param", objectParam),
      async (c) => {
        const { object } = c.req.valid("param");
        await drift.deleteOrphan({ object, actor: c.get("operator").name });
        return c.json({ object }, 202);
      },
    );
}
