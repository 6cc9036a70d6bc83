/** The two ways in which an instance loses its server: archived with a snapshot of it, gone with everything. */
import { instanceHost, instanceStack } from "../../components/naming.ts";
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { findHalt } from "../db/halt.ts";
import { markConverging, recordSnapshot, recordWaiting, type ConvergeRow } from "../db/observed.ts";
import { tellArchived, tellGone } from "../messages/recorded.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";
import { keepSnapshot } from "./archive.ts";
import { releaseProtection, removeLeftovers } from "./cleanup.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { healAfter, recordTrouble } from "./outcome.ts";
import { runOperation } from "./run-operation.ts";

/** A copy takes a minute for some GB, an hour at worst. */
const copyWaitMs = 15_000;
const haltWaitMs = 60_000;

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
  if (row.observedPhase !== "archived") {
    const { hetzner } = deps.cloudsOf(row.account, job.reason);
    const kept = await keepSnapshot(hetzner, { ...row, empty: !row.readyBefore }, signal);
    await recordSnapshot(deps.sql, row.id, kept.snapshotId);
    if (kept.kind === "copying") {
      const retryAt = new Date(deps.clock.now().getTime() + copyWaitMs);
      const detail = "Hetzner is taking the last snapshot";
      const { reason } = job;
      return await recordWaiting(deps.sql, row, { detail, retryAt, countsAsFailure: false, reason });
    }
    if (!(await destroyStack(deps, row, job, { keepSnapshots: true }, signal))) return;
  }
  const seen = { generation: row.generation, now: deps.clock.now() };
  const { behind } = await tellArchived(deps.sql, row.id, seen);
  if (behind) await deps.queue.enqueueConverge(deps.sql, { ...job, actor: "the row moved on" });
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
  await tellGone(deps.sql, row.id, deps.clock.now());
}

/** A stop of the world holds what was decided before it too. */
async function waitsForHalt(deps: ConvergeDeps, row: ConvergeRow, job: ConvergeJob): Promise<boolean> {
  const halt = await findHalt(deps.sql);
  if (!halt) return false;
  const detail = `${halt.by} stopped every removal${halt.reason === null ? "" : `: ${halt.reason}`}; fleet resume lets it go on`;
  const retryAt = new Date(deps.clock.now().getTime() + haltWaitMs);
  const { reason } = job;
  await recordWaiting(deps.sql, row, { detail, retryAt, countsAsFailure: false, reason });
  return true;
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
    const { reason, actor } = job;
    const stack = instanceStack(row.slug);
    const run = {
      kind: "destroy",
      stack,
      instanceId: row.id,
      account: row.account,
      reason,
      actor,
      generation: row.generation,
    } as const;
    const result = await runOperation(deps, run, signal);
    if (result.kind !== "done") {
      await recordTrouble(deps, row, job, result, signal);
      return false;
    }
    const { zoneId, zoneName } = cell.data;
    const host = instanceHost(row.slug, zoneName);
    await removeLeftovers({ ...clouds, log: deps.log }, { instanceId: row.id, zoneId, host, keepSnapshots });
    await healAfter(deps, row, result);
  }
  return true;
}
