/** Rows of `clawfleet.account_links` and `account_sessions`: one statement a function. Those whose time is over go on occasion. */
import type { Query } from "./database.ts";

export type NewAccess = { tokenHash: Buffer; orderId: string; now: Date; expiresAt: Date };

export async function insertLink(
  sql: Query,
  { tokenHash, orderId, now, expiresAt }: NewAccess,
): Promise<void> {
  await sql`delete from clawfleet.account_links where expires_at <= ${now}`;
  await sql`
    insert into clawfleet.account_links (token_hash, order_id, expires_at)
    values (${tokenHash}, ${orderId}, ${expiresAt})`;
}

/** True once for each link, and only while it lives. */
export async function takeLink(
  sql: Query,
  { tokenHash, orderId, now }: Omit<NewAccess, "expiresAt">,
): Promise<boolean> {
  const rows = await sql`
    delete from clawfleet.account_links
    where token_hash = ${tokenHash} and order_id = ${orderId} and expires_at > ${now}
    returning order_id`;
  return rows.length === 1;
}

export async function insertAccountSession(
  sql: Query,
  { tokenHash, orderId, now, expiresAt }: NewAccess,
): Promise<void> {
  await sql`delete from clawfleet.account_sessions where expires_at <= ${now}`;
  await sql`
    insert into clawfleet.account_sessions (token_hash, order_id, begun_at, expires_at)
    values (${tokenHash}, ${orderId}, ${now}, ${expiresAt})`;
}

/** Of this order alone: a customer with two orders has a session for each. */
export async function hasAccountSession(
  sql: Query,
  { tokenHash, orderId, now }: Omit<NewAccess, "expiresAt">,
): Promise<boolean> {
  const rows = await sql`
    select 1 from clawfleet.account_sessions
    where token_hash = ${tokenHash} and order_id = ${orderId} and expires_at > ${now}`;
  return rows.length === 1;
}

export async function deleteAccountSession(sql: Query, tokenHash: Buffer): Promise<void> {
  await sql`delete from clawfleet.account_sessions where token_hash = ${tokenHash}`;
}

export type LinkAsker = { instanceId: string; email: string | null; asked: number };

/** Who would get the link, and how many letters of this kind were written to them since then. */
export async function findLinkAsker(
  sql: Query,
  orderId: string,
  since: Date,
): Promise<LinkAsker | undefined> {
  const [row] = await sql<LinkAsker[]>`
    select i.id as "instanceId", i.email, (
      select count(*)::int from clawfleet.outbox m
      where m.channel = 'mail' and m.subject = i.id and m.occasion = 'account_link' and m.queued_at > ${since}
    ) as asked
    from clawfleet.orders o join clawfleet.instances i on i.id = o.instance_id
    where o.id = ${orderId} and i.status <> 'gone'`;
  return row;
}
