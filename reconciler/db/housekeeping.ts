/** What is kept for a time only. Operations themselves, like orders and interventions, are the ledger and stay. */
import type { Query } from "./database.ts";

const dayMs = 24 * 60 * 60_000;

/** Days. A billing provider repeats an event for days; a year and a month leaves room for replays by hand. */
export const retention = { events: 90, sweeps: 90, hints: 400, budgets: 7 } as const;

export type Removed = { events: number; sweeps: number; hints: number; budgets: number };

/** Operations, or rows, of one statement: no lock is held for long. */
const batch = 500;
/** Of one call; the next one goes on. */
const maxBatches = 200;

export async function removeOld(sql: Query, now: Date): Promise<Removed> {
  const before = (days: number) => new Date(now.getTime() - days * dayMs);
  const [events, sweeps, hints, budgets] = [
    before(retention.events),
    before(retention.sweeps),
    before(retention.hints),
    before(retention.budgets),
  ];
  return {
    events: await repeat(
      () => sql`
        delete from clawfleet.operation_events e using (
          select o.id from clawfleet.operations o
          where o.started_at < ${events} and o.ended_at is not null
            and exists (select 1 from clawfleet.operation_events where operation_id = o.id)
          order by o.id limit ${batch}
        ) old
        where e.operation_id = old.id`,
    ),
    sweeps: await repeat(
      () => sql`
        delete from clawfleet.sweeps where id in (
          select id from clawfleet.sweeps where started_at < ${sweeps} and ended_at is not null order by id limit ${batch}
        )`,
    ),
    hints: await repeat(
      () => sql`
        delete from clawfleet.billing_events where (provider, id) in (
          select provider, id from clawfleet.billing_events
          where received_at < ${hints} and handled_at is not null limit ${batch}
        )`,
    ),
    // Of tokens that nobody uses any more; one that comes back begins with a full budget, which it is by then.
    budgets: await repeat(() => sql`delete from clawfleet.rate_budgets where as_of < ${budgets}`),
  };
}

async function repeat(statement: () => PromiseLike<{ count: number }>): Promise<number> {
  let total = 0;
  for (let round = 0; round < maxBatches; round += 1) {
    const { count } = await statement();
    total += count;
    if (count === 0) break;
  }
  return total;
}
