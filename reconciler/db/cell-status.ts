/** The observed half of cells: what converge reads and writes. One statement a function. */
import type { CellOutputs } from "../../infra/outputs.ts";
import type { Blocker } from "../errors.ts";
import type { Reason } from "../queue/jobs.ts";
import type { BlockKey } from "./blocks.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";
import { isFleetPaused } from "./pauses.ts";
import { arrivedAt } from "./subject.ts";

export const cellStatuses = ["pending", "converging", "ready", "waiting", "parked"] as const;
export type CellStatus = (typeof cellStatuses)[number];

export type CellConvergeRow = {
  kind: "cell";
  /** Its name, as `cell`. */
  id: string;
  cell: string;
  account: string;
  generation: number;
  observedGeneration: number;
  /** Its network stands: instances can be made in it, also while newer settings are not applied yet. */
  hasOutputs: boolean;
  status: CellStatus;
  statusDetail: string | null;
  failures: number;
  retryReason: Reason | null;
  blockedBy: Blocker | null;
  blockedScope: string | null;
  /** With the whole fleet. */
  paused: boolean;
};

export async function findCellRow(sql: Query, name: string): Promise<CellConvergeRow | undefined> {
  const [row] = await sql<CellConvergeRow[]>`
    select 'cell' as kind, name as id, name as cell, account, generation, observed_generation as "observedGeneration",
      outputs is not null as "hasOutputs", status, status_detail as "statusDetail", failures,
      retry_reason as "retryReason", blocked_by as "blockedBy", blocked_scope as "blockedScope",
      ${isFleetPaused(sql)} as paused
    from clawfleet.cells where name = ${name}`;
  return row;
}

/** `generation` is the one that the run applied; the row may be further by now. `before`: the outputs as they were stored. */
export async function recordCellReady(
  sql: Query,
  name: string,
  seen: { generation: number; outputs: CellOutputs },
): Promise<{ behind: boolean; before: unknown }> {
  const [row] = await sql<{ behind: boolean; before: unknown }[]>`
    with old as (select name, outputs from clawfleet.cells where name = ${name} for no key update)
    update clawfleet.cells c set
      ${arrivedAt(sql, seen.generation)}, outputs = ${sql.json(toJson(seen.outputs))}
    from old
    where c.name = old.name
    returning c.generation <> ${seen.generation} as behind, old.outputs as before`;
  return row ?? { behind: false, before: null };
}

export type WaitingCell = { name: string; retryReason: Reason | null };

/** Those that have something to do, once the fleet is no longer paused. */
export async function listReleasedCells(sql: Query): Promise<WaitingCell[]> {
  return await sql<WaitingCell[]>`
    select name, retry_reason as "retryReason" from clawfleet.cells
    where status <> 'parked' and observed_generation < generation and blocked_by is null and not ${isFleetPaused(sql)}`;
}

/** Waiting ones whose time has come. */
export async function listDueCells(sql: Query, now: Date): Promise<WaitingCell[]> {
  return await sql<WaitingCell[]>`
    select name, retry_reason as "retryReason" from clawfleet.cells
    where status = 'waiting' and retry_at <= ${now} order by retry_at`;
}

/** Those that wait for one of these, free to go on. */
export async function releaseBlockedCells(
  sql: Query,
  blockers: readonly Blocker[],
  scope: string,
): Promise<WaitingCell[]> {
  return await sql<WaitingCell[]>`
    update clawfleet.cells set
      status = 'pending', status_detail = null, blocked_by = null, blocked_scope = null, blocked_at = null
    where blocked_by = any(${[...blockers]}::text[]) and blocked_scope = ${scope} and status = 'waiting'
    returning name, retry_reason as "retryReason"`;
}

/** Of those that wait the one that was looked with the longest ago. Taking it is written down. */
export async function pickCellProbe(sql: Query, key: BlockKey, now: Date): Promise<WaitingCell | undefined> {
  const [row] = await sql<WaitingCell[]>`
    update clawfleet.cells set blocked_at = ${now}
    where name = (
      select name from clawfleet.cells
      where blocked_by = ${key.blockedBy} and blocked_scope = ${key.scope} and status = 'waiting'
      order by blocked_at, name
      limit 1
    )
    returning name, retry_reason as "retryReason"`;
  return row;
}

/** Those that wait for this cell say the same of it as it does. */
export async function tellWaiting(sql: Query, name: string, detail: string): Promise<void> {
  await sql`
    update clawfleet.instances set status_detail = ${detail}
    where blocked_by = 'cell' and blocked_scope = ${name} and status = 'waiting'`;
}
