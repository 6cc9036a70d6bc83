/** Makes one cell match its settings, and lets the instances go on that waited for it. */
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { findCellRow, recordCellReady, tellWaiting, type CellConvergeRow } from "../db/cell-status.ts";
import { markConverging, type ConvergeRow } from "../db/observed.ts";
import { demandOf, moreUrgent, type ConvergeJob, type Reason } from "../queue/jobs.ts";
import { block, describeWait, heal } from "./blocked.ts";
import { toCellJob } from "./jobs.ts";
import { healAfter, recordTrouble, type TroubleDeps } from "./outcome.ts";
import { describeRun, runOperation, type OperationDeps, type OperationResult } from "./run-operation.ts";
import { isRepair, mayRepair } from "./unasked.ts";

export type ConvergeCellDeps = OperationDeps & TroubleDeps;

export async function convergeCell(
  deps: ConvergeCellDeps,
  asked: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  const row = await findCellRow(deps.sql, asked.cell);
  if (!row) return;
  if (row.paused) return deps.log.debug({ stack: asked.stack }, "an operator has paused the fleet");
  const job = { ...asked, reason: moreUrgent(asked.reason, row.retryReason) };
  const settled = row.status === "ready" && row.observedGeneration >= row.generation;
  const { always, refresh } = demandOf(asked);
  if (settled && !always) return await wakeInstances(deps, row.id);
  if (isRepair(asked) && !(await mayRepair(deps, row, job, signal)))
    return await withoutRepair(deps, asked, signal);
  await markConverging(deps.sql, row);
  const result = await runOperation(deps, { kind: "up", ...describeRun(job, row), refresh }, signal);
  if (result.kind === "done") return await recordUp(deps, row, job, result);
  await recordTrouble(deps, row, job, result, signal);
  await tellInstances(deps, row.id);
}

/** What the repair was waiting with is done all the same, without reading the clouds first. */
async function withoutRepair(
  deps: ConvergeCellDeps,
  { also, ...rest }: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  if (also !== undefined) await convergeCell(deps, rest, signal);
}

async function recordUp(
  deps: ConvergeCellDeps,
  row: CellConvergeRow,
  job: ConvergeJob,
  result: Extract<OperationResult, { kind: "done" }>,
): Promise<void> {
  const outputs = cellOutputsSchema.parse(result.outcome.outputs);
  const { generation } = result.outcome;
  const { behind } = await recordCellReady(deps.sql, row.id, { generation, outputs });
  await wakeInstances(deps, row.id);
  await healAfter(deps, row, result);
  // Its settings are others meanwhile.
  if (behind) await deps.queue.enqueueConverge(deps.sql, { ...job, actor: "the row moved on" });
}

export async function wakeInstances(deps: ConvergeCellDeps, cell: string): Promise<void> {
  await heal(deps, ["cell"], cell, { force: true });
}

/** Whoever waits for a cell that waits or is parked itself reads why. */
export async function tellInstances(deps: Pick<ConvergeCellDeps, "sql">, cell: string): Promise<void> {
  const row = await findCellRow(deps.sql, cell);
  const detail = describeWait({ blockedBy: "cell", scope: cell }, row?.statusDetail ?? null);
  await tellWaiting(deps.sql, cell, detail);
}

/** An instance cannot begin: its cell has no network yet. */
export async function waitForCell(
  deps: ConvergeCellDeps,
  instance: ConvergeRow,
  reason: Reason,
): Promise<void> {
  const scope = instance.cell;
  await block(deps, instance, { blockedBy: "cell", scope, message: instance.cellDetail, reason });
  // After the block is there to be healed: the cell may have come up between our two looks.
  const cell = await findCellRow(deps.sql, scope);
  if (cell?.hasOutputs) return await wakeInstances(deps, scope);
  // One that waits has its own time, and a parked one waits for a person: nobody's need hurries them.
  if (cell?.status === "pending" || cell?.status === "converging") {
    const job = toCellJob({ name: scope, retryReason: reason }, `${instance.slug} needs it`);
    await deps.queue.enqueueConverge(deps.sql, job);
  }
}
