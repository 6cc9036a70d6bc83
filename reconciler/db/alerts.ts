/** Rows of `clawfleet.alerts`: conditions that an operator has to look at, counted. One statement a function. */
import type { Query } from "./database.ts";

export type RaisedAlert = { kind: string; about: string; message: string; now: Date };

/** Told when its window allows it. Of `messages/alerts.ts`, which counts and logs it too: nobody else raises past it. */
export async function raiseAlert(sql: Query, { kind, about, message, now }: RaisedAlert): Promise<void> {
  await sql`
    insert into clawfleet.alerts as a (kind, about, message, first_at, last_at)
    values (${kind}, ${about}, ${message}, ${now}, ${now})
    on conflict (kind, about) do update set
      message = excluded.message, last_at = excluded.last_at, occurrences = a.occurrences + 1, untold = a.untold + 1`;
}

export type UntoldAlert = {
  kind: string;
  about: string;
  message: string;
  firstAt: Date;
  lastAt: Date;
  occurrences: number;
  untold: number;
  toldAt: Date | null;
  windowSeconds: number;
};

/** False when another process is telling right now; held until the transaction ends. */
export async function lockTelling(tx: Query): Promise<boolean> {
  const [row] = await tx<{ mine: boolean }[]>`
    select pg_try_advisory_xact_lock(hashtextextended('clawfleet.alerts', 0)) as mine`;
  return row?.mine ?? false;
}

/** Whose window has ended, oldest first. Locked, so that none is raised unseen meanwhile. */
export async function lockUntold(tx: Query, now: Date): Promise<UntoldAlert[]> {
  return await tx<UntoldAlert[]>`
    select kind, about, message, first_at as "firstAt", last_at as "lastAt", occurrences, untold,
      told_at as "toldAt", window_seconds as "windowSeconds"
    from clawfleet.alerts
    where untold > 0 and (told_at is null or told_at + window_seconds * interval '1 second' <= ${now})
    order by last_at, kind, about
    limit 1000
    for update`;
}

export async function markTold(
  tx: Query,
  alert: { kind: string; about: string },
  told: { at: Date; windowSeconds: number },
): Promise<void> {
  await tx`
    update clawfleet.alerts set untold = 0, told_at = ${told.at}, window_seconds = ${told.windowSeconds}
    where kind = ${alert.kind} and about = ${alert.about}`;
}

/** Notices written since then, each counted once however many channels it goes to. */
export async function countNotices(sql: Query, since: Date): Promise<number> {
  const [row] = await sql<{ count: number }[]>`
    select count(distinct (subject, period))::int as count from clawfleet.outbox
    where channel <> 'mail' and queued_at > ${since}`;
  return row?.count ?? 0;
}

export async function forgetAlerts(sql: Query, lastBefore: Date): Promise<void> {
  await sql`delete from clawfleet.alerts where untold = 0 and last_at < ${lastBefore}`;
}
