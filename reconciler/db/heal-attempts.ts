/** Attempts to help an instance, in its row of `clawfleet.health`: each begins once and ends once. One statement a function. */
import type { Rung, Verdict } from "../health/decide.ts";
import type { Trouble } from "../health/vitals.ts";
import type { Query } from "./database.ts";
import { cellScope, fleetScope, isLeftAlone, isRebuildable, planAllowsRebuild } from "./health.ts";

/** What a step is decided on once more, just before it is taken. */
export type HealFacts = {
  attempt: number;
  /** By a worker that has died since, or was stopped. */
  begun: boolean;
  verdict: Verdict;
  rung: Rung | null;
  /** Of the last reading. */
  trouble: Trouble | null;
  /** A brake of the fleet or of its cell is engaged. */
  braked: boolean;
  hold: boolean;
  /** Nothing may be taken away from anybody. */
  halted: boolean;
  running: boolean;
  mayRebuild: boolean;
  /** Of the plan alone: a rebuild that was begun leaves a row that is being changed. */
  planAllowsRebuild: boolean;
  /** Another instance of its cell was reached last time. */
  othersAnswer: boolean;
};

export async function findHealFacts(sql: Query, id: string): Promise<HealFacts | undefined> {
  const [row] = await sql<HealFacts[]>`
    select h.attempt, h.begun, h.verdict, h.rung, h.trouble, ${isLeftAlone(sql)} as hold,
      exists (
        select 1 from clawfleet.health_brakes b where b.scope in (${fleetScope}, ${cellScope("")} || i.cell)
      ) as braked,
      exists (select 1 from clawfleet.halt) as halted,
      i.phase = 'running' and i.observed_phase = 'running' as running, ${isRebuildable(sql)} as "mayRebuild",
      ${planAllowsRebuild(sql)} as "planAllowsRebuild",
      exists (
        select 1 from clawfleet.health o join clawfleet.instances oi on oi.id = o.instance_id
        where oi.cell = i.cell and oi.id <> i.id and o.probed_at is not null and o.trouble is distinct from 'unreachable'
      ) as "othersAnswer"
    from clawfleet.health h join clawfleet.instances i on i.id = h.instance_id
    where h.instance_id = ${id}`;
  return row;
}

export async function beginAttempt(
  sql: Query,
  { id, attempt }: { id: string; attempt: number },
): Promise<void> {
  await sql`update clawfleet.health set begun = true where instance_id = ${id} and attempt = ${attempt}`;
}

/**
 * `taken`: the step that was really taken, which the next one is harder than; null: none was, and it may be tried again after as
 * many bad readings as before. Whatever was read before counts for nothing. As `afterStep` says it.
 */
export async function endAttempt(
  sql: Query,
  { id, attempt, taken, now }: { id: string; attempt: number; taken: Rung | null; now: Date },
): Promise<void> {
  await sql`
    update clawfleet.health set
      attempt = attempt + 1, begun = false, strikes = 0, passes = 0, busy_since = null,
      rung = case when ${taken}::text is null or exhausted then rung else ${taken} end,
      step_at = case when ${taken}::text is null then step_at else ${now} end
    where instance_id = ${id} and attempt = ${attempt}`;
}

/** Only a person can make the next attempt possible. */
export async function markExhausted(sql: Query, id: string): Promise<void> {
  await sql`update clawfleet.health set exhausted = true where instance_id = ${id}`;
}
