/**
 * Instances and cells that wait for an outside system, and instances that wait for their cell. One at a time looks whether it
 * is well; when it is, all of them go on, each as urgent as it was. Nothing depends on the memory of one process.
 */
import type { Logger } from "pino";
import type { Sql, TransactionSql } from "postgres";
import type { CloudName } from "../cloud/http.ts";
import {
  delayBlock,
  endBlocks,
  lockDueBlocks,
  pickProbe,
  recordBlocked,
  recordProbe,
  releaseBlocked,
  upsertBlock,
  type BlockKey,
  type DueBlock,
} from "../db/blocks.ts";
import { pickCellProbe, releaseBlockedCells } from "../db/cell-status.ts";
import type { Subject } from "../db/subject.ts";
import { assertNever, type Blocker } from "../errors.ts";
import type { Gate } from "../gate/gate.ts";
import { moreUrgent, priorities, reasonSchema, type ConvergeJob, type Reason } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { backoffMs } from "./backoff.ts";
import { toCellJob, toInstanceJob } from "./jobs.ts";

export type BlockDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  random(): number;
  /** Until the first look; it doubles from there, up to minutes. */
  retryFirstMs: number;
};

/** A block that comes back within this time has not really healed. */
const relapseWindowMs = 10 * 60_000;

const byUrgency: readonly Reason[] = reasonSchema.options.toSorted((a, b) => priorities[b] - priorities[a]);

/** For whoever looks at the status. Pure. */
export function nameOf({ blockedBy, scope }: BlockKey): string {
  switch (blockedBy) {
    case "hetzner":
      return "Hetzner";
    case "hetzner-limit":
      return "a higher limit at Hetzner";
    case "cloudflare":
      return "Cloudflare";
    case "cloudflare-quota":
      return "room in the zone at Cloudflare";
    case "cell":
      return `the cell ${scope}`;
    default:
      return assertNever(blockedBy);
  }
}

/** Pure. */
export function describeWait(key: BlockKey, why: string | null): string {
  return why === null ? `waiting for ${nameOf(key)}` : `waiting for ${nameOf(key)}: ${why}`;
}

export async function block(
  deps: BlockDeps,
  row: Subject & { retryReason: Reason | null },
  why: BlockKey & { message: string | null; reason: Reason },
): Promise<void> {
  const now = deps.clock.now();
  const key = { blockedBy: why.blockedBy, scope: why.scope };
  const wait = (tries: number) => backoffMs(tries, deps.random(), deps.retryFirstMs);
  await deps.sql.begin(async (tx) => {
    const probeAt = new Date(now.getTime() + wait(1));
    const { relapses } = await upsertBlock(tx, key, { now, probeAt, relapseWindowMs });
    if (relapses > 0) {
      const later = new Date(now.getTime() + wait(relapses + 1));
      await delayBlock(tx, key, { wakeAfter: later, probeAt: later });
    }
    const detail = describeWait(key, why.message);
    const reason = moreUrgent(why.reason, row.retryReason);
    await recordBlocked(tx, row, { ...key, detail, reason, now });
  });
  deps.log.warn({ [row.kind]: row.id, ...key }, "blocked until it is well");
}

/**
 * Wakes all who wait for one of these in this scope, most urgent first. `force`: it is certain that it is well; else a block
 * that came back lately stands for a while, so that a success of somebody else's does not wake everybody again and again.
 */
export async function heal(
  deps: Pick<BlockDeps, "sql" | "queue" | "clock" | "log">,
  blockers: readonly Blocker[],
  scope: string,
  options: { force: boolean },
): Promise<number> {
  return await deps.sql.begin(async (tx) => {
    const ended = await endBlocks(tx, blockers, scope, { now: deps.clock.now(), ...options });
    if (ended.length === 0) return 0;
    const actor = `${ended.map((blockedBy) => nameOf({ blockedBy, scope })).join(" and ")} is well`;
    const cells = await releaseBlockedCells(tx, ended, scope);
    const instances = await releaseBlocked(tx, ended, scope);
    const jobs = [
      ...cells.map((row) => toCellJob(row, actor)),
      ...instances.map((row) => toInstanceJob(row, actor)),
    ];
    if (jobs.length > 0) await deps.queue.enqueueConverge(tx, jobs);
    deps.log.info({ blockers: ended, scope, woken: jobs.length }, "what was waited for is well");
    return jobs.length;
  });
}

export type SeenWell = { account: string; clouds: readonly CloudName[]; deleted: boolean };

/** After a run that came to its end: which clouds answered it, and whether it made room. */
export async function healSeen(
  deps: Pick<BlockDeps, "sql" | "queue" | "clock" | "log"> & { gate: Pick<Gate, "budgetOf"> },
  { account, clouds, deleted }: SeenWell,
): Promise<void> {
  const full: Record<CloudName, Blocker> = { hetzner: "hetzner-limit", cloudflare: "cloudflare-quota" };
  for (const cloud of clouds) {
    const healed: Blocker[] = deleted ? [cloud, full[cloud]] : [cloud];
    await heal(deps, healed, deps.gate.budgetOf(cloud, account), { force: false });
  }
}

/** Lets one of those that wait look, for each block whose time has come. */
export async function enqueueProbes(deps: Omit<BlockDeps, "log">): Promise<number> {
  return await deps.sql.begin(async (tx) => {
    const now = deps.clock.now();
    let queued = 0;
    for (const due of await lockDueBlocks(tx, now)) {
      const probe = await pickProbeJob(tx, due, now);
      if (!probe) {
        await endBlocks(tx, [due.blockedBy], due.scope, { now, force: true });
        continue;
      }
      const wait = backoffMs(due.probes + 2, deps.random(), deps.retryFirstMs);
      await recordProbe(tx, due, new Date(now.getTime() + wait));
      queued += await deps.queue.enqueueConverge(tx, probe);
    }
    return queued;
  });
}

/** Cells and instances in turn: a cell holds up others, but one that no worker takes must keep nobody asleep. */
async function pickProbeJob(tx: TransactionSql, due: DueBlock, now: Date): Promise<ConvergeJob | undefined> {
  const actor = `looks whether ${nameOf(due)} is well`;
  const cell = async () => {
    const row = await pickCellProbe(tx, due, now);
    return row && toCellJob(row, actor);
  };
  const instance = async () => {
    const row = await pickProbe(tx, due, { byUrgency, now });
    return row && toInstanceJob(row, actor);
  };
  return due.probes % 2 === 0
    ? ((await cell()) ?? (await instance()))
    : ((await instance()) ?? (await cell()));
}
