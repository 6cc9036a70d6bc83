/** What is kept for a time only. Operations themselves, like orders and interventions, are the ledger and stay. */
import { endedStatuses } from "../desired/phases.ts";
import type { Query } from "./database.ts";

const dayMs = 24 * 60 * 60_000;

/** Days. A billing provider repeats an event for days; a year and a month leaves room for replays by hand. */
export const retention = {
  events: 90,
  sweeps: 90,
  hints: 400,
  budgets: 7,
  scans: 90,
  plans: 400,
  answers: 1,
  strangers: 30,
  /** The month before this one can still be asked about. */
  messages: 62,
} as const;

export type Removed = Record<keyof typeof retention, number>;

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
  const [scans, plans, answers, strangers, messages] = [
    before(retention.scans),
    before(retention.plans),
    before(retention.answers),
    before(retention.strangers),
    before(retention.messages),
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
    scans: await repeat(
      () => sql`
        delete from clawfleet.drift_scans where id in (
          select id from clawfleet.drift_scans where started_at < ${scans} and ended_at is not null order by id limit ${batch}
        )`,
    ),
    // What became of a commit stays, and what a request showed last: somebody may merge it yet.
    plans: await repeat(
      () => sql`
        delete from clawfleet.plans where id in (
          select p.id from clawfleet.plans p where p.created_at < ${plans}
            and not exists (select 1 from clawfleet.git_pushes where plan_id = p.id)
            and not exists (select 1 from clawfleet.pull_requests where p.id in (plan_id, shown_plan_id))
          order by p.id limit ${batch}
        )`,
    ),
    answers: await repeat(
      () => sql`
        delete from clawfleet.idempotency_keys where (actor, key) in (
          select actor, key from clawfleet.idempotency_keys where created_at < ${answers} limit ${batch}
        )`,
    ),
    // Addresses of who never finished paying, or left without ever having had an assistant.
    strangers: await repeat(
      () => sql`
        update clawfleet.subscriptions set email = null, forgotten_at = ${now}
        where (provider, id) in (
          select s.provider, s.id from clawfleet.subscriptions s
          where s.email is not null and s.status = any(${[...endedStatuses]}::text[])
            and coalesce(s.ended_at, s.status_since) < ${strangers}
            and not exists (
              select 1 from clawfleet.instances i
              where i.provider = s.provider and i.customer_id = s.customer_id and i.status <> 'gone'
            )
          order by s.provider, s.id
          limit ${batch}
          for no key update
        )`,
    ),
    messages: await repeat(
      () => sql`
        delete from clawfleet.message_counts where (instance_id, day) in (
          select instance_id, day from clawfleet.message_counts where day < ${messages}::timestamptz limit ${batch}
        )`,
    ),
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
