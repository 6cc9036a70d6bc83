/** Rows of `clawfleet.orders`: a name on its way from the sign-up page through payment to an instance. */
import type { Query } from "./database.ts";

export type OrderRow = {
  id: string;
  slug: string;
  plan: string;
  state: "open" | "paid" | "expired";
  /** Who holds the payment page. */
  provider: string;
  checkoutSessionId: string | null;
  checkoutUrl: string | null;
  createdAt: Date;
  expiresAt: Date;
  credentialsShownAt: Date | null;
  /** What this order's own payment made. */
  instanceId: string | null;
};

const columns = (sql: Query) => sql`
  id, slug, plan, state, provider, checkout_session_id as "checkoutSessionId", checkout_url as "checkoutUrl", created_at as "createdAt",
  expires_at as "expiresAt", credentials_shown_at as "credentialsShownAt", instance_id as "instanceId"`;

/** Whoever takes a name holds this until its transaction ends, so that no two look at once. */
export async function lockSlug(tx: Query, slug: string): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtextextended(${`clawfleet.slug.${slug}`}, 0))`;
}

/** Takes the name for this order, under `lockSlug`; false when another open order or a living instance has it. */
export async function insertOrder(
  sql: Query,
  order: { id: string; slug: string; plan: string; createdAt: Date; expiresAt: Date },
): Promise<boolean> {
  const rows = await sql`
    insert into clawfleet.orders (id, slug, plan, state, created_at, expires_at)
    select ${order.id}, ${order.slug}, ${order.plan}, 'open', ${order.createdAt}, ${order.expiresAt}
    where not exists (
      select 1 from clawfleet.instances
      where (slug = ${order.slug} or override ->> 'address' = ${order.slug} or chosen_address = ${order.slug}) and status <> 'gone'
    )
    on conflict (slug) where state = 'open' do nothing
    returning id`;
  return rows.length === 1;
}

/** Gives back names whose payment was not finished in time. Returns the names. */
export async function expireOrders(sql: Query, now: Date): Promise<string[]> {
  const rows = await sql<{ slug: string }[]>`
    update clawfleet.orders set state = 'expired'
    where state = 'open' and expires_at <= ${now}
    returning slug`;
  return rows.map((row) => row.slug);
}

export async function expireOrder(sql: Query, id: string): Promise<void> {
  await sql`update clawfleet.orders set state = 'expired' where id = ${id} and state = 'open'`;
}

export async function setOrderCheckout(
  sql: Query,
  id: string,
  checkout: { provider: string; sessionId: string; url: string; returnHash: Buffer; returnUntil: Date },
): Promise<void> {
  await sql`
    update clawfleet.orders set
      provider = ${checkout.provider}, checkout_session_id = ${checkout.sessionId}, checkout_url = ${checkout.url},
      return_hash = ${checkout.returnHash}, return_until = ${checkout.returnUntil}
    where id = ${id}`;
}

/** A process that died over it keeps nobody from their page for longer. */
const longestOpening = "2 minutes";

/** False: a payment page of this order is being opened this very moment, and this one would stand open beside it. */
export async function beginOpening(sql: Query, id: string): Promise<boolean> {
  const rows = await sql`
    update clawfleet.orders set opening_at = now()
    where id = ${id} and (opening_at is null or opening_at < now() - ${longestOpening}::interval)
    returning id`;
  return rows.length === 1;
}

export async function endOpening(sql: Query, id: string): Promise<void> {
  await sql`update clawfleet.orders set opening_at = null where id = ${id}`;
}

/** Where a payment page leads back to; the same way is not taken twice. */
export async function takeReturn(sql: Query, returnHash: Buffer, now: Date): Promise<string | undefined> {
  const [row] = await sql<{ id: string }[]>`
    update clawfleet.orders set return_hash = null, return_until = null
    where return_hash = ${returnHash} and return_until > ${now}
    returning id`;
  return row?.id;
}

/**
 * The order with which the subscription was bought is paid, whatever state it was in, and has this instance, with a token of
 * its own to show; one that is gone makes room. Others that wait for a payment of the same name have lost it.
 */
export async function markOrderPaid(
  sql: Query,
  paid: { orderId: string | null; slug: string; instanceId: string },
): Promise<void> {
  await sql`
    update clawfleet.orders o set state = 'paid', instance_id = ${paid.instanceId}, credentials_shown_at = null
    where o.id = ${paid.orderId} and not exists (
      select 1 from clawfleet.instances i where i.id = o.instance_id and i.status <> 'gone'
    )`;
  await sql`
    update clawfleet.orders set state = 'expired'
    where slug = ${paid.slug} and state = 'open' and id is distinct from ${paid.orderId}`;
}

/** True while somebody is on the way to pay for this name. */
export async function isSlugOrdered(sql: Query, slug: string): Promise<boolean> {
  const rows = await sql`select 1 from clawfleet.orders where slug = ${slug} and state = 'open'`;
  return rows.length > 0;
}

export async function findOrder(sql: Query, id: string): Promise<OrderRow | undefined> {
  const [row] = await sql<OrderRow[]>`select ${columns(sql)} from clawfleet.orders where id = ${id}`;
  return row;
}

/** True for the one caller that shows the credentials; false ever after. */
export async function claimCredentials(sql: Query, id: string, now: Date): Promise<boolean> {
  const rows = await sql`
    update clawfleet.orders set credentials_shown_at = ${now}
    where id = ${id} and credentials_shown_at is null
    returning id`;
  return rows.length === 1;
}
