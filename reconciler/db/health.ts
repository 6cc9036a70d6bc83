/** Rows of `clawfleet.health` and the brakes: one statement a function. */
import type { Health, Rung, Verdict } from "../health/decide.ts";
import type { Trouble, Vitals, Warning } from "../health/vitals.ts";
import type { BrakeCounts } from "../health/brake.ts";
import type { Binding } from "../queue/binding.ts";
import { isReachedBy } from "./bindings.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";
import { isPaused } from "./pauses.ts";

/** Every instance that has a cell gets a row, due at some moment of the coming interval; those that are gone lose theirs. */
export async function adoptInstances(sql: Query, binding: Binding, intervalMs: number): Promise<void> {
  await sql`
    insert into clawfleet.health (instance_id, probe_at)
    select i.id, now() + random() * ${intervalMs} * interval '1 ms'
    from clawfleet.instances i
    where i.cell is not null and i.status <> 'gone' and i.observed_phase = 'running' and ${isReachedBy(sql, binding)}
      and not exists (select 1 from clawfleet.health h where h.instance_id = i.id)
    on conflict (instance_id) do nothing`;
  await sql`
    delete from clawfleet.health h using clawfleet.instances i
    where i.id = h.instance_id and ${isReachedBy(sql, binding)} and (i.status = 'gone' or i.observed_phase <> 'running')`;
}

/** By its override, or by an operator's pause. */
export function isLeftAlone(sql: Query) {
  return sql`(coalesce((i.override ->> 'hold')::boolean, false) or ${isPaused(sql)})`;
}

/** Where a machine is and how it is entered. */
export type Located = {
  id: string;
  cell: string;
  /** Sealed instanceSecrets and cellSecrets. */
  secrets: Uint8Array;
  cellSecrets: Uint8Array;
  /** As stored. */
  cellSettings: unknown;
  outputs: unknown;
  privateIp: string | null;
};

/** Of the instance `i` and its cell `c`. */
export function locatedColumns(sql: Query) {
  return sql`i.id, i.cell, i.secrets, c.secrets as "cellSecrets", c.settings as "cellSettings", i.outputs,
    host(i.private_ip) as "privateIp"`;
}

export type DueProbe = Located & {
  slug: string;
  /** By its override, or an operator has paused it. */
  hold: boolean;
  /** Its plan allows it, and no change of ours is unfinished that may be what makes it ill. */
  mayRebuild: boolean;
  /** A step of healing waits or is under way. */
  healing: boolean;
  /** It is to run and nobody is changing it, or has stopped it to copy its disk or its files: what it says counts. */
  settled: boolean;
  verdict: Verdict;
  strikes: number;
  passes: number;
  rung: Rung | null;
  exhausted: boolean;
  warnings: Warning[];
  restarts: number | null;
  busySince: Date | null;
  attempt: number;
};

/** Longer than any reading: whoever took one and died gives it to others. */
const leaseMs = 45_000;

/** Takes the most overdue ones. Nobody else reads them until they are recorded or put off. */
export async function takeDue(sql: Query, take: { binding: Binding; limit: number }): Promise<DueProbe[]> {
  return await sql<DueProbe[]>`
    with due as (
      select h.instance_id from clawfleet.health h join clawfleet.instances i on i.id = h.instance_id
      where h.probe_at <= now() and ${isReachedBy(sql, take.binding)}
      order by h.probe_at
      limit ${take.limit}
      for update of h skip locked
    )
    update clawfleet.health h set probe_at = now() + ${leaseMs} * interval '1 ms'
    from due, clawfleet.instances i join clawfleet.cells c on c.name = i.cell
    where h.instance_id = due.instance_id and i.id = h.instance_id
    returning i.slug, ${locatedColumns(sql)}, ${isLeftAlone(sql)} as hold,
      ${isRebuildable(sql)} as "mayRebuild",
      exists (
        select 1 from pgboss.job j
        where j.name = 'converge' and j.state <= 'active' and j.singleton_key = i.id || '#heal'
      ) as healing,
      i.phase = 'running' and i.observed_phase = 'running' and i.status in ('ready', 'waiting', 'parked')
        and ((i.snapshot_id is null and i.transfer_mark is null) or i.status = 'ready') as settled,
      h.verdict, h.strikes, h.passes, h.rung, h.exhausted, h.warnings, h.restarts, h.busy_since as "busySince", h.attempt`;
}

/** A release or a key that breaks the start would break it on a new machine too, and its disk would be lost for nothing. */
export function isRebuildable(sql: Query) {
  return sql`(${planAllowsRebuild(sql)} and i.status = 'ready' and i.observed_generation >= i.generation)`;
}

export function planAllowsRebuild(sql: Query) {
  return sql`coalesce((i.plan_settings -> 'healing' ->> 'rebuild')::boolean, false)`;
}

export type HealthRecord = Omit<Health, "warnings"> & {
  id: string;
  attempt: number;
  warnings: readonly Warning[];
  trouble: Trouble | null;
  detail: string | null;
  vitals: Vitals | null;
};

/** Of those that are not read now. */
export async function putOff(sql: Query, ids: readonly string[], intervalMs: number): Promise<void> {
  if (ids.length === 0) return;
  await sql`
    update clawfleet.health set attended_at = now(), probe_at = now() + ${intervalMs} * interval '1 ms'
    where instance_id = any(${[...ids]})`;
}

/**
 * What was read at `now`; due again after `intervalMs`. A reading without vitals keeps those that were seen last. One that began
 * before an attempt to help ended says nothing any more, and is not written. Returns the ids of those that were.
 */
export async function recordReadings(
  sql: Query,
  records: readonly HealthRecord[],
  { now, intervalMs }: { now: Date; intervalMs: number },
): Promise<Set<string>> {
  if (records.length === 0) return new Set();
  const rows = await sql<{ id: string }[]>`
    update clawfleet.health h set
      probed_at = ${now}, attended_at = now(), probe_at = now() + ${intervalMs} * interval '1 ms',
      strikes = r.strikes, passes = r.passes, restarts = r.restarts, busy_since = r."busySince", trouble = r.trouble,
      rung = r.rung, exhausted = r.exhausted,
      verdict_since = case when h.verdict = r.verdict then h.verdict_since else ${now} end, verdict = r.verdict,
      detail = r.detail, warnings = array(select jsonb_array_elements_text(r.warnings)), vitals = coalesce(r.vitals, h.vitals)
    from jsonb_to_recordset(${sql.json(toJson(records))}) as r(
      id text, attempt int, verdict text, strikes int, passes int, restarts int, "busySince" timestamptz, rung text,
      exhausted boolean, warnings jsonb, trouble text, detail text, vitals jsonb)
    where h.instance_id = r.id and h.attempt = r.attempt
    returning h.instance_id as id`;
  return new Set(rows.map(({ id }) => id));
}

export type ScopedCounts = BrakeCounts & {
  scope: string;
  /** Those whose last reading reached their machine. */
  answering: number;
};

export const fleetScope = "fleet";
export const cellScope = (cell: string) => `cell.${cell}`;

/** By cell, and of all. Those that a person has to look at are old cases, and no sign of a new outage. */
export async function countSuspected(sql: Query): Promise<ScopedCounts[]> {
  return await sql<ScopedCounts[]>`
    select case when i.cell is null then ${fleetScope} else 'cell.' || i.cell end as scope, count(*)::int as watched,
      count(*) filter (where (h.strikes >= 2 or h.verdict = 'ill') and not h.exhausted)::int as suspected,
      count(*) filter (where not h.exhausted)::int as open,
      count(*) filter (where h.trouble = 'unreachable' and not h.exhausted)::int as unreachable,
      count(*) filter (where h.probed_at is not null and h.trouble is distinct from 'unreachable')::int as answering
    from clawfleet.health h join clawfleet.instances i on i.id = h.instance_id
    group by grouping sets ((i.cell), ())`;
}

export type BrakeRow = { scope: string; engagedAt: Date; suspected: number; watched: number };

export async function listBrakes(sql: Query): Promise<BrakeRow[]> {
  return await sql<BrakeRow[]>`
    select scope, engaged_at as "engagedAt", suspected, watched from clawfleet.health_brakes order by scope`;
}

export async function engageBrake(
  sql: Query,
  { scope, suspected, watched }: Pick<ScopedCounts, "scope" | "suspected" | "watched">,
  now: Date,
): Promise<void> {
  await sql`
    insert into clawfleet.health_brakes (scope, engaged_at, suspected, watched)
    values (${scope}, ${now}, ${suspected}, ${watched})
    on conflict (scope) do update set suspected = excluded.suspected, watched = excluded.watched`;
}

export async function releaseBrakesExcept(sql: Query, scopes: readonly string[]): Promise<string[]> {
  const rows = await sql<{ scope: string }[]>`
    delete from clawfleet.health_brakes where scope <> all(${[...scopes]}::text[]) returning scope`;
  return rows.map(({ scope }) => scope);
}

export async function findLocated(sql: Query, id: string): Promise<Located | undefined> {
  const [row] = await sql<Located[]>`
    select ${locatedColumns(sql)}
    from clawfleet.instances i join clawfleet.cells c on c.name = i.cell where i.id = ${id}`;
  return row;
}

export async function countVerdicts(sql: Query): Promise<{ verdict: Verdict; count: number }[]> {
  return await sql<{ verdict: Verdict; count: number }[]>`
    select verdict, count(*)::int as count from clawfleet.health group by verdict`;
}

/** Instances that should have been read long ago: no worker of their cell is alive, or the way to them is not known. */
export async function countUnread(sql: Query, overdueMs: number): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(*)::int as count from clawfleet.health
    where attended_at < now() - ${overdueMs} * interval '1 ms'`;
  return row?.count ?? 0;
}
