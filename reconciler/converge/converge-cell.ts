/** Makes one cell match its settings, and lets the instances go on that waited for it. */
import { cellOutputsSchema } from "../../infra/outputs.ts";
import { cellStack } from "../../components/naming.ts";
import { findCellRow, listWaitingForCell, recordCell } from "../db/observed.ts";
import { ClawfleetError } from "../errors.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { healSeen } from "./blocked.ts";
import { runOperation, type OperationDeps } from "./run-operation.ts";

export type ConvergeCellDeps = OperationDeps & { queue: Queue };

/** @throws ClawfleetError when the run failed: the queue tries it again with its own backoff. */
export async function convergeCell(
  deps: ConvergeCellDeps,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  const row = await findCellRow(deps.sql, job.cell);
  if (!row) return;
  const settled = row.ready && row.observedGeneration >= row.generation;
  if (settled && job.reason !== "operator" && job.reason !== "drift") return await wakeInstances(deps, job);
  const { reason, actor } = job;
  const run = {
    kind: "up",
    stack: cellStack(job.cell),
    instanceId: null,
    account: row.account,
    reason,
    actor,
    generation: row.generation,
    refresh: reason === "drift",
  } as const;
  const result = await runOperation(deps, run, signal);
  if (result.kind !== "done") {
    const why = result.kind === "failed" ? result.failure.message : result.why;
    throw new ClawfleetError({
      code: "engine_failed",
      message: `the cell ${job.cell} is not up: ${why}`,
      retry: { kind: "retryable" },
      ...(result.kind === "failed" ? { remedy: result.failure.remedy } : {}),
    });
  }
  const outputs = cellOutputsSchema.parse(result.outcome.outputs);
  await recordCell(deps.sql, job.cell, { generation: result.outcome.generation, outputs });
  await healSeen(deps, { account: row.account, clouds: result.wellSeen, deleted: false });
  await wakeInstances(deps, job);
}

async function wakeInstances(deps: ConvergeCellDeps, job: ConvergeJob): Promise<void> {
  const waiting = await listWaitingForCell(deps.sql, job.cell);
  const jobs = waiting.map(({ id, slug, cell, retryReason }): ConvergeJob => ({
    stack: slug,
    instanceId: id,
    cell,
    kind: "converge",
    reason: retryReason ?? "paid",
    actor: `cell ${job.cell} is up`,
  }));
  if (jobs.length > 0) await deps.queue.enqueueConverge(deps.sql, jobs);
}
