/** Rows of `clawfleet.subscriptions`: the last reading of each, whoever bills it. */
import type { SubscriptionReading } from "../billing/provider.ts";
import { endedStatuses } from "../desired/phases.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type SubscriptionRow = SubscriptionReading & {
  provider: string;
  /** First reading of this status, by our own clock: grace is counted from here. */
  statusSince: Date;
  /** End of the trial as it was sold; what is later than that was given back for our outages. */
  trialEndFirst?: Date | null;
  readAt: Date;
};

const columns = (sql: Query) => sql`
  s.provider, s.id, s.customer_id as "customerId", s.email, s.slug, s.order_id as "orderId", s.price_keys as "priceKeys",
  s.status, s.status_since as "statusSince", s.created_at as "createdAt", s.period_end as "periodEnd",
  s.cancel_at as "cancelAt", s.ended_at as "endedAt",
  s.trial_end as "trialEnd", s.trial_end_first as "trialEndFirst", s.read_at as "readAt"`;

export type StoreInput = {
  provider: string;
  readings: readonly SubscriptionReading[];
  /** When the question was asked: an answer to an older question never replaces that to a newer one. */
  readAt: Date;
  /** The full reading that this is a part of. */
  sweepId?: number;
};

/** Stores levels; a status that is new is written into the ledger. Handing the same reading in twice changes nothing. */
export async function storeReadings(sql: Query, input: StoreInput): Promise<void> {
  if (input.readings.length === 0) return;
  const sweepId = input.sweepId ?? null;
  await sql`
    with stored as (
      insert into clawfleet.subscriptions as s (
        provider, id, customer_id, email, slug, order_id, price_keys, status, status_since,
        created_at, period_end, cancel_at, ended_at, trial_end, trial_end_first, read_at, sweep_id
      )
      select ${input.provider}, r.id, r."customerId", r.email, r.slug, r."orderId", r."priceKeys", r.status, ${input.readAt},
        r."createdAt", r."periodEnd", r."cancelAt", r."endedAt", r."trialEnd", r."trialEnd",
        ${input.readAt}, ${sweepId}::bigint
      from jsonb_to_recordset(${sql.json(toJson(input.readings))}) as r(
        id text, "customerId" text, email text, slug text, "orderId" text, "priceKeys" text[], status text,
        "createdAt" timestamptz, "periodEnd" timestamptz, "cancelAt" timestamptz, "endedAt" timestamptz, "trialEnd" timestamptz
      )
      order by r.id
      on conflict (provider, id) do update set
        customer_id = excluded.customer_id, slug = excluded.slug, order_id = excluded.order_id,
        email = case when s.forgotten_at is null then excluded.email end, price_keys = excluded.price_keys, status = excluded.status,
        status_since = case when s.status = excluded.status then s.status_since else excluded.status_since end,
        created_at = excluded.created_at, period_end = excluded.period_end, cancel_at = excluded.cancel_at,
        ended_at = excluded.ended_at, trial_end = excluded.trial_end,
        trial_end_first = coalesce(s.trial_end_first, excluded.trial_end), read_at = excluded.read_at
      where s.read_at <= excluded.read_at
      returning s.provider, s.id, s.status, s.status_since, s.ended_at
    )
    insert into clawfleet.ledger (at, kind, provider, subscription_id, value, detail)
    select status_since, 'status', provider, id, status, 'ended ' || to_char(ended_at at time zone 'utc', 'YYYY-MM-DD HH24:MI')
    from stored where status_since = ${input.readAt}
    on conflict (provider, subscription_id, at, value) where kind = 'status' do nothing`;
  if (sweepId !== null) await markSeen(sql, input.provider, sweepId, input.readings);
}

/** Apart from the values: a page of a sweep that is older than a hint's answer still proves that the subscription exists. */
async function markSeen(
  sql: Query,
  provider: string,
  sweepId: number,
  readings: readonly SubscriptionReading[],
): Promise<void> {
  await sql`
    update clawfleet.subscriptions set sweep_id = ${sweepId}, absent_since = null
    where provider = ${provider} and id = any(${readings.map((reading) => reading.id)}::text[])
      and (sweep_id is distinct from ${sweepId} or absent_since is not null)`;
}

export type SweepPass = { provider: string; sweepId: number; startedAt: Date };

/** How many the provider lists no longer, of how many that had not ended; and of how many that it ever listed. */
export async function countAbsent(
  sql: Query,
  pass: SweepPass,
): Promise<{ absent: number; known: number; ever: number }> {
  const [row] = await sql<{ absent: number; known: number; ever: number }[]>`
    select count(*)::int as ever, (count(*) filter (where status <> all(${[...endedStatuses]}::text[])))::int as known,
      (count(*) filter (
        where status <> all(${[...endedStatuses]}::text[])
          and sweep_id is distinct from ${pass.sweepId} and read_at < ${pass.startedAt}
      ))::int as absent
    from clawfleet.subscriptions
    where provider = ${pass.provider} and status <> 'missing'`;
  return row ?? { absent: 0, known: 0, ever: 0 };
}

/**
 * After a complete reading: who was not in it gets a first mark, and `missing` as status when the first mark is at least
 * `apartMs` old. Returns the ids that became missing now.
 */
export async function markAbsent(sql: Query, pass: SweepPass, apartMs: number): Promise<string[]> {
  const longAgo = new Date(pass.startedAt.getTime() - apartMs);
  const rows = await sql<{ id: string; status: string }[]>`
    update clawfleet.subscriptions set
      absent_since = coalesce(absent_since, ${pass.startedAt}),
      status = case when absent_since <= ${longAgo} then 'missing' else status end,
      status_since = case when absent_since <= ${longAgo} then ${pass.startedAt} else status_since end,
      read_at = case when absent_since <= ${longAgo} then ${pass.startedAt} else read_at end
    where provider = ${pass.provider} and sweep_id is distinct from ${pass.sweepId} and read_at < ${pass.startedAt}
      and status <> all(${[...endedStatuses]}::text[])
    returning id, status`;
  return rows.filter((row) => row.status === "missing").map((row) => row.id);
}

/** A subscription that stays missing ages by complete readings that do not hold it, like any other by those that do. */
export async function touchMissing(sql: Query, pass: SweepPass): Promise<void> {
  await sql`
    update clawfleet.subscriptions set read_at = ${pass.startedAt}
    where provider = ${pass.provider} and status = 'missing' and read_at < ${pass.startedAt}
      and sweep_id is distinct from ${pass.sweepId}`;
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

export async function listSubscriptionsOf(
  sql: Query,
  provider: string,
  customerId: string,
): Promise<SubscriptionRow[]> {
  return await sql<SubscriptionRow[]>`
    select ${columns(sql)} from clawfleet.subscriptions s
    where s.provider = ${provider} and s.customer_id = ${customerId}`;
}

/** Subscriptions without a name, in pages by (provider, id). */
export async function listNameless(
  sql: Query,
  after: { provider: string; id: string },
  limit: number,
): Promise<SubscriptionRow[]> {
  return await sql<SubscriptionRow[]>`
    select ${columns(sql)} from clawfleet.subscriptions s
    where s.slug is null and (s.provider, s.id) > (${after.provider}, ${after.id})
    order by s.provider, s.id
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
