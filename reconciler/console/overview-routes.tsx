/** Drift, queue and budgets, money, audit. */
import { Hono } from "hono";
import type { Sql } from "postgres";
import { z } from "zod";
import { listAudit } from "../db/api-keys.ts";
import type { BillingOperators } from "../operators/billing.ts";
import type { DriftOperators } from "../operators/drift.ts";
import type { MoneyOperators } from "../operators/money.ts";
import type { StandingOperators } from "../operators/standing.ts";
import { validate } from "../routes/validate.ts";
import { AuditPage } from "./audit-page.tsx";
import { DriftPage } from "./drift-page.tsx";
import { requireScope, type ConsoleEnv } from "./guard.ts";
import { requireTyped } from "./instance-routes.tsx";
import { MoneyPage } from "./money-page.tsx";
import { QueuePage } from "./queue-page.tsx";
import { readQueueView } from "./queue-view.ts";

export type OverviewRouteDeps = {
  sql: Sql;
  operators: { drift: DriftOperators; standing: StandingOperators } & Pick<
    BillingOperators,
    "halt" | "endHalt"
  > &
    MoneyOperators;
};

const auditLength = 100;
const driftLength = 50;
const said = {
  scan: "The clouds are being looked at.",
  repair: "Its repair is queued.",
  delete: "Its deletion is queued.",
  pause: "The fleet is held.",
  unpause: "The fleet is released.",
  halt: "Every removal is stopped.",
  unhalt: "Removals go on with the next sweep.",
} as const;
const doneQuery = z.object({
  done: z
    .enum(["scan", "repair", "delete", "pause", "unpause", "halt", "unhalt"])
    .optional()
    .catch(undefined),
});
/** What somebody typed into the address is passed over, not refused. */
const findingId = z.coerce.number().int().positive().max(2_147_483_647).optional().catch(undefined);
const driftQuery = doneQuery.extend({ after: findingId, before: findingId });
const auditQuery = z.object({
  actor: z.string().trim().min(1).max(100).optional().catch(undefined),
  before: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER).optional().catch(undefined),
});
const repairForm = z.object({ name: z.string().max(100), typed: z.string().max(100).optional() });
const haltForm = z.object({ reason: z.string().trim().max(300).default("") });
const objectForm = z.object({ object: z.string().max(300), typed: z.string().max(300) });

export function createOverviewRoutes({ sql, operators }: OverviewRouteDeps) {
  const { drift, standing } = operators;
  return new Hono<ConsoleEnv>()
    .get("/drift", validate("query", driftQuery), async (c) => {
      const { done, ...page } = c.req.valid("query");
      const text = done === undefined ? undefined : said[done];
      const answer = await drift.read({ ...page, limit: driftLength });
      return await c.html(<DriftPage viewer={c.get("viewer")} drift={answer} done={text} />);
    })
    .post("/drift/scan", async (c) => {
      requireScope(c.get("viewer"), "operate");
      await drift.scan(c.get("viewer").operator.name);
      return c.redirect("/console/drift?done=scan", 303);
    })
    .post("/drift/repair", validate("form", repairForm), async (c) => {
      const { name, typed } = c.req.valid("form");
      const { operator } = c.get("viewer");
      requireScope(c.get("viewer"), typed === undefined ? "operate" : "delete");
      if (typed !== undefined) requireTyped(typed, name);
      await drift.repair({ name, mayLose: typed !== undefined, actor: operator.name });
      return c.redirect("/console/drift?done=repair", 303);
    })
    .post("/drift/delete", validate("form", objectForm), async (c) => {
      requireScope(c.get("viewer"), "delete");
      const { object, typed } = c.req.valid("form");
      requireTyped(typed, object);
      await drift.deleteOrphan({ object, actor: c.get("viewer").operator.name });
      return c.redirect("/console/drift?done=delete", 303);
    })
    .get("/queue", validate("query", doneQuery), async (c) => {
      const { done } = c.req.valid("query");
      const text = done === undefined ? undefined : said[done];
      return await c.html(<QueuePage viewer={c.get("viewer")} view={await readQueueView(sql)} done={text} />);
    })
    .post("/queue/pause", async (c) => {
      requireScope(c.get("viewer"), "operate");
      await standing.pause({ slug: null, actor: c.get("viewer").operator.name });
      return c.redirect("/console/queue?done=pause", 303);
    })
    .post("/queue/unpause", async (c) => {
      requireScope(c.get("viewer"), "operate");
      await standing.unpause({ slug: null, actor: c.get("viewer").operator.name });
      return c.redirect("/console/queue?done=unpause", 303);
    })
    .post("/queue/halt", validate("form", haltForm), async (c) => {
      requireScope(c.get("viewer"), "operate");
      const { reason } = c.req.valid("form");
      await operators.halt({
        reason: reason === "" ? null : reason,
        actor: c.get("viewer").operator.name,
      });
      return c.redirect("/console/queue?done=halt", 303);
    })
    .post("/queue/unhalt", async (c) => {
      requireScope(c.get("viewer"), "operate");
      await operators.endHalt();
      return c.redirect("/console/queue?done=unhalt", 303);
    })
    .get("/money", async (c) =>
      c.html(<MoneyPage viewer={c.get("viewer")} money={await operators.readMoney()} />),
    )
    .get("/audit", validate("query", auditQuery), async (c) => {
      const { actor, before } = c.req.valid("query");
      const entries = await listAudit(sql, { actor, before, limit: auditLength });
      const older = entries.length === auditLength ? entries.at(-1)?.id : undefined;
      return await c.html(
        <AuditPage viewer={c.get("viewer")} entries={entries} actor={actor} older={older} />,
      );
    });
}
