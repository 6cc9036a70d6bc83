/** Turns counted alerts into notices, one for every channel that operators read. */
import type { Sql } from "postgres";
import { countNotices, forgetAlerts, lockTelling, lockUntold, markTold } from "../db/alerts.ts";
import { forgetMessages, insertMessages, type Channel } from "../db/outbox.ts";
import type { Alerts } from "./alerts.ts";
import { composeNotices, nextWindowSeconds, noticesPerHour } from "./notices.ts";
import { tellLate } from "./recorded.ts";

export type TellingDeps = {
  sql: Sql;
  clock: { now(): Date };
  /** Where operators read; without any, alerts stay in the log and the metrics. */
  channels: readonly Channel[];
};

const hourMs = 3_600_000;
/** How long addresses and told alerts are kept after the end: time to look into a complaint. */
const keepMs = 7 * 24 * hourMs;
const keepAlertsMs = 30 * 24 * hourMs;

/** Any number of processes may call it: one tells, the others go on. Returns how many notices were written. */
export async function tellAlerts({ sql, clock, channels }: TellingDeps): Promise<number> {
  const now = clock.now();
  return await sql.begin(async (tx) => {
    if (!(await lockTelling(tx))) return 0;
    const untold = await lockUntold(tx, now);
    if (untold.length === 0) return 0;
    const room = noticesPerHour - (await countNotices(tx, new Date(now.getTime() - hourMs)));
    const notices = composeNotices(untold, room);
    // Held back whole: the next look counts on.
    if (notices.length === 0) return 0;
    const written = { occasion: "alert", period: now.toISOString(), recipient: null, expiresAt: null };
    const messages = notices.flatMap(({ subject, text }) =>
      channels.map((channel) => ({ ...written, channel, subject, facts: { text }, dueAt: now, now })),
    );
    await insertMessages(tx, messages);
    for (const alert of untold)
      await markTold(tx, alert, { at: now, windowSeconds: nextWindowSeconds(alert, now) });
    return notices.length;
  });
}

/** What needs a look now and then, not every second. */
export async function keepHouse({
  sql,
  clock,
  alerts,
}: Pick<TellingDeps, "sql" | "clock"> & { alerts: Alerts }): Promise<void> {
  const now = clock.now();
  await tellLate({ sql, alerts }, now);
  await forgetMessages(sql, new Date(now.getTime() - keepMs));
  await forgetAlerts(sql, new Date(now.getTime() - keepAlertsMs));
}
