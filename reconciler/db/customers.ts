/** What messages to customers read of instances. One statement a function. */
import type { Standing } from "../desired/outages.ts";
import { endedStatuses } from "../desired/phases.ts";
import type { Query } from "./database.ts";

export type ToldRow = Standing & {
  id: string;
  slug: string;
  provider: string;
  customerId: string;
  email: string | null;
  readyBefore: boolean;
  /** Its customer has a letter that this time without an assistant is our failure. */
  failureTold: boolean;
  failures: number;
};

/** As `findDownSince`. */
const downSince = (sql: Query) => sql`greatest(i.phase_since, i.down_since)`;

const columns = (sql: Query) => sql`
  i.id, i.slug, i.provider, i.customer_id as "customerId", i.email, i.phase, i.phase_since as "phaseSince", i.observed_phase as "observedPhase",
  i.down_since as "downSince", i.ready_at is not null as "readyBefore", i.failures,
  exists (
    select 1 from clawfleet.outbox o
    where o.channel = 'mail' and o.subject = i.id and o.occasion = 'failed' and o.queued_at >= ${downSince(sql)}
  ) as "failureTold"`;

/** A living instance, locked until the transaction ends. */
export async function lockTold(sql: Query, id: string): Promise<ToldRow | undefined> {
  const [row] = await sql<ToldRow[]>`
    select ${columns(sql)} from clawfleet.instances i where i.id = ${id} and i.status <> 'gone' for update`;
  return row;
}

export type LateRow = ToldRow & { detail: string | null; operatorTold: boolean };

/** Whose assistant is wanted and has not served them since before `since`, for whatever reason, where somebody has not been told of it. */
export async function listUntoldLate(sql: Query, since: Date): Promise<LateRow[]> {
  return await sql<LateRow[]>`
    select * from (
      select ${columns(sql)}, i.status_detail as detail,
        exists (
          select 1 from clawfleet.alerts a where a.kind = 'late' and a.about = i.slug and a.last_at >= ${downSince(sql)}
        ) as "operatorTold"
      from clawfleet.instances i
      where i.status <> 'gone' and i.phase = 'running' and ${downSince(sql)} <= ${since}
        and (i.observed_phase is distinct from 'running' or i.down_since is not null)
    ) late
    where not ((email is null or "failureTold") and "operatorTold")
    order by id limit 500`;
}

/**
 * After the end: addresses of who had this instance. What billing says later brings none of them back. Of somebody who
 * `returned` meanwhile what they have ended only.
 */
export async function forgetCustomer(
  sql: Query,
  instanceId: string,
  now: Date,
  returned = false,
): Promise<void> {
  await sql`
    with gone as (
      select provider, customer_id, subscription_id from clawfleet.instances where id = ${instanceId}
    ), orders as (
      update clawfleet.orders set email = null, checkout_url = null where instance_id = ${instanceId}
    )
    update clawfleet.subscriptions s set email = null, forgotten_at = ${now}
    from gone
    where s.provider = gone.provider and s.customer_id = gone.customer_id
      and ((s.id = gone.subscription_id and not ${returned}) or s.status = any(${[...endedStatuses]}::text[]))
      and not exists (
        select 1 from clawfleet.instances i
        where i.provider = s.provider and i.subscription_id = s.id and i.status <> 'gone'
      )`;
}

export type CustomerRow = {
  slug: string;
  plan: string;
  /** As billing knows it now. */
  email: string | null;
  /** Of the assistant, once it was there. */
  url: string | null;
  /** The customer's own; null: none. */
  domain: string | null;
  /** null: it never had a cell. */
  zone: string | null;
  orderId: string | null;
};

/** What a letter says of its customer, gone or not. */
export async function findCustomer(sql: Query, instanceId: string): Promise<CustomerRow | undefined> {
  const [row] = await sql<CustomerRow[]>`
    select coalesce(i.override ->> 'address', i.slug) as slug, i.plan, i.email, i.outputs ->> 'url' as url, i.override ->> 'customDomain' as domain, c.settings ->> 'zone' as zone,
      (select o.id from clawfleet.orders o where o.instance_id = i.id order by o.created_at limit 1) as "orderId"
    from clawfleet.instances i left join clawfleet.cells c on c.name = i.cell
    where i.id = ${instanceId}`;
  return row;
}
