/** Puts announcements into the outbox, in the transaction of what they are about. */
import type { Query } from "../db/database.ts";
import { insertMessage, withdrawMessages } from "../db/outbox.ts";
import type { Announcements } from "./occasions.ts";

export type Addressee = { instanceId: string; email: string | null };

/** Who has no address hears nothing. Doing this again changes nothing. */
export async function announce(
  tx: Query,
  { instanceId, email }: Addressee,
  { say, withdraw }: Announcements,
  now: Date,
): Promise<void> {
  await withdrawMessages(tx, instanceId, withdraw, now);
  if (email === null) return;
  for (const { facts, period, dueAt, expiresAt } of say) {
    const { kind: occasion } = facts;
    await insertMessage(tx, {
      channel: "mail",
      subject: instanceId,
      occasion,
      period,
      recipient: email,
      facts,
      dueAt,
      expiresAt,
      now,
    });
  }
}
