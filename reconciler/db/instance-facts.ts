/** One instance as its page shows it, and what was said while it was worked on: one statement a function. */
import type { Sql } from "postgres";
import { z } from "zod";
import { operationColumns, type OperationRow } from "../operations/rows.ts";

export type InstanceFacts = {
  id: string;
  phaseReason: string;
  phaseSince: Date;
  nextChangeAt: Date | null;
  subscriptionId: string;
  customerId: string;
  account: string | null;
  /** At Hetzner: what its next server is made from. */
  snapshotId: string | null;
  failures: number;
  retryAt: Date | null;
  blockedBy: string | null;
  held: boolean;
  /** Who had it suspended or archived, whatever billing says. */
  suspendedBy: string | null;
  /** The instance itself, or everybody. */
  pauses: { scope: string; actor: string }[];
};

const pausesSchema = z.array(z.object({ scope: z.string(), actor: z.string() }));

export async function findInstanceFacts(sql: Sql, id: string): Promise<InstanceFacts | undefined> {
  const [row] = await sql<(Omit<InstanceFacts, "pauses"> & { pauses: unknown })[]>`
    select i.id, i.phase_reason as "phaseReason", i.phase_since as "phaseSince", i.next_change_at as "nextChangeAt",
      i.subscription_id as "subscriptionId", i.customer_id as "customerId", c.account, i.snapshot_id as "snapshotId", i.failures, i.retry_at as "retryAt",
      i.blocked_by as "blockedBy", coalesce((i.override ->> 'hold')::boolean, false) as held,
      (select v.actor from clawfleet.interventions v where v.phase in ('suspended', 'archived')
        and v.provider = i.provider and v.subscription_id = i.subscription_id) as "suspendedBy",
      (select coalesce(jsonb_agg(jsonb_build_object('scope', p.scope, 'actor', p.actor) order by p.scope), '[]')
        from clawfleet.pauses p where p.scope in ('*', i.slug)) as pauses
    from clawfleet.instances i left join clawfleet.cells c on c.name = i.cell
    where i.id = ${id}`;
  return row && { ...row, pauses: pausesSchema.parse(row.pauses) };
}

/** Newest first, those before `before`: of this instance alone, whoever had its name earlier. */
export async function listTimeline(
  sql: Sql,
  instanceId: string,
  page: { before: number | undefined; limit: number },
): Promise<OperationRow[]> {
  return await sql<OperationRow[]>`
    select ${operationColumns(sql)} from clawfleet.operations
    where instance_id = ${instanceId} and (${page.before ?? null}::bigint is null or id < ${page.before ?? null})
    order by id desc limit ${page.limit}`;
}

/** Where a reader of the log is: the last line that it has. */
export type LogPosition = { operation: number; seq: number };

export type LogLine = {
  operation: number;
  seq: number;
  at: Date;
  kind: string;
  message: string;
};

/** What was said after that line, over all operations, oldest first. */
export async function listLogAfter(
  sql: Sql,
  instanceId: string,
  at: LogPosition,
  limit: number,
): Promise<LogLine[]> {
  return await sql<LogLine[]>`
    select e.operation_id::int as operation, e.seq, e.at, e.kind, e.message
    from clawfleet.operation_events e
    where e.operation_id in (
        select id from clawfleet.operations where instance_id = ${instanceId} and id >= ${at.operation})
      and (e.operation_id, e.seq) > (${at.operation}, ${at.seq})
    order by e.operation_id, e.seq limit ${limit}`;
}

/** The last lines of one operation, oldest first. */
export async function listLogTail(sql: Sql, operation: number, limit: number): Promise<LogLine[]> {
  const rows = await sql<LogLine[]>`
    select operation_id::int as operation, seq, at, kind, message from clawfleet.operation_events
    where operation_id = ${operation} order by seq desc limit ${limit}`;
  return [...rows].toReversed();
}

/** What a preview or a run said that it changes, as Pulumi prints it. */
export async function findDiff(sql: Sql, operation: number): Promise<string | undefined> {
  const [row] = await sql<{ message: string }[]>`
    select message from clawfleet.operation_events where operation_id = ${operation} and kind = 'diff'
    order by seq desc limit 1`;
  return row?.message;
}
