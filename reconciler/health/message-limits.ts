/** What the readings say of messages is counted, and who comes to the limit of their plan is told, with the operators, once a month. */
import type { Sql } from "postgres";
import { reachMessageLimits, recordMessageCounts, type DayCount } from "../db/message-counts.ts";
import type { RaiseAlert } from "../messages/alerts.ts";
import { announceMessageLimit } from "../messages/occasions.ts";
import { announceAll } from "../messages/outbox.ts";

export type MessageLimitDeps = { sql: Sql; clock: { now(): Date }; onAlert: RaiseAlert };

export async function countMessages(
  { sql, clock, onAlert }: MessageLimitDeps,
  counts: readonly DayCount[],
): Promise<void> {
  if (counts.length === 0) return;
  const now = clock.now();
  const month = `${now.toISOString().slice(0, 7)}-01`;
  const reached = await sql.begin(async (tx) => {
    await recordMessageCounts(tx, counts);
    const ids = [...new Set(counts.map(({ instanceId }) => instanceId))];
    const rows = await reachMessageLimits(tx, ids, { month, now });
    const letters = rows.map((row) => ({ ...row, ...announceMessageLimit(row, now) }));
    await announceAll(tx, letters, now);
    return rows;
  });
  for (const { slug, limit } of reached)
    onAlert({
      kind: "message_limit",
      about: slug,
      message: `${slug} has used the ${limit} messages of their plan for this month; it goes on answering`,
    });
}
