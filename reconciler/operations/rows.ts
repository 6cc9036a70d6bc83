/** Rows of `clawfleet.operations` and their events: one statement a function. */
import type { Query } from "../db/database.ts";
import { toJson } from "../db/json.ts";
import type { RunKind } from "../../infra/runner-protocol.ts";
import type { OperationEvent } from "./engine-events.ts";

/** Payload: the stack. */
export const operationChannel = "clawfleet_operation";

/** Runs of the engine, and what is done to a machine without it. */
export type OperationKind = RunKind | "restart" | "reboot";

export type NewOperation = {
  stack: string;
  instanceId: string | null;
  kind: OperationKind;
  reason: string;
  actor: string;
  generation: number;
  worker: string;
  now: Date;
};

export async function insertOperation(sql: Query, operation: NewOperation): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into clawfleet.operations (stack, instance_id, kind, reason, actor, generation, worker, started_at)
    values (${operation.stack}, ${operation.instanceId}, ${operation.kind}, ${operation.reason}, ${operation.actor},
      ${operation.generation}, ${operation.worker}, ${operation.now})
    returning id::int as id`;
  return row?.id ?? 0;
}

/** What its runner started: whose locks a run on another machine may have left (recovery/locks.ts). */
export async function recordProcess(
  sql: Query,
  id: number,
  { pid, startedAt }: { pid: number; startedAt: Date },
): Promise<void> {
  const entry = { pid, startedAt: startedAt.toISOString() };
  await sql`update clawfleet.operations set processes = processes || ${sql.json([entry])} where id = ${id}`;
}

export type OperationEnd = {
  outcome: "succeeded" | "unchanged" | "failed" | "interrupted";
  changes: Record<string, number>;
  error: { code: string; message: string; remedy: string | undefined; retry: string } | null;
  now: Date;
};

export async function endOperation(sql: Query, id: number, end: OperationEnd): Promise<void> {
  await sql`
    update clawfleet.operations set
      ended_at = ${end.now}, end_recorded_at = clock_timestamp(), outcome = ${end.outcome}, changes = ${sql.json(end.changes)},
      error = ${end.error === null ? null : sql.json(toJson(end.error))}
    where id = ${id}`;
}

/** Begun and not ended, as far as anybody has said. */
export async function listRunning(sql: Query, stack: string): Promise<{ id: number; worker: string }[]> {
  return await sql<{ id: number; worker: string }[]>`
    select id::int as id, worker from clawfleet.operations where stack = ${stack} and ended_at is null`;
}

/** Those of a worker that died: whoever runs the stack next says so. Returns how many. */
export async function interruptOperations(sql: Query, stack: string, now: Date): Promise<number> {
  const rows = await sql`
    update clawfleet.operations set ended_at = ${now}, end_recorded_at = clock_timestamp(), outcome = 'interrupted'
    where stack = ${stack} and ended_at is null
    returning id`;
  return rows.length;
}

export async function insertEvents(
  sql: Query,
  operationId: number,
  events: readonly (OperationEvent & { seq: number; at: Date })[],
): Promise<void> {
  await sql`
    insert into clawfleet.operation_events (operation_id, seq, at, kind, message, data)
    select ${operationId}, e.seq, e.at, e.kind, e.message, e.data
    from jsonb_to_recordset(${sql.json(toJson(events))}) as e(seq int, at timestamptz, kind text, message text, data jsonb)`;
}

export async function notifyOperation(sql: Query, stack: string): Promise<void> {
  await sql`select pg_notify(${operationChannel}, ${stack})`;
}

export type OperationRow = {
  id: number;
  stack: string;
  kind: string;
  reason: string;
  actor: string;
  generation: number;
  worker: string;
  startedAt: Date;
  endedAt: Date | null;
  outcome: string | null;
  changes: Record<string, number> | null;
  error: { code: string; message: string; remedy?: string } | null;
};

export const operationColumns = (sql: Query) => sql`
  id::int as id, stack, kind, reason, actor, generation::int as generation, worker, started_at as "startedAt",
  ended_at as "endedAt", outcome, changes, error`;

export async function listOperations(sql: Query, stack: string, limit: number): Promise<OperationRow[]> {
  return await sql<OperationRow[]>`
    select ${operationColumns(sql)} from clawfleet.operations where stack = ${stack} order by id desc limit ${limit}`;
}

export async function findOperation(sql: Query, id: number): Promise<OperationRow | undefined> {
  const [row] = await sql<
    OperationRow[]
  >`select ${operationColumns(sql)} from clawfleet.operations where id = ${id}`;
  return row;
}

export async function findLastOperationId(sql: Query): Promise<number> {
  const [row] = await sql<{ id: number }[]>`select coalesce(max(id), 0)::int as id from clawfleet.operations`;
  return row?.id ?? 0;
}

export type EventRow = { seq: number; at: Date; kind: string; message: string };

export async function listEvents(sql: Query, operationId: number, afterSeq: number): Promise<EventRow[]> {
  return await sql<EventRow[]>`
    select seq, at, kind, message from clawfleet.operation_events
    where operation_id = ${operationId} and seq > ${afterSeq} order by seq limit 5000`;
}

export type ResourceMark = { resource: string; kind: string };

/** How the last run that touched each resource of an instance left it. */
export async function listResourceMarks(sql: Query, instanceId: string): Promise<ResourceMark[]> {
  return await sql<ResourceMark[]>`
    select distinct on (e.data ->> 'resource') e.data ->> 'resource' as resource, e.kind
    from clawfleet.operation_events e join clawfleet.operations o on o.id = e.operation_id
    where o.instance_id = ${instanceId} and o.kind = 'up' and e.kind in ('resource-started', 'resource-done', 'resource-failed')
    order by e.data ->> 'resource', e.operation_id desc, e.seq desc`;
}

/** What a preview said that it would do, resource by resource. */
export async function listPlannedSteps(
  sql: Query,
  operationId: number,
): Promise<{ resource: string; type: string; op: string }[]> {
  return await sql<{ resource: string; type: string; op: string }[]>`
    select data ->> 'resource' as resource, data ->> 'type' as type, data ->> 'op' as op from clawfleet.operation_events
    where operation_id = ${operationId} and kind in ('resource-started', 'resource-done') and data ? 'op' order by seq`;
}
