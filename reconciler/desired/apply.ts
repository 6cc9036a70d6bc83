/** Brings desired rows up to date and queues what follows, in one transaction. Every source of change ends here. */
import { createHash } from "node:crypto";
import type { Logger } from "pino";
import type { Sql, TransactionSql } from "postgres";
import type { Override } from "../../infra/config.ts";
import { listAddresses, listCells } from "../db/cells.ts";
import {
  insertInstance,
  lockInstances,
  updateDesired,
  type DesiredColumns,
  type InstanceRow,
} from "../db/instances.ts";
import { listInterventions } from "../db/interventions.ts";
import { lockSlug, markOrderPaid } from "../db/orders.ts";
import { listSubscriptionsFor, listSubscriptionsOf, type SubscriptionRow } from "../db/subscriptions.ts";
import { listPlaces } from "../converge/placement.ts";
import { ClawfleetError } from "../errors.ts";
import type { AlertKind, RaiseAlert } from "../messages/alerts.ts";
import { announceChange, announceOrder, type Decided } from "../messages/occasions.ts";
import { announce } from "../messages/outbox.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { createInstanceId, createInstanceSecrets } from "../secrets.ts";
import { findFreeAddress } from "./addresses.ts";
import { mayClaim, settleNames } from "./claims.ts";
import { desire, nameFor, type Desired } from "./desire.ts";
import { findDeletion } from "./phases.ts";
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

export type ApplyResult = { created: number; changed: number; queued: number };

const requiredVotes = 2;
const insertAttempts = 5;

export async function applyDesired(deps: ApplyDeps, scope: ApplyScope): Promise<ApplyResult> {
  const files = await deps.files();
  return await deps.sql.begin(async (tx) => {
    const { subscriptions, rows } = await readUnderLock(tx, scope);
    const interventions = await listInterventions(tx, subscriptions);
    const names = settleNames(
      subscriptions.filter((one) => mayClaim(one, rows, interventions, files)),
      rows,
    );
    const result: ApplyResult = { created: 0, changed: 0, queued: 0 };
    const jobs: ConvergeJob[] = [];
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
      const row = rows.find((one) => one.slug === slug);
      const job = row
        ? await changeRow(deps, tx, row, desired, override, scope)
        : await createRow(deps, tx, slug, desired, override, scope);
      if (!job) continue;
      result[row ? "changed" : "created"] += 1;
      jobs.push(job);
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
): Promise<ConvergeJob | undefined> {
  // What has ended before it began is not built.
  if (desired.phase !== "running" || override.hold === true) return undefined;
  const [place] = listPlaces(desired.plan, override);
  if (!place) return undefined;
  await lockSlug(tx, slug);
  for (let attempt = 0; attempt < insertAttempts; attempt += 1) {
    const room = await findRoom(deps, tx);
    if (!room) {
      alert(deps, "no_room", slug, `no cell has room for ${slug}: add stacks/Pulumi.cell.<name>.yaml`);
      return undefined;
    }
    const id = createInstanceId();
    const columns = toColumns(desired, override, place);
    const secrets = createInstanceSecrets(deps.masterKey, id);
    const row = { ...columns, ...room, id, slug, secrets, now: deps.clock.now() };
    if (await insertInstance(tx, row)) {
      await markOrderPaid(tx, { orderId: desired.subscription.orderId, slug, instanceId: id });
      await announce(
        tx,
        { instanceId: id, email: row.email },
        announceOrder(desired.subscription, row.now),
        row.now,
      );
      return {
        stack: slug,
        instanceId: id,
        cell: room.cell,
        kind: "converge",
        reason: "paid",
        actor: scope.actor,
      };
    }
  }
  throw new ClawfleetError({
    code: "conflict",
    message: `${slug} could not be placed: others kept taking its address`,
    retry: { kind: "retryable" },
  });
}

async function findRoom(
  deps: ApplyDeps,
  tx: TransactionSql,
): Promise<{ cell: string; privateIp: string } | undefined> {
  // One at a time: two that look at once would see the same free address.
  await tx`select pg_advisory_xact_lock(hashtext('clawfleet.addresses'))`;
  for (const cell of await listCells(tx)) {
    if (!cell.settings.open || cell.used >= cell.settings.capacity) continue;
    const taken = new Set(await listAddresses(tx, cell.name));
    const privateIp = findFreeAddress(cell.settings.subnetRange, taken, cell.settings.backendPrivateIp);
    if (privateIp !== undefined) return { cell: cell.name, privateIp };
    deps.log.warn({ cell: cell.name }, "a cell has capacity but no free address");
  }
  return undefined;
}

async function changeRow(
  deps: ApplyDeps,
  tx: TransactionSql,
  row: InstanceRow,
  desired: Desired,
  override: Override,
  scope: ApplyScope,
): Promise<ConvergeJob | undefined> {
  const held = override.hold === true || row.override.hold === true;
  const wanted =
    desired.phase === "gone" && desired.needsVotes && row.deleteVotes < requiredVotes
      ? notYetGone(desired)
      : desired;
  if (held && override.hold === true && wanted.phase === "gone") return undefined;
  const place = choosePlace(row, wanted, override);
  const columns = toColumns(wanted, override, place);
  const changed = columns.desiredHash !== row.desiredHash;
  const same =
    !changed &&
    columns.phaseReason === row.phaseReason &&
    columns.nextChangeAt?.getTime() === row.nextChangeAt?.getTime() &&
    columns.subscriptionId === row.subscriptionId;
  if (same) return undefined;
  const now = deps.clock.now();
  await announce(
    tx,
    { instanceId: row.id, email: columns.email },
    announceChange(row, toDecided(wanted), now),
    now,
  );
  const newPlacement = place.serverType !== row.serverType || place.location !== row.location;
  await updateDesired(tx, {
    ...columns,
    id: row.id,
    newGeneration: changed,
    newPlacement,
    now,
  });
  if (!changed) return undefined;
  return {
    stack: row.slug,
    instanceId: row.id,
    cell: row.cell,
    kind: "converge",
    reason: reasonOf(row, wanted, scope),
    actor: scope.actor,
  };
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
  const hashed = JSON.stringify([planId, plan, phase, override, place.serverType, place.location]);
  return {
    provider: subscription.provider,
    subscriptionId: subscription.id,
    customerId: subscription.customerId,
    email: subscription.email,
    plan: planId,
    phase,
    phaseReason: reason,
    nextChangeAt,
    override,
    ...place,
    desiredHash: createHash("sha256").update(hashed).digest("hex").slice(0, 16),
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
