/** What a converge records of an instance, with what its customer and the operators hear of it, in one transaction. */
import type { Sql } from "postgres";
import { raiseAlert } from "../db/alerts.ts";
import { lockTold, listUntoldFailures } from "../db/customers.ts";
import { recordGone, recordParked, recordReady } from "../db/observed.ts";
import type { AlertKind } from "./alerts.ts";
import { announceGone, announceLate, announceParked, announceReady, patienceMs } from "./occasions.ts";
import { announce } from "./outbox.ts";

/** As `recordReady`. */
export async function tellReady(
  sql: Sql,
  id: string,
  seen: Parameters<typeof recordReady>[2],
): Promise<{ behind: boolean }> {
  return await sql.begin(async (tx) => {
    const row = await lockTold(tx, id);
    const recorded = await recordReady(tx, id, seen);
    if (row) await announce(tx, toAddressee(row), announceReady(row, seen.phase, seen.now), seen.now);
    return recorded;
  });
}

/** As `recordParked`. */
export async function tellParked(sql: Sql, id: string, detail: string, now: Date): Promise<void> {
  await sql.begin(async (tx) => {
    const row = await lockTold(tx, id);
    await recordParked(tx, id, detail);
    if (!row) return;
    const kind: AlertKind = "parked";
    await raiseAlert(tx, { kind, about: row.slug, message: detail, now });
    await announce(tx, toAddressee(row), announceParked(row, now), now);
  });
}

/** As `recordGone`. */
export async function tellGone(sql: Sql, id: string, now: Date): Promise<void> {
  await sql.begin(async (tx) => {
    const row = await lockTold(tx, id);
    await recordGone(tx, id, now);
    if (row) await announce(tx, toAddressee(row), announceGone(now), now);
  });
}

/** Time passes without a change of any row: who waits for too long hears of it. Returns how many were looked at. */
export async function tellLate(sql: Sql, now: Date): Promise<number> {
  const found = await listUntoldFailures(sql, new Date(now.getTime() - patienceMs));
  for (const { id } of found) {
    await sql.begin(async (tx) => {
      const row = await lockTold(tx, id);
      if (row) await announce(tx, toAddressee(row), announceLate(row, now), now);
    });
  }
  return found.length;
}

function toAddressee({ id, email }: { id: string; email: string | null }) {
  return { instanceId: id, email };
}
