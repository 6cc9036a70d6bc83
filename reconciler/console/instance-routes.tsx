/** One instance: its page, what happens to it live, and the orders about it; and one operation. */
import { Hono } from "hono";
import type { Sql } from "postgres";
import { z } from "zod";
import { slugSchema } from "../../infra/config.ts";
import { findFleetInstance, type FleetRow } from "../db/fleet.ts";
import { findDiff, findInstanceFacts, listLogTail, listTimeline } from "../db/instance-facts.ts";
import { permanent, type ClawfleetError } from "../errors.ts";
import { findOperation, type OperationRow } from "../operations/rows.ts";
import type { OperationWatch } from "../operations/watch.ts";
import { notFound } from "../operators/problems.ts";
import { validate } from "../routes/validate.ts";
import { actionIds, actions, type ActionOperators } from "./actions.ts";
import { toDiffLines } from "./diff-lines.ts";
import { requireScope, type ConsoleEnv } from "./guard.ts";
import { InstancePage, type InstancePageProps } from "./instance-page.tsx";
import { streamInstance } from "./live.ts";
import { parsePosition } from "./log-list.tsx";
import { OperationPage } from "./operation-page.tsx";
import type { Sessions } from "./sessions.ts";

export type InstanceRouteDeps = {
  sql: Sql;
  watch: OperationWatch;
  sessions: Sessions;
  operators: ActionOperators;
};

const timelineLength = 20;
/** Lines of a log on a page; more would make it slow, and an operation has its own page. */
const tailLength = 400;
const wholeLength = 5_000;

const id = z.coerce.number().int().positive().max(2_147_483_647);
const slugParam = z.object({ slug: slugSchema });
const actionParam = z.object({ slug: slugSchema, action: z.enum(actionIds) });
const pageQuery = z.object({
  done: z.enum(actionIds).optional().catch(undefined),
  before: id.optional().catch(undefined),
});

export function createInstanceRoutes(deps: InstanceRouteDeps) {
  const { sql, watch, sessions, operators } = deps;
  return new Hono<ConsoleEnv>()
    .get("/instances/:slug", validate("param", slugParam), validate("query", pageQuery), async (c) => {
      const instance = await mustFind(sql, c.req.valid("param").slug);
      const { done, before } = c.req.valid("query");
      const said = done === undefined ? undefined : actions[done].done;
      const seen = await readInstance(sql, instance, before);
      return await c.html(<InstancePage viewer={c.get("viewer")} done={said} {...seen} />);
    })
    .get("/instances/:slug/events", validate("param", slugParam), async (c) => {
      const instance = await mustFind(sql, c.req.valid("param").slug);
      const given = c.req.header("last-event-id") ?? c.req.query("after") ?? "";
      const from = parsePosition(given) ?? { operation: 0, seq: -1 };
      const token = c.get("sessionToken");
      const live = { sql, watch, mayRead: () => sessions.lives(token) };
      return streamInstance(c, live, { id: instance.id, slug: instance.slug, from });
    })
    .post("/instances/:slug/actions/:action", validate("param", actionParam), async (c) => {
      const { slug, action: name } = c.req.valid("param");
      const viewer = c.get("viewer");
      const action = actions[name];
      requireScope(viewer, action.scope);
      if (action.typed) requireTyped((await c.req.parseBody())["typed"], slug);
      await action.order(operators, { slug, actor: viewer.operator.name });
      return c.redirect(`/console/instances/${slug}?done=${name}`, 303);
    })
    .get("/operations/:id", validate("param", z.object({ id })), async (c) => {
      const operation = await findOperation(sql, c.req.valid("param").id);
      if (!operation) throw noOperation(c.req.valid("param").id);
      const log = await listLogTail(sql, operation.id, wholeLength);
      return await c.html(<OperationPage viewer={c.get("viewer")} operation={operation} log={log} />);
    });
}

type Seen = Omit<InstancePageProps, "viewer" | "done">;

async function readInstance(sql: Sql, instance: FleetRow, before: number | undefined): Promise<Seen> {
  const facts = await findInstanceFacts(sql, instance.id);
  if (!facts) throw notFound(instance.slug);
  const rows = await listTimeline(sql, instance.id, { before, limit: timelineLength });
  const [newest] =
    before === undefined ? rows : await listTimeline(sql, instance.id, { before: undefined, limit: 1 });
  const log = newest ? await listLogTail(sql, newest.id, tailLength) : [];
  const at = { operation: newest?.id ?? 0, seq: log.at(-1)?.seq ?? -1 };
  const older = rows.length === timelineLength ? rows.at(-1)?.id : undefined;
  return { instance, facts, timeline: { rows, older }, changes: await readChanges(sql, rows), log, at };
}

/** Of the newest preview; what was applied since then is no longer to come. */
async function readChanges(sql: Sql, rows: readonly OperationRow[]): Promise<Seen["changes"]> {
  const operation = rows.find(({ endedAt, outcome }) => endedAt !== null && outcome !== "interrupted");
  if (operation?.kind !== "preview") return undefined;
  const diff = await findDiff(sql, operation.id);
  return diff === undefined ? undefined : { operation, lines: toDiffLines(diff) };
}

async function mustFind(sql: Sql, slug: string): Promise<FleetRow> {
  const found = await findFleetInstance(sql, slug);
  if (!found) throw notFound(slug);
  return found;
}

/** @throws input_invalid unless the name was typed: the browser asks for it, and others could leave that out. */
export function requireTyped(given: unknown, wanted: string): void {
  if (given === wanted) return;
  throw permanent("input_invalid", `nothing was deleted: to go on, type ${wanted}`);
}

function noOperation(operation: number): ClawfleetError {
  return permanent("not_found", `there is no operation ${operation}`);
}
