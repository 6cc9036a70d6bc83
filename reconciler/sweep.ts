/** The full reading of billing: repairs whatever webhooks lost, and is the only one that may lead to a deletion. */
import type { Logger } from "pino";
import type { BillingProvider } from "./billing/provider.ts";
import { addDeleteVotes, clearDeleteVotes, countLiving, lockInstances } from "./db/instances.ts";
import { listInterventions } from "./db/interventions.ts";
import { expireOrders } from "./db/orders.ts";
import {
  countAbsent,
  listNameless,
  listSlugs,
  listSubscriptionsFor,
  markAbsent,
  storeReadings,
  touchMissing,
} from "./db/subscriptions.ts";
import { beginSweep, endSweep } from "./db/sweeps.ts";
import { applyDesired, type ApplyDeps } from "./desired/apply.ts";
import { desire } from "./desired/desire.ts";
import { endByFairUse } from "./desired/one-time.ts";
import { compedProvider } from "./operators/operators.ts";

export type SweepDeps = ApplyDeps & {
  log: Logger;
  providers: readonly BillingProvider[];
  /** Two readings that may agree on a deletion are at least this far apart. */
  intervalMs: number;
  deleteCap: { count: number; share: number };
};

export type SweepResult = {
  outcome: "complete" | "failed";
  readings: number;
  created: number;
  changed: number;
};

const pageSize = 500;
/** More than this share gone from the list at once is billing's failure and not our customers leaving. */
const absentShareLimit = 0.2;

/** Never throws for billing's failures: an incomplete sweep is recorded and decides nothing. */
export async function sweep(deps: SweepDeps, signal: AbortSignal): Promise<SweepResult> {
  const startedAt = deps.clock.now();
  const id = await beginSweep(deps.sql, startedAt);
  let readings = 0;
  const complete = new Set<string>();
  const failures: string[] = [];
  for (const provider of deps.providers) {
    try {
      readings += await readAll(deps, provider, { sweepId: id, startedAt }, signal);
      complete.add(provider.name);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
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
  await endSweep(deps.sql, { id, endedAt: deps.clock.now(), outcome, readings, detail });
  return { outcome, readings, ...totals };
}

async function readAll(
  deps: SweepDeps,
  provider: BillingProvider,
  pass: { sweepId: number; startedAt: Date },
  signal: AbortSignal,
): Promise<number> {
  let count = 0;
  for await (const readings of provider.listSubscriptions(signal)) {
    await storeReadings(deps.sql, {
      provider: provider.name,
      readings,
      readAt: pass.startedAt,
      sweepId: pass.sweepId,
    });
    count += readings.length;
  }
  const whole = { provider: provider.name, ...pass };
  const { absent, known } = await countAbsent(deps.sql, whole);
  // Providers keep listing what has ended: a list of nothing is no answer, were there but one whom it should hold.
  if ((absent > 1 || count === 0) && absent > known * absentShareLimit) {
    throw new Error(
      `${provider.name} lists ${absent} of ${known} subscriptions no longer: is this the right account?`,
    );
  }
  await markAbsent(deps.sql, whole, deps.intervalMs);
  await touchMissing(deps.sql, whole);
  return count;
}

/** `complete`: providers that said everything they know. About customers of the others nothing new is known. */
type Pass = { id: number; startedAt: Date; complete: ReadonlySet<string> };

async function applyAll(deps: SweepDeps, pass: Pass): Promise<{ created: number; changed: number }> {
  const totals = { created: 0, changed: 0 };
  let room = await deletionRoom(deps);
  let after = "";
  for (;;) {
    const slugs = await listSlugs(deps.sql, after, pageSize);
    if (slugs.length === 0) break;
    room -= await vote(deps, slugs, pass, room);
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
  await applyNameless(deps, pass, totals);
  return totals;
}

/** Subscriptions that came without a name: each by way of its customer. */
async function applyNameless(
  deps: SweepDeps,
  pass: Pass,
  totals: { created: number; changed: number },
): Promise<void> {
  let after = { provider: "", id: "" };
  for (;;) {
    const rows = await listNameless(deps.sql, after, pageSize);
    for (const { provider, customerId } of rows) {
      const result = await applyDesired(deps, {
        kind: "customer",
        provider,
        customerId,
        actor: `sweep ${pass.id}`,
      });
      totals.created += result.created;
      totals.changed += result.changed;
    }
    const last = rows.at(-1);
    if (!last) return;
    after = { provider: last.provider, id: last.id };
  }
}

async function deletionRoom(deps: SweepDeps): Promise<number> {
  const living = await countLiving(deps.sql);
  return Math.min(deps.deleteCap.count, Math.max(1, Math.floor(living * deps.deleteCap.share)));
}

/**
 * Gives a vote to every instance that a complete reading of its provider found due for deletion, and takes votes back from the others.
 * The last vote, which lets it go, counts against the cap. Returns how many of those were given.
 */
async function vote(deps: SweepDeps, slugs: readonly string[], pass: Pass, room: number): Promise<number> {
  if (pass.complete.size === 0) return 0;
  const files = await deps.files();
  return await deps.sql.begin(async (tx) => {
    const rows = (await lockInstances(tx, slugs, [])).filter(({ provider }) => isRead(provider, pass));
    const subscriptions = endByFairUse(await listSubscriptionsFor(tx, slugs), files.plans, pass.startedAt);
    const interventions = await listInterventions(tx, subscriptions);
    const firsts: string[] = [];
    const seconds: string[] = [];
    const withdrawn: string[] = [];
    for (const row of rows) {
      const mine = subscriptions.filter(
        (one) => one.provider === row.provider && one.customerId === row.customerId,
      );
      const override = files.overrides.get(row.slug) ?? {};
      const { desired } = desire({
        slug: row.slug,
        subscriptions: mine,
        override,
        interventions,
        plans: files.plans,
        now: pass.startedAt,
      });
      const due = desired?.phase === "gone" && desired.needsVotes && override.hold !== true;
      if (!due) {
        if (row.deleteVotes > 0) withdrawn.push(row.id);
        continue;
      }
      if (row.deleteVotes === 0) firsts.push(row.id);
      else if (row.deleteVotes === 1 && isApart(row.deleteVoteAt, pass.startedAt, deps.intervalMs))
        seconds.push(row.id);
    }
    const granted = seconds.slice(0, Math.max(0, room));
    if (granted.length < seconds.length) {
      deps.log.warn(
        { alert: "deletion_cap", due: seconds.length, cap: room },
        "more deletions are due than the cap allows",
      );
      const message = `${seconds.length} deletions are due, the cap leaves room for ${room}`;
      deps.onAlert?.({ kind: "deletion_cap", message });
    }
    await addDeleteVotes(tx, [...firsts, ...granted], { id: pass.id, startedAt: pass.startedAt });
    await clearDeleteVotes(tx, withdrawn);
    return granted.length;
  });
}

/** Whom nobody bills, nobody has to read; a provider that is not configured any more decides about nobody. */
function isRead(provider: string, pass: Pass): boolean {
  return provider === compedProvider || pass.complete.has(provider);
}

/** Clocks of two sweeps never agree to the millisecond. */
function isApart(before: Date | null, now: Date, intervalMs: number): boolean {
  return before !== null && now.getTime() - before.getTime() >= intervalMs * 0.5;
}
