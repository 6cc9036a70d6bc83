/** Rows of `clawfleet.subscriptions`: the last reading of each, whoever bills it. */
import type { JSONValue } from "postgres";
import type { SubscriptionReading } from "../billing/provider.ts";
import { isFurtherSeat } from "../billing/seats.ts";
import { endedStatuses } from "../desired/phases.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type SubscriptionRow = SubscriptionReading & {
  provider: string;
  /** First reading of this status, by our own clock: grace is counted from here. */
  statusSince: Date;
  /** End of the trial as it was sold; what is later than that was given back for our outages. */
  trialEndFirst?: Date | null;
  /** When billing was asked last and said this. */
  readAt: Date;
};

const columns = (sql: Query) => sql`
  s.provider, s.id, s.customer_id as "customerId", s.email, s.slug, s.order_id as "orderId", s.price_keys as "priceKeys",
  s.status, s.status_since as "statusSince", s.created_at as "createdAt", s.period_end as "periodEnd",
  s.cancel_at as "cancelAt", s.ended_at as "endedAt",
  s.trial_end as "trialEnd", s.trial_end_first as "trialEndFirst", s.quantity, s.read_at as "readAt"`;

/** A question to billing, before it is asked. */
export type Asked = {
  /** By our clock, or by the database's where ours is behind: statuses are counted from here. */
  at: Date;
  /** An answer to an older question never replaces that to a newer one, whatever clocks say. */
  order: number;
};

/** A clock that is behind would make late payments older than they are. One that was ahead is made good by the next reading. */
export async function beginReading(sql: Query, at: Date): Promise<Asked> {
  const [row] = await sql<Asked[]>`
    select greatest(${at}::timestamptz, now()) as at, nextval('clawfleet.reading_order') as order`;
  return row ?? { at, order: 0 };
}

export type StoreInput = {
  provider: string;
  readings: readonly SubscriptionReading[];
  asked: Asked;
};

/** Stores levels; a status that is new is written into the ledger. Handing the same reading in twice changes nothing. */
export async function storeReadings(sql: Query, input: StoreInput): Promise<void> {
  const { provider, readings, asked } = input;
  const ids = readings.map(({ id }) => id);
  await storePage(sql, { provider, asked, ids, readings: toJson(readings) });
}

/** As `storeReadings`, of readings as JSON has them. */
export async function storePage(
  sql: Query,
  input: { provider: string; asked: Asked; ids: readonly string[]; readings: JSONValue; sweepId?: number },
): Promise<void> {
  const { provider, asked, ids } = input;
  if (ids.length === 0) return;
  const sweepId = input.sweepId ?? null;
  await sql`
    with stored as (
      insert into clawfleet.subscriptions as s (
        provider, id, customer_id, email, slug, order_id, price_keys, status, status_since,
        created_at, period_end, cancel_at, ended_at, trial_end, trial_end_first, quantity, read_at, read_order, sweep_id
      )
      select ${provider}, r.id, r."customerId", r.email, r.slug, r."orderId", r."priceKeys", r.status, ${asked.at},
        r."createdAt", r."periodEnd", r."cancelAt", r."endedAt", r."trialEnd", r."trialEnd", coalesce(r.quantity, 1),
        ${asked.at}, ${asked.order}::bigint, ${sweepId}::bigint
      from jsonb_to_recordset(${sql.json(input.readings)}) as r(
        id text, "customerId" text, email text, slug text, "orderId" text, "priceKeys" text[], status text,
        "createdAt" timestamptz, "periodEnd" timestamptz, "cancelAt" timestamptz, "endedAt" timestamptz, "trialEnd" timestamptz,
        quantity int
      )
      order by r.id
      on conflict (provider, id) do update set
        customer_id = excluded.customer_id, slug = excluded.slug, order_id = excluded.order_id,
        email = case when s.forgotten_at is null or ${paidAgain(sql)} then excluded.email end,
        forgotten_at = case when not ${paidAgain(sql)} then s.forgotten_at end, price_keys = excluded.price_keys, status = excluded.status,
        status_since = case when s.status = excluded.status then least(s.status_since, excluded.status_since) else excluded.status_since end,
        created_at = excluded.created_at, period_end = excluded.period_end, cancel_at = excluded.cancel_at,
        ended_at = excluded.ended_at, trial_end = excluded.trial_end, quantity = excluded.quantity,
        trial_end_first = coalesce(s.trial_end_first, excluded.trial_end), read_at = excluded.read_at,
        read_order = excluded.read_order
      where s.read_order <= excluded.read_order
      returning s.provider, s.id, s.status, s.status_since, s.ended_at
    )
    insert into clawfleet.ledger (at, kind, provider, subscription_id, value, detail)
    select status_since, 'status', provider, id, status, 'ended ' || to_char(ended_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
    from stored where status_since = ${asked.at} order by id
    on conflict (provider, subscription_id, at, value) where kind = 'status' do nothing`;
  if (sweepId !== null) await markSeen(sql, provider, sweepId, ids);
  await endUnpaidSeats(sql, input);
}

/**
 * Of statements that change many rows, so that two of them at once wait for each other and never in a circle: the rows `s` that
 * `which` names, locked in the order in which `storePage` takes them.
 */
const lockInOrder = (sql: Query, which: ReturnType<typeof paidAgain>) => sql`
  select s.provider, s.id from clawfleet.subscriptions s where ${which} order by s.provider, s.id for no key update`;

/** Of a row that is written anew: who was forgotten after the end, and pays once more, is a customer like any other. */
const paidAgain = (sql: Query) => sql`(
  s.status = any(${[...endedStatuses]}::text[]) and excluded.status <> all(${[...endedStatuses]}::text[]))`;

/** A subscription that was read says how many assistants it pays for; further ones that it had have ended. */
async function endUnpaidSeats(
  sql: Query,
  { provider, asked, ids }: { provider: string; asked: Asked; ids: readonly string[] },
): Promise<void> {
  const parents = ids.filter((id) => !isFurtherSeat(id));
  await sql`
    with unpaid as (${lockInOrder(
      sql,
      sql`
        s.provider = ${provider} and s.id like '%#%' and split_part(s.id, '#', 1) = any(${parents}::text[])
        and s.id <> all(${[...ids]}::text[]) and s.status <> all(${[...endedStatuses]}::text[])
        and s.read_order <= ${asked.order}`,
    )}), over as (
      update clawfleet.subscriptions s set
        status = 'canceled', status_since = ${asked.at}, ended_at = ${asked.at}, cancel_at = null,
        read_at = ${asked.at}, read_order = ${asked.order}, absent_since = null
      from unpaid where s.provider = unpaid.provider and s.id = unpaid.id
      returning s.id
    )
    insert into clawfleet.ledger (at, kind, provider, subscription_id, value, detail)
    select ${asked.at}, 'status', ${provider}, id, 'canceled', 'the quantity became smaller' from over order by id
    on conflict (provider, subscription_id, at, value) where kind = 'status' do nothing`;
}

/** Apart from the values: a page of a sweep that is older than a hint's answer still proves that the subscription exists. */
async function markSeen(
  sql: Query,
  provider: string,
  sweepId: number,
  ids: readonly string[],
): Promise<void> {
  await sql`
    with seen as (${lockInOrder(
      sql,
      sql`
        s.provider = ${provider} and s.id = any(${[...ids]}::text[])
        and (s.sweep_id is distinct from ${sweepId} or s.absent_since is not null)`,
    )})
    update clawfleet.subscriptions s set sweep_id = ${sweepId}, absent_since = null
    from seen where s.provider = seen.provider and s.id = seen.id`;
}

export type SweepPass = { provider: string; sweepId: number; asked: Asked };

/** After a move to another account of the provider: for so long nobody is taken for missing who was billed by the one before. */
export const movingDays = 7;

/**
 * After a complete reading: who was not in it gets a first mark, and `missing` as status when the first mark is at least
 * `apartMs` old. Returns the ids that became missing now.
 */
export async function markAbsent(sql: Query, pass: SweepPass, apartMs: number): Promise<string[]> {
  const { at, order } = pass.asked;
  const longAgo = new Date(at.getTime() - apartMs);
  const movedBefore = new Date(at.getTime() - movingDays * 86_400_000);
  const rows = await sql<{ id: string; status: string }[]>`
    with absent as (
      select s.id, coalesce(s.absent_since, ${at}) as since,
        s.absent_since <= ${longAgo} and (s.read_order >= coalesce(a.epoch, 0) or a.moved_at <= ${movedBefore}) as missing
      from clawfleet.subscriptions s left join clawfleet.billing_accounts a on a.provider = s.provider
      where s.provider = ${pass.provider} and s.sweep_id is distinct from ${pass.sweepId} and s.read_order < ${order}
        and s.status <> all(${[...endedStatuses]}::text[])
      order by s.id for no key update of s
    )
    update clawfleet.subscriptions s set
      absent_since = absent.since,
      status = case when missing then 'missing' else status end,
      status_since = case when missing then ${at} else status_since end,
      read_at = case when missing then ${at} else read_at end,
      read_order = case when missing then ${order} else read_order end
    from absent where s.provider = ${pass.provider} and s.id = absent.id
    returning s.id, s.status`;
  return rows.filter((row) => row.status === "missing").map((row) => row.id);
}

/** What an account that the fleet has left said last: no payment is late by it any more than it was, and the grace begins anew. */
export async function renewGrace(sql: Query, provider: string, now: Date): Promise<void> {
  await sql`
    with living as (${lockInOrder(sql, sql`s.provider = ${provider} and s.status <> all(${[...endedStatuses]}::text[])`)})
    update clawfleet.subscriptions s set status_since = ${now}, absent_since = null
    from living where s.provider = living.provider and s.id = living.id`;
}

/** A subscription that stays missing ages by complete readings that do not hold it, like any other by those that do. */
export async function touchMissing(sql: Query, pass: SweepPass): Promise<void> {
  await sql`
    with missing as (${lockInOrder(
      sql,
      sql`
        s.provider = ${pass.provider} and s.status = 'missing' and s.read_order < ${pass.asked.order}
        and s.sweep_id is distinct from ${pass.sweepId}`,
    )})
    update clawfleet.subscriptions s set read_at = ${pass.asked.at}, read_order = ${pass.asked.order}
    from missing where s.provider = missing.provider and s.id = missing.id`;
}

/** Everything that could decide about these names or belong to these living instances' subscriptions. */
export async function listSubscriptionsFor(sql: Query, slugs: readonly string[]): Promise<SubscriptionRow[]> {
  return await sql<SubscriptionRow[]>`
    select ${columns(sql)} from clawfleet.subscriptions s
    where s.slug = any(${[...slugs]}::text[])
    union
    select ${columns(sql)} from clawfleet.subscriptions s
    join clawfleet.instances i on i.provider = s.provider and i.subscription_id = s.id and i.status <> 'gone'
    where i.slug = any(${[...slugs]}::text[])`;
}

/** As a provider knows them. */
export type Customer = { provider: string; customerId: string };

/** Everything that these customers pay for or have paid for. */
export async function listSubscriptionsOf(
  sql: Query,
  customers: readonly Customer[],
): Promise<SubscriptionRow[]> {
  return await sql<SubscriptionRow[]>`
    select ${columns(sql)} from clawfleet.subscriptions s
    join unnest(
      ${customers.map((one) => one.provider)}::text[], ${customers.map((one) => one.customerId)}::text[]
    ) as wanted(provider, customer_id) using (provider, customer_id)`;
}

/**
 * Customers with a subscription that came without a name, in pages. One that has ended and has no instance any more asks for
 * nothing: a fleet has ever more of these.
 */
export async function listNamelessCustomers(sql: Query, after: Customer, limit: number): Promise<Customer[]> {
  return await sql<Customer[]>`
    select distinct s.provider, s.customer_id as "customerId" from clawfleet.subscriptions s
    where s.slug is null and (s.provider, s.customer_id) > (${after.provider}, ${after.customerId})
      and (s.status <> all(${[...endedStatuses]}::text[]) or exists (
        select 1 from clawfleet.instances i
        where i.provider = s.provider and i.subscription_id = s.id and i.status <> 'gone'
      ))
    order by s.provider, s.customer_id
    limit ${limit}`;
}

/** Every name that a subscription asks for or a living instance has, in pages. */
export async function listSlugs(sql: Query, after: string, limit: number): Promise<string[]> {
  const rows = await sql<{ slug: string }[]>`
    (select distinct slug from clawfleet.subscriptions where slug > ${after} order by slug limit ${limit})
    union
    (select slug from clawfleet.instances where status <> 'gone' and slug > ${after} order by slug limit ${limit})
    order by slug limit ${limit}`;
  return rows.map((row) => row.slug);
}
