/** The full reading of billing: repairs whatever webhooks lost, and is the only one that may lead to a deletion. */
import type { Logger } from "pino";
import type { BillingProvider } from "./billing/provider.ts";
import { toInstanceJob } from "./converge/jobs.ts";
import { writeLedger } from "./db/ledger.ts";
import { listLagging } from "./db/instances.ts";
import { expireOrders } from "./db/orders.ts";
import {
  beginReading,
  listNamelessCustomers,
  listSlugs,
  markAbsent,
  storePage,
  touchMissing,
  type Asked,
  type Customer,
} from "./db/subscriptions.ts";
import {
  addPage,
  compareWithKnown,
  findPage,
  removeLeftPages,
  removePages,
  type Recognized,
} from "./db/sweep-pages.ts";
import { beginSweep, endSweep } from "./db/sweeps.ts";
import { applyDesired } from "./desired/apply.ts";
import { messageOf } from "./errors.ts";
import { extendTrials } from "./trials.ts";
import { countRoomForRemovals, vote, type Pass, type VoteDeps } from "./votes.ts";

export type SweepDeps = VoteDeps & {
  log: Logger;
  providers: readonly BillingProvider[];
};

export type SweepResult = {
  outcome: "complete" | "failed";
  readings: number;
  created: number;
  changed: number;
};

const pageSize = 500;
const longestSweepMs = 24 * 60 * 60_000;
/** More than this share gone from the list at once is billing's failure and not our customers leaving. */
const absentShareLimit = 0.2;

/** Never throws for billing's failures: an incomplete sweep is recorded and decides nothing. */
export async function sweep(deps: SweepDeps, signal: AbortSignal): Promise<SweepResult> {
  const startedAt = deps.clock.now();
  const id = await beginSweep(deps.sql, startedAt);
  const asked = await beginReading(deps.sql, startedAt);
  await removeLeftPages(deps.sql, new Date(startedAt.getTime() - longestSweepMs));
  let readings = 0;
  const complete = new Set<string>();
  const failures: string[] = [];
  for (const provider of deps.providers) {
    try {
      readings += await readAll(deps, provider, { sweepId: id, asked }, signal);
      complete.add(provider.name);
    } catch (error) {
      const message = messageOf(error);
      failures.push(message);
      deps.onAlert?.({ kind: "sweep_failed", about: provider.name, message });
      deps.log.error(
        { err: error, provider: provider.name },
        "a full reading of billing failed; nothing that it bills is deleted",
      );
    }
  }
  const outcome = failures.length === 0 ? "complete" : "failed";
  const detail = failures.length === 0 ? null : failures.join("; ");
  await expireOrders(deps.sql, deps.clock.now());
  const totals = await applyAll(deps, { id, startedAt, complete });
  await queueLagging(deps, id);
  await extendTrials(deps);
  await endSweep(deps.sql, { id, endedAt: deps.clock.now(), outcome, readings, detail });
  return { outcome, readings, ...totals };
}

/** Nothing of a reading that is cut off or makes no sense is stored. Returns how many subscriptions there are. */
async function readAll(
  deps: SweepDeps,
  provider: BillingProvider,
  begun: { sweepId: number; asked: Asked },
  signal: AbortSignal,
): Promise<number> {
  const pass = { provider: provider.name, ...begun };
  let count = 0;
  let pages = 0;
  for await (const readings of provider.listSubscriptions(signal)) {
    await addPage(deps.sql, pass, pages, readings);
    pages += 1;
    count += readings.length;
  }
  refuseForeign(provider.name, await compareWithKnown(deps.sql, pass));
  for (let page = 0; page < pages; page += 1) {
    const staged = await findPage(deps.sql, pass, page);
    if (!staged) throw new Error(`the reading of ${provider.name} was lost before it was stored`);
    await storePage(deps.sql, { ...pass, ...staged });
  }
  await removePages(deps.sql, pass);
  const missing = await markAbsent(deps.sql, pass, deps.intervalMs);
  const entry = { at: pass.asked.at, kind: "status", provider: provider.name, value: "missing" } as const;
  const nobody = { instanceId: null, slug: null, detail: "billing lists it no longer" };
  await writeLedger(
    deps.sql,
    missing.map((subscriptionId) => ({ ...entry, ...nobody, subscriptionId })),
  );
  await touchMissing(deps.sql, pass);
  return count;
}

/** Providers keep listing what has ended: a list that holds nothing of what was ever in it is that of another account. */
function refuseForeign(provider: string, { ever, again, known, absent }: Recognized): void {
  if (ever > 0 && again === 0)
    throw new Error(
      `${provider} lists none of the ${ever} subscriptions that it listed before: is this the right account?`,
    );
  if (absent > 1 && absent > known * absentShareLimit)
    throw new Error(
      `${provider} lists ${absent} of ${known} subscriptions no longer: is this the right account?`,
    );
}

async function applyAll(deps: SweepDeps, pass: Pass): Promise<{ created: number; changed: number }> {
  const totals = { created: 0, changed: 0 };
  // Whoever came back by one of these keeps what would be taken away below.
  await applyNameless(deps, pass, totals);
  const room = await countRoomForRemovals(deps);
  const votes = { granted: 0, due: 0 };
  let after = "";
  for (;;) {
    const slugs = await listSlugs(deps.sql, after, pageSize);
    if (slugs.length === 0) break;
    const { granted, due } = await vote(deps, slugs, pass, room - votes.granted);
    votes.granted += granted;
    votes.due += due;
    const result = await applyDesired(deps, {
      kind: "slugs",
      slugs,
      reason: "resync",
      actor: `sweep ${pass.id}`,
    });
    totals.created += result.created;
    totals.changed += result.changed;
    after = slugs.at(-1) ?? after;
  }
  if (votes.granted < votes.due) {
    const message = `${votes.due} servers and snapshots are due to go, the cap leaves room for ${room}`;
    deps.log.warn({ ...votes, room }, message);
    deps.onAlert?.({ kind: "deletion_cap", message });
  }
  return totals;
}

/** A job may be lost: to a hand in the database, to a version that could not read it. Where there is one, it is that one. */
async function queueLagging(deps: SweepDeps, sweepId: number): Promise<void> {
  let after = "";
  for (;;) {
    const rows = await listLagging(deps.sql, { after, limit: pageSize, now: deps.clock.now() });
    const jobs = rows.map((row) => toInstanceJob(row, `sweep ${sweepId}`));
    if (jobs.length > 0) await deps.queue.enqueueConverge(deps.sql, jobs);
    const last = rows.at(-1);
    if (!last) return;
    after = last.id;
  }
}

/** Subscriptions that came without a name: by way of their customers. */
async function applyNameless(
  deps: SweepDeps,
  pass: Pass,
  totals: { created: number; changed: number },
): Promise<void> {
  let after: Customer = { provider: "", customerId: "" };
  for (;;) {
    const customers = await listNamelessCustomers(deps.sql, after, pageSize);
    const last = customers.at(-1);
    if (!last) return;
    const result = await applyDesired(deps, { kind: "customers", customers, actor: `sweep ${pass.id}` });
    totals.created += result.created;
    totals.changed += result.changed;
    after = last;
  }
}
