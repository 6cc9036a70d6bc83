/** The two ways in which an instance loses its server: archived with a snapshot of it, gone with everything. */
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { findDnsNames } from "../cloud/dns-names.ts";
import {
  markConverging,
  recordMovedOut,
  recordSnapshot,
  recordWaiting,
  type ConvergeRow,
} from "../db/observed.ts";
import { beginTransfer, recordDown } from "../db/transfers.ts";
import { tellArchived, tellGone } from "../messages/recorded.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";
import { keepSnapshot } from "./archive.ts";
import { releaseProtection, removeLeftovers } from "./cleanup.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { waitsForHalt } from "./halt.ts";
import { healAfter, recordTrouble } from "./outcome.ts";
import { describeRun, runOperation } from "./run-operation.ts";

/** With what the mark of a move begins. */
export const moveMark = "move-";

/** A copy takes a minute for some GB, an hour at worst. */
const copyWaitMs = 15_000;

export async function dropSnapshots(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<void> {
  const { hetzner } = deps.cloudsOf(row.account, reason);
  for (const { id } of await hetzner.findSnapshots(row.id)) await hetzner.deleteSnapshot(id);
  await recordSnapshot(deps.sql, row.id, null);
}

export async function archive(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  if (await waitsForHalt(deps, row, job)) return;
  await markConverging(deps.sql, row);
  // Who came back and left again before it answered has a server that holds nothing beside what the snapshot holds.
  if (row.observedPhase !== "archived") {
    const { hetzner } = deps.cloudsOf(row.account, job.reason);
    const kept = await keepSnapshot(
      hetzner,
      { ...row, mark: String(row.phaseSince.getTime()), former: row.snapshotId, empty: !row.readyBefore },
      signal,
    );
    await recordSnapshot(deps.sql, row.id, kept.snapshotId);
    if (kept.kind === "copying") return await waitForCopy(deps, row, job.reason);
  }
  if (!(await destroyStack(deps, row, job, { keepSnapshots: true }, signal))) return;
  const seen = { generation: row.generation, now: deps.clock.now() };
  const { behind } = await tellArchived(deps.sql, row.id, seen);
  if (behind) await deps.queue.enqueueConverge(deps.sql, { ...job, actor: "the row moved on" });
}

/**
 * Its disk into a snapshot, and everything of it out of the clouds: what is made next, wherever it is, is made from that
 * snapshot. False when that is not done yet; the row says why.
 */
export async function moveOut(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<boolean> {
  if (await waitsForHalt(deps, row, job)) return false;
  const { hetzner } = deps.cloudsOf(row.account, job.reason);
  const mark = `${moveMark}${row.override.location ?? row.location}-${row.generation}`;
  await beginTransfer(deps.sql, row.id, mark);
  await recordDown(deps.sql, row.id, deps.clock.now());
  const kept = await keepSnapshot(
    hetzner,
    {
      ...row,
      mark,
      former: row.snapshotId,
      empty: false,
    },
    signal,
  );
  await recordSnapshot(deps.sql, row.id, kept.snapshotId);
  if (kept.kind === "copying") {
    await waitForCopy(deps, row, job.reason);
    return false;
  }
  return await finishMoveOut(deps, row, job, signal);
}

/** Its snapshot is kept and available; what is left of it in the clouds goes. False when that is not done yet. */
export async function finishMoveOut(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<boolean> {
  if (!(await destroyStack(deps, row, job, { keepSnapshots: true }, signal))) return false;
  await recordMovedOut(deps.sql, row.id, deps.clock.now());
  return true;
}

export async function waitForCopy(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<void> {
  const retryAt = new Date(deps.clock.now().getTime() + copyWaitMs);
  const detail = "Hetzner is taking the last snapshot";
  await recordWaiting(deps.sql, row, { detail, retryAt, countsAsFailure: false, reason });
}

export async function destroy(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  if (await waitsForHalt(deps, row, job)) return;
  await markConverging(deps.sql, row);
  if (!(await destroyStack(deps, row, job, { keepSnapshots: false }, signal))) return;
  const { returned } = await tellGone(deps.sql, row.id, deps.clock.now());
  if (!returned) return;
  const { provider, customerId } = returned;
  const hint = { provider, customerId, eventId: `returned-${row.id}`, objectId: null };
  await deps.queue.enqueueHint(deps.sql, hint);
}

/** False when it did not come to its end; the row says why. */
async function destroyStack(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  { keepSnapshots }: { keepSnapshots: boolean },
  signal: AbortSignal,
): Promise<boolean> {
  const clouds = deps.cloudsOf(row.account, job.reason);
  const cell = cellOutputsSchema.safeParse(row.cellOutputs);
  if (cell.success) {
    await releaseProtection(clouds, row.id);
    const result = await runOperation(deps, { kind: "destroy", ...describeRun(job, row) }, signal);
    if (result.kind !== "done") {
      await recordTrouble(deps, row, job, result, signal);
      return false;
    }
    const names = findDnsNames(row, cell.data);
    await removeLeftovers({ ...clouds, log: deps.log }, { instanceId: row.id, names, keepSnapshots });
    await healAfter(deps, row, result);
  }
  return true;
}
