/** What a converge records of an instance, with what its customer and the operators hear of it, in one transaction. */
import type { Sql } from "postgres";
import { cellStack } from "../../components/naming.ts";
import type { Query } from "../db/database.ts";
import type { Subject } from "../db/subject.ts";
import type { Phase } from "../../infra/config.ts";
import { forgetCustomer, lockTold, listUntoldLate, type ToldRow } from "../db/customers.ts";
import { writeReached } from "../db/ledger.ts";
import { endOutage, recordOutage } from "../db/outages.ts";
import { recordArchived, recordGone, recordParked, recordReady } from "../db/observed.ts";
import { clearDown } from "../db/transfers.ts";
import { findDownSince, shortestOutageMs } from "../desired/outages.ts";
import type { Alerts } from "./alerts.ts";
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
    if (row) await keepBooks(tx, row, seen);
    if (row) await announce(tx, toAddressee(row), announceReady(row, seen.phase, seen.now), seen.now);
    return recorded;
  });
}

/** The first time in this phase goes into the ledger; what should have run since and did not was our outage. */
async function keepBooks(
  tx: Query,
  row: ToldRow,
  { phase, now }: { phase: Phase; now: Date },
): Promise<void> {
  if (row.observedPhase !== phase) await writeReached(tx, row.id, { phase, at: now });
  if (phase === "running") await keepOutage(tx, row, now);
  await endOutage(tx, row.id, now);
}

async function keepOutage(tx: Query, row: ToldRow, now: Date): Promise<void> {
  const from = findDownSince(row);
  if (!from || now.getTime() - from.getTime() < shortestOutageMs) return;
  const cause = row.downSince === null ? "it was not up yet" : "it was on its way elsewhere";
  await recordOutage(tx, { instanceId: row.id, cause, from, to: now });
}

/** Its files or its server were to go elsewhere and do not; it serves its customer where it stands. */
export async function tellServing(sql: Sql, id: string, now: Date): Promise<void> {
  await sql.begin(async (tx) => {
    const row = await lockTold(tx, id);
    if (!row || row.downSince === null) return;
    await clearDown(tx, id);
    await keepOutage(tx, row, now);
    await announce(tx, toAddressee(row), announceReady(row, row.phase, now), now);
  });
}

/** As `recordArchived`. */
export async function tellArchived(
  sql: Sql,
  id: string,
  seen: Parameters<typeof recordArchived>[2],
): Promise<{ behind: boolean }> {
  return await sql.begin(async (tx) => {
    const row = await lockTold(tx, id);
    const recorded = await recordArchived(tx, id, seen);
    if (row && row.observedPhase !== "archived")
      await writeReached(tx, id, { phase: "archived", at: seen.now });
    return recorded;
  });
}

/** As `recordParked`. Of a cell operators hear; its instances wait and have their own letters. */
export async function tellParked(
  alerts: Pick<Alerts, "begin">,
  subject: Subject,
  detail: string,
  now: Date,
): Promise<void> {
  await alerts.begin(async (tx, raise) => {
    const row = subject.kind === "instance" ? await lockTold(tx, subject.id) : undefined;
    await recordParked(tx, subject, detail);
    if (subject.kind === "cell")
      await raise({ kind: "parked", about: cellStack(subject.id), message: detail });
    if (!row) return;
    await raise({ kind: "parked", about: row.slug, message: detail });
    await announce(tx, toAddressee(row), announceParked(row, now), now);
  });
}

/** As `recordGone`. Who paid again while it was being deleted hears nothing of it: they get another one. */
export async function tellGone(sql: Sql, id: string, now: Date): Promise<{ returned: ToldRow | undefined }> {
  return await sql.begin(async (tx) => {
    const row = await lockTold(tx, id);
    const returned = row?.phase === "running" ? row : undefined;
    await writeReached(tx, id, { phase: "gone", at: now });
    await recordGone(tx, id, now);
    await endOutage(tx, id, now);
    if (row && !returned) await announce(tx, toAddressee(row), announceGone(now), now);
    await forgetCustomer(tx, id, now, returned !== undefined);
    return { returned };
  });
}

/** Time passes without a change of any row: who waits for too long hears of it. Returns how many were looked at. */
export async function tellLate(
  { sql, alerts }: { sql: Sql; alerts: Pick<Alerts, "begin"> },
  now: Date,
): Promise<number> {
  const found = await listUntoldLate(sql, new Date(now.getTime() - patienceMs));
  for (const { id, detail, operatorTold } of found) {
    await alerts.begin(async (tx, raise) => {
      const row = await lockTold(tx, id);
      if (!row || !findDownSince(row)) return;
      if (!row.failureTold) await announce(tx, toAddressee(row), announceLate(row, now), now);
      const tries = row.failures === 0 ? "has not come up" : `has failed ${row.failures} times to come up`;
      const message = `${row.slug} ${tries}: ${detail ?? "no reason is known"}`;
      if (!operatorTold) await raise({ kind: "late", about: row.slug, message });
    });
  }
  return found.length;
}

function toAddressee({ id, email }: { id: string; email: string | null }) {
  return { instanceId: id, email };
}
