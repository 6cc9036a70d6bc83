/** Brings desired rows up to date and queues what follows, in one transaction. Every source of change ends here. */
import type { TransactionSql } from "postgres";
import { networkZoneOf, type Override } from "../../infra/config.ts";
import type { Query } from "../db/database.ts";
import { listCells } from "../db/cells.ts";
import {
  clearDeleteVotes,
  lockInstances,
  updateDesired,
  type InstanceChange,
  type InstanceRow,
} from "../db/instances.ts";
import { recordGone } from "../db/observed.ts";
import { forgetCustomer } from "../db/customers.ts";
import { findHalt } from "../db/halt.ts";
import { listGiven } from "../db/labels.ts";
import { listInterventions } from "../db/interventions.ts";
import { writeLedger, type LedgerEntry } from "../db/ledger.ts";
import { listSubscriptionsFor, listSubscriptionsOf, type SubscriptionRow } from "../db/subscriptions.ts";
import { listOutages } from "../db/outages.ts";
import { readdressMessages } from "../db/outbox.ts";
import { announceChange, announceGone, type Decided } from "../messages/occasions.ts";
import { announceAll, type Addressee, type Letter } from "../messages/outbox.ts";
import { moreUrgent, type ConvergeJob, type Reason } from "../queue/jobs.ts";
import { alert, type ApplyDeps, type ApplyScope, type Change } from "./apply-deps.ts";
import { choosePlace, toColumns, toEntry } from "./columns.ts";
import { phaseRank, type Desired } from "./desire.ts";
import { desireFleet, type FleetFacts } from "./desire-fleet.ts";
import { createRow } from "./create-row.ts";
import { possibleNames } from "./names.ts";
import { findDownSince, type Outage, type Standing } from "./outages.ts";
import { settleAddresses } from "./settle-addresses.ts";
import { takeStep } from "./steps.ts";
import type { StackFiles } from "./stack-files.ts";

/** Written in as few statements as possible: a sweep may change every row that there is. */
type Batch = {
  changes: InstanceChange[];
  /** Whose votes led to something that is not true any more: the next end needs its own. */
  better: string[];
  gone: string[];
  letters: Letter[];
  moved: Addressee[];
  ledger: LedgerEntry[];
};

export type ApplyResult = { created: number; changed: number; queued: number };

/** Complete readings that have to agree before billing takes a server or a snapshot away. */
export const requiredVotes = 2;

export async function applyDesired(deps: ApplyDeps, scope: ApplyScope): Promise<ApplyResult> {
  return await deps.sql.begin((tx) => applyDesiredIn(tx, deps, scope));
}

/** In the transaction of whoever writes what the rows are derived from, and perhaps takes it back. */
export async function applyDesiredIn(
  tx: TransactionSql,
  deps: ApplyDeps,
  scope: ApplyScope,
): Promise<ApplyResult> {
  const files = await deps.files();
  const halted = (await findHalt(tx)) !== undefined;
  const world = await readUnderLock(tx, scope);
  const { overrides, refusals } = await settleAddresses(tx, files, world.rows);
  const settled = { files: { ...files, overrides }, now: deps.clock.now() };
  const facts = await readFacts(tx, world, settled);
  const result: ApplyResult = { created: 0, changed: 0, queued: 0 };
  const jobs: ConvergeJob[] = [];
  const batch: Batch = { changes: [], better: [], gone: [], letters: [], moved: [], ledger: [] };
  const creations: (() => Promise<Change | undefined>)[] = [];
  for (const { slug, instance: row, desired, override, alerts } of desireFleet(facts)) {
    for (const one of alerts) alert(deps, one.kind, slug, one.message);
    for (const one of refusals.get(slug) ?? []) alert(deps, one.kind, slug, one.message);
    if (!desired) continue;
    if (!row) {
      creations.push(() => createRow(deps, tx, slug, desired, override, scope));
      continue;
    }
    const wanted = holdBack(row, takeStep(row, desired, settled.now), override, halted);
    const change = wanted && (await changeRow(deps, tx, row, wanted, override, scope, batch));
    if (!change) continue;
    result.changed += 1;
    if ("job" in change) jobs.push(change.job);
  }
  await writeBatch(tx, batch, deps.clock.now());
  // After the changes: a subscription that was taken from another row is free now.
  for (const create of creations) {
    const change = await create();
    if (!change) continue;
    result.created += 1;
    if ("job" in change) jobs.push(change.job);
  }
  if (jobs.length > 0) result.queued = await deps.queue.enqueueConverge(tx, jobs);
  return result;
}

/** What the decision needs beside subscriptions and rows. */
export async function readFacts(
  tx: TransactionSql,
  { subscriptions, rows }: { subscriptions: SubscriptionRow[]; rows: InstanceRow[] },
  { files, now }: { files: StackFiles; now: Date },
): Promise<FleetFacts<InstanceRow>> {
  return {
    subscriptions,
    instances: rows,
    interventions: await listInterventions(tx, subscriptions),
    outages: await readOutages(tx, rows),
    plans: files.plans,
    overrides: files.overrides,
    broken: files.broken,
    given: new Set(await listGiven(tx, subscriptions.flatMap(possibleNames))),
    now,
  };
}

/** Those on record, and of each that should run and is not up the one that goes on. */
export async function readOutages(
  tx: Query,
  rows: readonly ({ id: string } & Standing)[],
): Promise<Map<string, Outage[]>> {
  const outages = await listOutages(
    tx,
    rows.map(({ id }) => id),
  );
  for (const row of rows) {
    const from = findDownSince(row);
    if (from) outages.set(row.id, [...(outages.get(row.id) ?? []), { from, to: null }]);
  }
  return outages;
}

async function writeBatch(tx: TransactionSql, batch: Batch, now: Date): Promise<void> {
  await updateDesired(tx, batch.changes);
  await clearDeleteVotes(tx, batch.better);
  await writeLedger(tx, batch.ledger);
  await readdressMessages(tx, batch.moved);
  await announceAll(tx, batch.letters, now);
  for (const id of batch.gone) {
    await recordGone(tx, id, now);
    await forgetCustomer(tx, id, now);
  }
}

/** What may be done of it now. undefined: the row stays as it is. */
export function holdBack(
  row: Pick<InstanceRow, "phase" | "deleteVotes" | "deleteVotePhase">,
  desired: Desired,
  override: Override,
  halted: boolean,
): Desired | undefined {
  const worse = phaseRank[desired.phase] > phaseRank[row.phase];
  if (worse && halted) return undefined;
  const held = override.hold === true;
  if (desired.phase === "gone" && held) return undefined;
  const agreed = row.deleteVotes >= requiredVotes && row.deleteVotePhase === desired.phase;
  const told = held ? { ...desired, deleteAt: null } : desired;
  if (!worse || !desired.needsVotes || agreed) return told;
  const phase = row.phase === "archived" ? "archived" : "suspended";
  return { ...told, phase, reason: `${desired.reason}; ${desired.phase} waits for a second reading` };
}

/**
 * The rows concerned, locked, and the subscriptions as they are once the locks are held: who waited for them must not
 * decide by what was true before. One that came up meanwhile is left to its own hint.
 */
async function readUnderLock(
  tx: TransactionSql,
  scope: ApplyScope,
): Promise<{ subscriptions: SubscriptionRow[]; rows: InstanceRow[] }> {
  const before = await readSubscriptions(tx, scope);
  const slugs = new Set([...before.flatMap(possibleNames), ...(scope.kind === "slugs" ? scope.slugs : [])]);
  const rows = await lockInstances(tx, [...slugs].toSorted(), before);
  const known = new Set(before.map(({ provider, id }) => `${provider}:${id}`));
  const now = await readSubscriptions(tx, scope);
  return { rows, subscriptions: now.filter(({ provider, id }) => known.has(`${provider}:${id}`)) };
}

async function readSubscriptions(tx: TransactionSql, scope: ApplyScope): Promise<SubscriptionRow[]> {
  if (scope.kind === "slugs") return await listSubscriptionsFor(tx, scope.slugs);
  const own = await listSubscriptionsOf(tx, scope.customers);
  const others = await listSubscriptionsFor(tx, own.flatMap(possibleNames));
  return [...new Map([...own, ...others].map((one) => [`${one.provider}:${one.id}`, one])).values()];
}

/** What is to be written goes to `batch`; returns what is to be queued. */
async function changeRow(
  deps: ApplyDeps,
  tx: TransactionSql,
  row: InstanceRow,
  wanted: Desired,
  given: Override,
  scope: ApplyScope,
  batch: Batch,
): Promise<Change | undefined> {
  const override = await keepToItsZone(deps, tx, row, given);
  const place = choosePlace(row, wanted, override);
  const columns = toColumns(wanted, override, place);
  const changed = columns.desiredHash !== row.desiredHash;
  const same =
    !changed &&
    row.planSettings !== null &&
    columns.phaseReason === row.phaseReason &&
    columns.nextChangeAt?.getTime() === row.nextChangeAt?.getTime() &&
    columns.subscriptionId === row.subscriptionId &&
    columns.email === row.email;
  if (same) return undefined;
  const newPlacement = place.serverType !== row.serverType || place.location !== row.location;
  const now = deps.clock.now();
  batch.changes.push({ ...columns, id: row.id, newGeneration: changed, newPlacement, now });
  if (phaseRank[columns.phase] < phaseRank[row.phase]) batch.better.push(row.id);
  const told = { instanceId: row.id, email: columns.email };
  if (columns.phase !== row.phase) batch.ledger.push(toEntry(row, columns, now));
  if (row.email !== columns.email) batch.moved.push({ instanceId: row.id, email: columns.email });
  batch.letters.push({ ...told, ...announceChange(row, toDecided(wanted), now) });
  if (!changed) return undefined;
  if (row.cell === null) {
    // Nothing of it exists anywhere.
    if (wanted.phase === "gone") {
      batch.gone.push(row.id);
      batch.letters.push({ ...told, ...announceGone(now) });
    }
    return { row: "waits for room" };
  }
  const reason = moreUrgent(reasonOf(row, wanted, scope), row.retryReason);
  const who = { stack: row.slug, instanceId: row.id, cell: row.cell };
  return { job: { ...who, kind: "converge", reason, actor: scope.actor } };
}

function reasonOf(row: InstanceRow, desired: Desired, scope: ApplyScope): Reason {
  if (scope.kind === "slugs" && scope.reason !== "resync") return scope.reason;
  if (desired.phase === "running" && row.phase !== "running") return "paid";
  if (desired.phase !== row.phase) return "cancel";
  return "resync";
}

/** What customers hear of it. */
function toDecided({ subscription, phase, nextChangeAt, deleteAt }: Desired): Decided {
  const { status, statusSince, endedAt } = subscription;
  return { phase, status, statusSince: endedAt ?? statusSince, nextChangeAt, deleteAt };
}

/** Its address is in its cell's network, which no server of another network zone can join: that location counts for nothing. */
async function keepToItsZone(
  deps: ApplyDeps,
  tx: TransactionSql,
  row: InstanceRow,
  override: Override,
): Promise<Override> {
  const { location, ...rest } = override;
  if (location === undefined || location === row.location || row.cell === null) return override;
  const cell = (await listCells(tx)).find(({ name }) => name === row.cell);
  if (!cell || cell.settings.networkZone === networkZoneOf(location)) return override;
  const what = `the override of ${row.slug} names ${location}, and its cell ${cell.name} is in ${cell.settings.networkZone}`;
  alert(deps, "location_outside_cell", row.slug, `${what}; it stays where it is`);
  return rest;
}
