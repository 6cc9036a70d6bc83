/** Puts announcements into the outbox, in the transaction of what they are about. */
import type { Query } from "../db/database.ts";
import { insertMessages, withdrawMessages, type NewMessage } from "../db/outbox.ts";
import type { Announcements } from "./occasions.ts";

export type Addressee = { instanceId: string; email: string | null };
export type Letter = Addressee & Announcements;

export async function announce(
  tx: Query,
  addressee: Addressee,
  announcements: Announcements,
  now: Date,
): Promise<void> {
  await announceAll(tx, [{ ...addressee, ...announcements }], now);
}

/** In two statements, whatever their number. Who has no address hears nothing. Doing this again changes nothing. */
export async function announceAll(tx: Query, letters: readonly Letter[], now: Date): Promise<void> {
  const untrue = letters.flatMap(({ instanceId, withdraw }) =>
    withdraw.map((occasion) => ({ subject: instanceId, occasion })),
  );
  await withdrawMessages(tx, untrue, now);
  await insertMessages(
    tx,
    letters.flatMap((letter) => listMessages(letter, now)),
  );
}

function listMessages({ instanceId, email, say }: Letter, now: Date): NewMessage[] {
  if (email === null) return [];
  return say.map(({ facts, period, dueAt, expiresAt }) => ({
    channel: "mail",
    subject: instanceId,
    occasion: facts.kind,
    period,
    recipient: email,
    facts,
    dueAt,
    expiresAt,
    now,
  }));
}
