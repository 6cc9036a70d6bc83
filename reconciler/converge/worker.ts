/** Takes converge jobs from the queue and turns what escapes them into the status of the instance or cell. */
import { findCellRow, listDueCells } from "../db/cell-status.ts";
import { findConvergeRow, listDue } from "../db/observed.ts";
import { isClawfleetError, messageOf } from "../errors.ts";
import { tellParked } from "../messages/recorded.ts";
import { endOperation, insertOperation, notifyOperation } from "../operations/rows.ts";
import type { Remit } from "../queue/binding.ts";
import { moreUrgent, type ConvergeJob } from "../queue/jobs.ts";
import type { Worker } from "../queue/worker.ts";
import { enqueueProbes, type BlockDeps } from "./blocked.ts";
import { convergeCell, tellInstances } from "./converge-cell.ts";
import { convergeInstance, rebuildInstance, type ConvergeDeps } from "./converge-instance.ts";
import { healInstance, type HealDeps } from "./heal-instance.ts";
import { toCellJob, toInstanceJob } from "./jobs.ts";
import { describeFor } from "./outcome.ts";
import { isPlanJob, previewForPlan } from "./preview-plan.ts";
import { previewInstance } from "./preview.ts";
import { recordFailure } from "./record-failure.ts";

/** The engine's own end, from the first interrupt to the kill (engine/process-group.ts), and a little more. */
const handBackMs = 60_000;

export type WorkerDeps = ConvergeDeps & Omit<HealDeps, "rebuild">;

export function startConvergeWorker(
  deps: WorkerDeps,
  options: { concurrency: number; remit?: Remit },
): Worker {
  return deps.queue.work("converge", { ...options, handBackMs }, async (job, signal) => {
    await handleJob({ ...deps, claim: job.claim }, job.data, signal);
    // What a stop has cut short is not done: the job goes back as urgent as it was.
    signal.throwIfAborted();
  });
}

async function handleJob(deps: WorkerDeps, job: ConvergeJob, signal: AbortSignal): Promise<void> {
  if (job.kind !== "heal" || job.instanceId === undefined) return await handleConvergeJob(deps, job, signal);
  try {
    await healInstance({ ...deps, rebuild: (...given) => rebuildInstance(deps, ...given) }, job, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    await recordEscape(deps, job, error);
  }
}

export async function handleConvergeJob(
  deps: ConvergeDeps,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  if (job.kind === "preview" && isPlanJob(job)) return await previewForPlan(deps, job, signal);
  if (job.kind === "preview") return await previewInstance(deps, job, signal);
  try {
    if (job.instanceId === undefined) await convergeCell(deps, job, signal);
    else await convergeInstance(deps, job, signal);
  } catch (error) {
    // A lost claim or a stop is nobody's fault: the queue gives the job to the next worker.
    if (signal.aborted) throw error;
    await recordEscape(deps, job, error);
  }
}

const retryable = { kind: "retryable" } as const;

async function recordEscape(deps: ConvergeDeps, job: ConvergeJob, error: unknown): Promise<void> {
  const row = await findRow(deps, job);
  await recordRefusal(deps, job, row, error);
  if (!row) return;
  const known = isClawfleetError(error) ? error : undefined;
  const detail = deps.redact(messageOf(error));
  if (known?.retry.kind === "permanent") {
    const withRemedy = known.remedy === undefined ? detail : `${detail}; ${known.remedy}`;
    deps.log.error({ stack: job.stack, err: error }, `the ${row.kind} needs a person`);
    await tellParked(deps.alerts, row, withRemedy, deps.clock.now());
  } else {
    deps.log.error({ stack: job.stack, err: error }, "converge failed");
    const message = describeFor(row, detail, known?.remedy);
    const reason = moreUrgent(job.reason, row.retryReason);
    await recordFailure(deps, row, { retry: known?.retry ?? retryable, message, reason });
  }
  if (row.kind === "cell") await tellInstances(deps, row.id);
}

async function findRow({ sql }: ConvergeDeps, { instanceId, cell }: ConvergeJob) {
  return instanceId === undefined ? await findCellRow(sql, cell) : await findConvergeRow(sql, instanceId);
}

/** What was refused before any run has its operation too: somebody may be following. */
async function recordRefusal(
  deps: ConvergeDeps,
  job: ConvergeJob,
  row: Awaited<ReturnType<typeof findRow>>,
  error: unknown,
): Promise<void> {
  if (!isClawfleetError(error)) return;
  const now = deps.clock.now();
  const id = await insertOperation(deps.sql, {
    stack: job.stack,
    instanceId: job.instanceId ?? null,
    kind: row?.kind === "instance" && row.phase === "gone" ? "destroy" : "up",
    reason: job.reason,
    actor: job.actor,
    generation: row?.generation ?? 0,
    worker: deps.workerName,
    now,
  });
  const { code, message, remedy, retry } = error;
  await endOperation(deps.sql, id, {
    outcome: "failed",
    changes: {},
    error: { code, message: deps.redact(message), remedy, retry: retry.kind },
    now,
  });
  await notifyOperation(deps.sql, job.stack);
}

/** Those whose backoff is over, and one for each outside system that is due to be looked at. */
export async function enqueueDue(deps: Omit<BlockDeps, "log">): Promise<number> {
  return (await enqueueProbes(deps)) + (await enqueueRetries(deps));
}

/** One process at a time: the others would only ask for the same. */
async function enqueueRetries(deps: Pick<BlockDeps, "sql" | "queue" | "clock">): Promise<number> {
  return await deps.sql.begin(async (tx) => {
    const [turn] = await tx<{ ours: boolean }[]>`
      select pg_try_advisory_xact_lock(hashtext('clawfleet.retries')) as ours`;
    if (!turn?.ours) return 0;
    const now = deps.clock.now();
    const jobs = [
      ...(await listDueCells(tx, now)).map((row) => toCellJob(row, "retry")),
      ...(await listDue(tx, now)).map((row) => toInstanceJob(row, "retry")),
    ];
    if (jobs.length === 0) return 0;
    return await deps.queue.enqueueConverge(tx, jobs);
  });
}
