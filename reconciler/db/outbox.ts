/** Rows of `clawfleet.outbox`: what is to be said to whom, once for each occasion. One statement a function. */
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export const channels = ["mail", "alert_mail", "slack", "telegram"] as const;
export type Channel = (typeof channels)[number];

export type NewMessage = {
  channel: Channel;
  /** Instance id; for an alert `alert:<kind>:<about>`. */
  subject: string;
  occasion: string;
  period: string;
  recipient: string | null;
  facts: unknown;
  dueAt: Date;
  expiresAt: Date | null;
  now: Date;
};

/** Nothing happens when an occasion was written before, but what was withdrawn since and is true again comes back. */
export async function insertMessages(sql: Query, messages: readonly NewMessage[]): Promise<void> {
  if (messages.length === 0) return;
  await sql`
    insert into clawfleet.outbox as o (
      channel, subject, occasion, period, recipient, facts, due_at, expires_at, queued_at
    )
    select channel, subject, occasion, period, recipient, facts, "dueAt", "expiresAt", now
    from jsonb_to_recordset(${sql.json(toJson(messages))}) as m(
      channel text, subject text, occasion text, period text, recipient text, facts jsonb, "dueAt" timestamptz,
      "expiresAt" timestamptz, now timestamptz
    )
    on conflict (channel, subject, occasion, period) do update set
      state = 'waiting', recipient = excluded.recipient, facts = excluded.facts, due_at = excluded.due_at,
      expires_at = excluded.expires_at, retry_at = null, detail = null, finished_at = null
    where o.state = 'withdrawn'`;
}

/** What waits and is not true any more. What is under way is not called back. */
export async function withdrawMessages(
  sql: Query,
  untrue: readonly { subject: string; occasion: string }[],
  now: Date,
): Promise<void> {
  if (untrue.length === 0) return;
  await sql`
    update clawfleet.outbox o set state = 'withdrawn', finished_at = ${now}, detail = 'not true any more'
    from unnest(
      ${untrue.map((one) => one.subject)}::text[], ${untrue.map((one) => one.occasion)}::text[]
    ) as w(subject, occasion)
    where o.channel = 'mail' and o.subject = w.subject and o.occasion = w.occasion and o.state = 'waiting'`;
}

/** Letters that have not left yet go to where their customer is now. */
export async function readdressMessages(
  sql: Query,
  moved: readonly { instanceId: string; email: string | null }[],
): Promise<void> {
  const known = moved.filter((one) => one.email !== null);
  if (known.length === 0) return;
  await sql`
    update clawfleet.outbox o set recipient = w.email
    from unnest(
      ${known.map((one) => one.instanceId)}::text[], ${known.map((one) => one.email)}::text[]
    ) as w(subject, email)
    where o.channel = 'mail' and o.subject = w.subject and o.state = 'waiting'`;
}

export type ClaimedMessage = {
  id: number;
  channel: Channel;
  subject: string;
  /** Of the instance that it is about; null for an alert. */
  slug: string | null;
  occasion: string;
  period: string;
  recipient: string | null;
  facts: unknown;
  attempts: number;
  queuedAt: Date;
};

/**
 * The next due message of these channels, for this claim alone. Of one subject the earlier message goes first, and
 * while it is open, whoever holds it, no later one is given out.
 */
export async function claimMessage(
  sql: Query,
  wanted: { channels: readonly Channel[]; claim: string; until: Date; now: Date },
): Promise<ClaimedMessage | undefined> {
  const [row] = await sql<ClaimedMessage[]>`
    update clawfleet.outbox m set
      state = 'claimed', claim = ${wanted.claim}, claim_until = ${wanted.until}, attempts = attempts + 1
    where id = (
      select o.id from clawfleet.outbox o
      where o.state = 'waiting' and o.channel = any(${[...wanted.channels]}::text[])
        and o.due_at <= ${wanted.now} and (o.retry_at is null or o.retry_at <= ${wanted.now})
        and (o.expires_at is null or o.expires_at > ${wanted.now})
        and not exists (
          select 1 from clawfleet.outbox e
          where e.channel = o.channel and e.subject = o.subject and e.state in ('waiting', 'claimed', 'sending')
            and (e.due_at, e.id) < (o.due_at, o.id)
        )
      order by o.due_at, o.id
      limit 1
      for update of o skip locked
    )
    returning m.id, m.channel, m.subject, (select slug from clawfleet.instances i where i.id = m.subject) as slug,
      m.occasion, m.period, m.recipient, m.facts, m.attempts, m.queued_at as "queuedAt"`;
  return row;
}

export type Claim = { id: number; claim: string };

/** The last word before it is out: false when the claim is somebody else's by now, and nothing may be sent. */
export async function markSending(sql: Query, { id, claim }: Claim, until: Date): Promise<boolean> {
  const rows = await sql`
    update clawfleet.outbox set state = 'sending', claim_until = ${until}
    where id = ${id} and claim = ${claim} and state = 'claimed'
    returning id`;
  return rows.length === 1;
}

export type FinalState = "sent" | "uncertain" | "given_up" | "withdrawn";

/** Also corrects `uncertain`, when an answer comes after others had stopped believing in one. */
export async function finishMessage(
  sql: Query,
  { id, claim }: Claim,
  end: { state: FinalState; detail: string | null; now: Date },
): Promise<void> {
  await sql`
    update clawfleet.outbox set
      state = ${end.state}, detail = ${end.detail}, finished_at = ${end.now}, claim_until = null, retry_at = null
    where id = ${id} and claim = ${claim} and state in ('claimed', 'sending', 'uncertain')`;
}

/** Back among the waiting, at once (`retryAt` null) or later. Its place in the order stays. */
export async function releaseMessage(
  sql: Query,
  { id, claim }: Claim,
  later: { retryAt: Date | null; detail: string },
): Promise<void> {
  await sql`
    update clawfleet.outbox set
      state = 'waiting', claim = null, claim_until = null, retry_at = ${later.retryAt}, detail = ${later.detail}
    where id = ${id} and claim = ${claim} and state in ('claimed', 'sending')`;
}

export type LostMessage = Pick<ClaimedMessage, "id" | "channel" | "subject" | "slug" | "occasion">;

/**
 * Takes claims from processes that died with them. What was only claimed has not been sent; of a customer's mail that was
 * being sent nobody knows. Operators would rather read an alert twice than never.
 */
export async function recoverMessages(sql: Query, now: Date): Promise<LostMessage[]> {
  return await sql<LostMessage[]>`
    with late as (
      select id, state = 'sending' and channel = 'mail' as lost from clawfleet.outbox
      where state in ('claimed', 'sending') and claim_until <= ${now}
      for update skip locked
    ), changed as (
      update clawfleet.outbox o set
        state = case when l.lost then 'uncertain' else 'waiting' end,
        claim = case when l.lost then o.claim else null end, claim_until = null,
        detail = 'the process that had it died',
        finished_at = case when l.lost then ${now}::timestamptz else null end
      from late l where o.id = l.id
      returning o.id, o.channel, o.subject, o.occasion, l.lost
    )
    select c.id, c.channel, c.subject, i.slug, c.occasion
    from changed c left join clawfleet.instances i on i.id = c.subject
    where c.lost order by c.id`;
}

/** What came too late to be worth saying. */
export async function expireMessages(sql: Query, now: Date): Promise<void> {
  await sql`
    update clawfleet.outbox set state = 'withdrawn', finished_at = ${now}, detail = 'too late'
    where state = 'waiting' and due_at <= ${now} and expires_at <= ${now}`;
}

/** Due messages of channels that nobody has configured. */
export async function skipMessages(sql: Query, missing: readonly Channel[], now: Date): Promise<void> {
  if (missing.length === 0) return;
  await sql`
    update clawfleet.outbox set state = 'skipped', finished_at = ${now}, detail = 'this channel is not configured'
    where state = 'waiting' and due_at <= ${now} and channel = any(${[...missing]}::text[])`;
}

/** The occasion stays in the ledger, the address does not; told alerts are nobody's ledger. */
export async function forgetMessages(sql: Query, finishedBefore: Date): Promise<void> {
  await sql`
    update clawfleet.outbox set recipient = null, facts = '{}'
    where finished_at < ${finishedBefore} and recipient is not null`;
  await sql`delete from clawfleet.outbox where finished_at < ${finishedBefore} and channel <> 'mail'`;
}

export type MessageCount = { channel: string; state: string; count: number };

export async function countMessages(sql: Query): Promise<MessageCount[]> {
  return await sql<MessageCount[]>`
    select channel, state, count(*)::int as count from clawfleet.outbox
    where state in ('waiting', 'claimed', 'sending') group by channel, state`;
}
