/** Brings desired rows up to date and queues what follows, in one transaction. Every source of change ends here. */
import type { Logger } from "pino";
import type { Sql, TransactionSql } from "postgres";
import { networkZoneOf, type Override } from "../../infra/config.ts";
import { listCells } from "../db/cells.ts";
import {
  insertInstance,
  isMade,
  lockInstances,
  updateDesired,
  type DesiredColumns,
  type InstanceChange,
  type InstanceRow,
} from "../db/instances.ts";
import { recordGone } from "../db/observed.ts";
import { listInterventions } from "../db/interventions.ts";
import { lockSlug, markOrderPaid } from "../db/orders.ts";
import { listSubscriptionsFor, listSubscriptionsOf, type SubscriptionRow } from "../db/subscriptions.ts";
import { listPlaces } from "../converge/placement.ts";
import type { AlertKind, RaiseAlert } from "../messages/alerts.ts";
import { announceChange, announceGone, announceOrder, type Decided } from "../messages/occasions.ts";
import { announceAll, type Letter } from "../messages/outbox.ts";
import { moreUrgent, type ConvergeJob, type Reason } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { createInstanceId, createInstanceSecrets } from "../secrets.ts";
import { mayClaim, settleNames } from "./claims.ts";
import { desire, nameFor, type Desired } from "./desire.ts";
import { endByFairUse } from "./one-time.ts";
import { findDeletion } from "./phases.ts";
import { findRoom, hashDesired, lockPlacement } from "./place.ts";
import type { StackFiles } from "./stack-files.ts";

export type ApplyDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  masterKey: string;
  files(): Promise<StackFiles>;
  onAlert?: RaiseAlert;
};

export type ApplyScope =
  | { kind: "slugs"; slugs: readonly string[]; reason: Reason; actor: string }
  | { kind: "customer"; provider: string; customerId: string; actor: string };

/** What came of a name: something to converge, or a row that has nowhere to be converged yet. */
type Change = { job: ConvergeJob } | { row: "waits for room" };

/** Written in as few statements as possible: a sweep may change every row that there is. */
type Batch = { changes: InstanceChange[]; gone: string[]; letters: Letter[] };

export type ApplyResult = { created: number; changed: number; queued: number };

const requiredVotes = 2;

export async function applyDesired(deps: ApplyDeps, scope: ApplyScope): Promise<ApplyResult> {
  const files = await deps.files();
  return await deps.sql.begin(async (tx) => {
    const read = await readUnderLock(tx, scope);
    const { rows } = read;
    const subscriptions = endByFairUse(read.subscriptions, files.plans, deps.clock.now());
    const interventions = await listInterventions(tx, subscriptions);
    const names = settleNames(
      subscriptions.filter((one) => mayClaim(one, rows, interventions, files)),
      rows,
    );
    const result: ApplyResult = { created: 0, changed: 0, queued: 0 };
    const jobs: ConvergeJob[] = [];
    const batch: Batch = { changes: [], gone: [], letters: [] };
    const creations: (() => Promise<Change | undefined>)[] = [];
    const rowOf = new Map(rows.map((row) => [row.slug, row]));
    for (const [slug, mine] of names) {
      const problem = files.broken.get(slug);
      if (problem !== undefined) {
        alert(deps, "broken_file", slug, problem);
        continue;
      }
      const override = files.overrides.get(slug) ?? {};
      const input = {
        slug,
        subscriptions: mine,
        override,
        interventions,
        plans: files.plans,
        now: deps.clock.now(),
      };
      const { desired, alerts } = desire(input);
      for (const one of alerts) alert(deps, one.kind, slug, one.message);
      if (!desired) continue;
      const row = rowOf.get(slug);
      if (!row) creations.push(() => createRow(deps, tx, slug, desired, override, scope));
      const change = row && (await changeRow(deps, tx, row, desired, override, scope, batch));
      if (!change) continue;
      result.changed += 1;
      if ("job" in change) jobs.push(change.job);
    }
    await updateDesired(tx, batch.changes);
    for (const id of batch.gone) await recordGone(tx, id, deps.clock.now());
    await announceAll(tx, batch.letters, deps.clock.now());
    // After the changes: a subscription that was taken from another row is free now.
    for (const create of creations) {
      const change = await create();
      if (!change) continue;
      result.created += 1;
      if ("job" in change) jobs.push(change.job);
    }
    if (jobs.length > 0) result.queued = await deps.queue.enqueueConverge(tx, jobs);
    return result;
  });
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
  const slugs = new Set([...before.map(nameFor), ...(scope.kind === "slugs" ? scope.slugs : [])]);
  const rows = await lockInstances(tx, [...slugs].toSorted(), before);
  const known = new Set(before.map(({ provider, id }) => `${provider}:${id}`));
  const now = await readSubscriptions(tx, scope);
  return { rows, subscriptions: now.filter(({ provider, id }) => known.has(`${provider}:${id}`)) };
}

async function readSubscriptions(tx: TransactionSql, scope: ApplyScope): Promise<SubscriptionRow[]> {
  if (scope.kind === "slugs") return await listSubscriptionsFor(tx, scope.slugs);
  const own = await listSubscriptionsOf(tx, scope.provider, scope.customerId);
  const others = await listSubscriptionsFor(tx, own.map(nameFor));
  return [...new Map([...own, ...others].map((one) => [`${one.provider}:${one.id}`, one])).values()];
}

async function createRow(
  deps: ApplyDeps,
  tx: TransactionSql,
  slug: string,
  desired: Desired,
  override: Override,
  scope: ApplyScope,
): Promise<Change | undefined> {
  // What has ended before it began is not built.
  if (desired.phase !== "running" || override.hold === true) return undefined;
  const places = listPlaces(desired.plan, override);
  const [wanted] = places;
  if (!wanted) return undefined;
  await lockPlacement(tx);
  await lockSlug(tx, slug);
  // Somebody else's reading of the same made it while this one waited; what it says is decided with the row in hand.
  if (await isMade(tx, slug, desired.subscription)) return undefined;
  const room = await findRoom(deps, tx, places);
  if ("kind" in room) {
    alert(deps, room.kind, slug, `${slug}: ${room.detail}; add stacks/Pulumi.cell.<name>.yaml`);
    // Whoever gives one away is told at once; who has paid keeps name and place in the line.
    if (isGivenAway(scope)) return undefined;
  }
  const id = createInstanceId();
  const columns = toColumns(desired, override, "kind" in room ? wanted : room.place);
  const secrets = createInstanceSecrets(deps.masterKey, id);
  const now = deps.clock.now();
  await insertInstance(tx, { ...columns, room, id, slug, secrets, now });
  await markOrderPaid(tx, { orderId: desired.subscription.orderId, slug, instanceId: id });
  const letter = { instanceId: id, email: columns.email, ...announceOrder(desired.subscription, now) };
  await announceAll(tx, [letter], now);
  if ("kind" in room) return { row: "waits for room" };
  const who = { stack: slug, instanceId: id, cell: room.cell };
  return { job: { ...who, kind: "converge", reason: "paid", actor: scope.actor } };
}

function isGivenAway(scope: ApplyScope): boolean {
  return scope.kind === "slugs" && scope.reason === "operator";
}

/** What is to be written goes to `batch`; returns what is to be queued. */
async function changeRow(
  deps: ApplyDeps,
  tx: TransactionSql,
  row: InstanceRow,
  desired: Desired,
  override: Override,
  scope: ApplyScope,
  batch: Batch,
): Promise<Change | undefined> {
  const held = override.hold === true || row.override.hold === true;
  const wanted =
    desired.phase === "gone" && desired.needsVotes && row.deleteVotes < requiredVotes
      ? notYetGone(desired)
      : desired;
  if (held && override.hold === true && wanted.phase === "gone") return undefined;
  if (await leavesItsCell(deps, tx, row, override)) return undefined;
  const place = choosePlace(row, wanted, override);
  const columns = toColumns(wanted, override, place);
  const changed = columns.desiredHash !== row.desiredHash;
  const same =
    !changed &&
    row.hasPlanSettings &&
    columns.phaseReason === row.phaseReason &&
    columns.nextChangeAt?.getTime() === row.nextChangeAt?.getTime() &&
    columns.subscriptionId === row.subscriptionId;
  if (same) return undefined;
  const newPlacement = place.serverType !== row.serverType || place.location !== row.location;
  const now = deps.clock.now();
  batch.changes.push({ ...columns, id: row.id, newGeneration: changed, newPlacement, now });
  const told = { instanceId: row.id, email: columns.email };
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

/** Its address is in its cell's network, which no server of another network zone can join. */
async function leavesItsCell(
  deps: ApplyDeps,
  tx: TransactionSql,
  row: InstanceRow,
  override: Override,
): Promise<boolean> {
  if (override.location === undefined || override.location === row.location || row.cell === null)
    return false;
  const cell = (await listCells(tx)).find(({ name }) => name === row.cell);
  const zone = networkZoneOf(override.location);
  if (!cell || cell.settings.networkZone === zone) return false;
  const what = `the override of ${row.slug} names ${override.location}, and its cell ${cell.name} is in ${cell.settings.networkZone}`;
  alert(deps, "location_outside_cell", row.slug, `${what}; it stays as it is`);
  return true;
}

function notYetGone(desired: Desired): Desired {
  return { ...desired, phase: "suspended", reason: `${desired.reason}; deletion waits for a second reading` };
}

/** A server stays where it is; another plan brings its own first type, in place. */
function choosePlace(
  row: InstanceRow,
  desired: Desired,
  override: Override,
): { serverType: string; location: string } {
  const types = desired.plan.serverTypes;
  const kept = desired.planId === row.plan || types.includes(row.serverType);
  return {
    serverType: override.serverType ?? (kept ? row.serverType : (types[0] ?? row.serverType)),
    location: override.location ?? row.location,
  };
}

function reasonOf(row: InstanceRow, desired: Desired, scope: ApplyScope): Reason {
  if (scope.kind === "slugs" && scope.reason !== "resync") return scope.reason;
  if (desired.phase === "running" && row.phase !== "running") return "paid";
  if (desired.phase !== row.phase) return "cancel";
  return "resync";
}

function toColumns(
  desired: Desired,
  override: Override,
  place: { serverType: string; location: string },
): DesiredColumns {
  const { subscription, planId, plan, phase, reason, nextChangeAt } = desired;
  return {
    provider: subscription.provider,
    subscriptionId: subscription.id,
    customerId: subscription.customerId,
    email: subscription.email,
    plan: planId,
    planSettings: plan,
    phase,
    phaseReason: reason,
    nextChangeAt,
    override,
    ...place,
    desiredHash: hashDesired({ planId, plan, phase, override, place }),
  };
}

/** What customers hear of it: `deleteAt` is counted from where the phase is counted from. */
function toDecided({ subscription, plan, phase, nextChangeAt }: Desired): Decided {
  const { status, statusSince, endedAt } = subscription;
  const since = endedAt ?? statusSince;
  const deleteAt = nextChangeAt && findDeletion(status, since, plan.grace);
  return { phase, status, statusSince: since, nextChangeAt, deleteAt };
}

function alert(deps: ApplyDeps, kind: AlertKind, about: string, message: string): void {
  deps.log.warn({ alert: kind }, message);
  deps.onAlert?.({ kind, about, message });
}
