/** The observed half of instances, and of cells what both have alike: what converge reads and writes. One statement a function. */
import type { Location, NetworkZone, Override, Phase } from "../../infra/config.ts";
import type { InstanceOutputs } from "../../infra/outputs.ts";
import type { Blocker } from "../errors.ts";
import type { Reason } from "../queue/jobs.ts";
import type { InstanceStatus } from "../web/order-view.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";
import { isPaused } from "./pauses.ts";
import { arrivedAt, isLiving, tableOf, type Subject } from "./subject.ts";

export type ConvergeRow = {
  kind: "instance";
  id: string;
  slug: string;
  phase: Phase;
  phaseSince: Date;
  status: InstanceStatus;
  plan: string;
  /** As stored; null in rows of older versions. */
  planSettings: unknown;
  override: Override;
  serverType: string;
  location: Location;
  /** Of its cell. */
  networkZone: NetworkZone;
  placementAttempt: number;
  generation: number;
  observedGeneration: number;
  observedPhase: Phase | null;
  /** It answered once: its server holds a customer's data. */
  readyBefore: boolean;
  /** What its server is made from when there is none. */
  snapshotId: string | null;
  /** A move of its server or a copy of its files was begun and not ended: which one. */
  transferMark: string | null;
  /** Its server could become no type of this plan. */
  misfitPlan: string | null;
  failures: number;
  /** Of the work that is not done yet. */
  retryReason: Reason | null;
  /** It waited for this when it was tried last. */
  blockedBy: Blocker | null;
  blockedScope: string | null;
  /** An operator has paused it, or everybody. */
  paused: boolean;
  cell: string;
  account: string;
  /** What the cell says of itself. */
  cellDetail: string | null;
  /** As stored; undefined shape until the cell is up. */
  cellOutputs: unknown;
  outputs: unknown;
};

export async function findConvergeRow(sql: Query, id: string): Promise<ConvergeRow | undefined> {
  const [row] = await sql<ConvergeRow[]>`
    select 'instance' as kind, i.id, i.slug, i.phase, i.phase_since as "phaseSince", i.status, i.plan, i.plan_settings as "planSettings", i.override, i.server_type as "serverType",
      i.location, c.settings ->> 'networkZone' as "networkZone",
      i.placement_attempt as "placementAttempt", i.generation, i.observed_generation as "observedGeneration",
      i.observed_phase as "observedPhase",
      i.ready_at is not null as "readyBefore", i.snapshot_id as "snapshotId", i.transfer_mark as "transferMark", i.misfit_plan as "misfitPlan", i.failures, i.retry_reason as "retryReason",
      i.blocked_by as "blockedBy", i.blocked_scope as "blockedScope",
      ${isPaused(sql)} as paused, i.cell, c.account,
      c.status_detail as "cellDetail", c.outputs as "cellOutputs", i.outputs
    from clawfleet.instances i join clawfleet.cells c on c.name = i.cell
    where i.id = ${id}`;
  return row;
}

export async function markConverging(sql: Query, row: Subject): Promise<void> {
  await sql`
    update ${tableOf(sql, row)} set status = 'converging', status_detail = null
    where ${isLiving(sql, row)}`;
}

/** `generation` is the one that the run applied; the row may be further by now. */
export async function recordReady(
  sql: Query,
  id: string,
  seen: { generation: number; phase: Phase; outputs: InstanceOutputs; now: Date },
): Promise<{ behind: boolean }> {
  const [row] = await sql<{ behind: boolean }[]>`
    update clawfleet.instances set
      ${arrivedAt(sql, seen.generation)}, observed_phase = ${seen.phase},
      outputs = ${sql.json(toJson(seen.outputs))}, ready_at = coalesce(ready_at, ${seen.now}), down_since = null
    where id = ${id}
    returning generation <> ${seen.generation} as behind`;
  return { behind: row?.behind ?? false };
}

/** As soon as it is known, so that whatever ends here, the snapshot is found again. null: there is none any more. */
export async function recordSnapshot(sql: Query, id: string, snapshotId: string | null): Promise<void> {
  await sql`update clawfleet.instances set snapshot_id = ${snapshotId} where id = ${id}`;
}

/** No machine, no records; name, address in the cell and secrets are kept for who comes back. */
export async function recordArchived(
  sql: Query,
  id: string,
  seen: { generation: number; now: Date },
): Promise<{ behind: boolean }> {
  const [row] = await sql<{ behind: boolean }[]>`
    update clawfleet.instances set
      ${arrivedAt(sql, seen.generation)}, observed_phase = 'archived', outputs = null,
      transfer_mark = null, carrier_ip = null, down_since = null
    where id = ${id}
    returning generation <> ${seen.generation} as behind`;
  return { behind: row?.behind ?? false };
}

/** As if archived, whatever is desired: the next converge makes it from its snapshot. */
export async function recordMovedOut(sql: Query, id: string, now: Date): Promise<void> {
  await sql`
    update clawfleet.instances set
      observed_phase = 'archived', outputs = null, transfer_mark = null, carrier_ip = null,
      down_since = coalesce(down_since, ${now})
    where id = ${id}`;
}

/** Tried again by itself at `retryAt`. */
export async function recordWaiting(
  sql: Query,
  row: Subject,
  wait: { detail: string; retryAt: Date; countsAsFailure: boolean; reason: Reason },
): Promise<void> {
  await sql`
    update ${tableOf(sql, row)} set
      status = 'waiting', status_detail = ${wait.detail}, retry_at = ${wait.retryAt}, retry_reason = ${wait.reason},
      blocked_by = null, blocked_scope = null, blocked_at = null,
      failures = failures + ${wait.countsAsFailure ? 1 : 0}
    where ${isLiving(sql, row)}`;
}

/** Waits for a person. */
export async function recordParked(sql: Query, row: Subject, detail: string): Promise<void> {
  await sql`
    update ${tableOf(sql, row)} set
      status = 'parked', status_detail = ${detail}, retry_at = null, retry_reason = null,
      blocked_by = null, blocked_scope = null, blocked_at = null, failures = failures + 1
    where ${isLiving(sql, row)}`;
}

/** Gives name and address back; the row stays as a memory, without secrets and without what is about a person. */
export async function recordGone(sql: Query, id: string, now: Date): Promise<void> {
  await sql`
    update clawfleet.instances set
      status = 'gone', status_detail = null, observed_phase = 'gone', observed_generation = generation,
      private_ip = null, outputs = null, secrets = ''::bytea, snapshot_id = null, transfer_mark = null, carrier_ip = null, down_since = null, email = null, override = '{}',
      chosen_address = null, chosen_at = null,
      retry_at = null, retry_reason = null,
      blocked_by = null, blocked_scope = null, blocked_at = null, failures = 0, gone_at = ${now},
      gone_recorded_at = clock_timestamp()
    where id = ${id}`;
}

export async function recordPlacement(
  sql: Query,
  id: string,
  place: { serverType: string; location: Location; attempt: number },
): Promise<void> {
  await sql`
    update clawfleet.instances set
      server_type = ${place.serverType}, location = ${place.location}, placement_attempt = ${place.attempt},
      misfit_plan = null
    where id = ${id}`;
}

export type DueInstance = { id: string; slug: string; cell: string; retryReason: Reason | null };

/** Waiting ones whose time has come. */
export async function listDue(sql: Query, now: Date): Promise<DueInstance[]> {
  return await sql<DueInstance[]>`
    select id, slug, cell, retry_reason as "retryReason" from clawfleet.instances
    where status = 'waiting' and retry_at <= ${now} and cell is not null
      and not coalesce((override ->> 'hold')::boolean, false)
      and not exists (select 1 from clawfleet.pauses p where p.scope in ('*', slug))
    order by retry_at limit 500`;
}
