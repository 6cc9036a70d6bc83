/** Drift under /api/v1/drift: what was found, and the orders about it. */
import { Hono } from "hono";
import { z } from "zod";
import type { DriftOperators } from "../operators/drift.ts";
import { validate } from "./validate.ts";

export type DriftDeps = {
  drift: DriftOperators;
  /** Highest id of an operation so far: what follows a request has a higher one. */
  lastOperationId: () => Promise<number>;
};

const nameParam = z.object({
  name: z.string().regex(/^(cell\.)?[a-z][a-z0-9-]{0,31}$/, "an instance, or cell.<name>"),
});
const objectParam = z.object({
  object: z
    .string()
    .regex(/^(server|firewall|network|ssh-key|record):[\w-]{1,64}$/, "<kind>:<id> as fleet drift shows it"),
});

export function createDriftRoutes({ drift, lastOperationId }: DriftDeps, actor: string) {
  return new Hono()
    .get("/", async (c) => c.json(await drift.read()))
    .post("/scans", async (c) => {
      const after = Math.max(0, ...(await drift.read()).scans.map(({ id }) => id));
      return c.json({ accounts: await drift.scan(actor), after }, 202);
    })
    .post("/findings/:name/repair", validate("param", nameParam), async (c) => {
      const { name } = c.req.valid("param");
      const after = await lastOperationId();
      await drift.repair({ name, actor });
      return c.json({ after }, 202);
    })
    .delete("/objects/:object", validate("param", objectParam), async (c) => {
      const { object } = c.req.valid("param");
      await drift.deleteOrphan({ object, actor });
      return c.json({ object }, 202);
    });
}
