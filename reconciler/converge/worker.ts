/** Takes converge jobs from the queue and turns what escapes them into the instance's status. */
import { findConvergeRow, listDue } from "../db/observed.ts";
import { isClawfleetError } from "../errors.ts";
import { tellParked } from "../messages/recorded.ts";
import { endOperation, insertOperation, notifyOperation } from "../operations/rows.ts";
import type { Binding } from "../queue/binding.ts";
import { moreUrgent, type ConvergeJob } from "../queue/jobs.ts";
import type { Worker } from "../queue/worker.ts";
import { enqueueProbes, type BlockDeps } from "./blocked.ts";
import { convergeCell } from "./converge-cell.ts";
import { convergeInstance, type ConvergeDeps } from "./converge-instance.ts";
import { previewInstance } from "./preview.ts";
import { recordFailure } from "./record-failure.ts";

/** The engine's own end, from the first interrupt to the kill (engine/process-group.ts), and a little more. */
const handBackMs = 60_000;

export function startConvergeWorker(
  deps: ConvergeDeps,
  options: { concurrency: number; binding?: Binding },
): Worker {
  return deps.queue.work("converge", { ...options, handBackMs }, async (job, signal) => {
    await handleConvergeJob({ ...deps, claim: job.claim }, job.data, signal);
    // What a stop has cut short is not done: the job goes back as urgent as it was.
    signal.throwIfAborted();
  });
}

export async function handleConvergeJob(
  deps: ConvergeDeps,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  if (job.kind === "preview") return await previewInstance(deps, job, signal);
  if (job.instanceId === undefined) return await convergeCell(deps, job, signal);
  try {
    await convergeInstance(deps, job, signal);
  } catch (error) {
    // A lost claim or a stop is not the instance's fault: the queue gives the job to the next worker.
    if (signal.aborted) throw error;
    await recordEscape(deps, job, job.instanceId, error);
  }
}

const retryable = { kind: "retryable" } as const;

async function recordEscape(
  deps: ConvergeDeps,
  job: ConvergeJob,
  instanceId: string,
  error: unknown,
): Promise<void> {
  await recordRefusal(deps, job, error);
  const detail = deps.redact(error instanceof Error ? error.message : String(error));
  if (isClawfleetError(error) && error.retry.kind === "permanent") {
    const withRemedy = error.remedy === undefined ? detail : `${detail}; ${error.remedy}`;
    deps.log.error({ alert: "parked", instance: instanceId, err: error }, "an instance needs a person");
    return await tellParked(deps.sql, instanceId, withRemedy, deps.clock.now());
  }
  deps.log.error({ instance: instanceId, err: error }, "converge failed");
  const row = await findConvergeRow(deps.sql, instanceId);
  if (!row) return;
  const retry = isClawfleetError(error) && error.retry.kind !== "permanent" ? error.retry : retryable;
  const reason = moreUrgent(job.reason, row.retryReason);
  await recordFailure(deps, row, { retry, message: detail, reason });
}

/** What was refused before any run has its operation too: somebody may be following. */
async function recordRefusal(deps: ConvergeDeps, job: ConvergeJob, error: unknown): Promise<void> {
  if (!isClawfleetError(error)) return;
  const now = deps.clock.now();
  const row = await findConvergeRow(deps.sql, job.instanceId ?? "");
  const id = await insertOperation(deps.sql, {
    stack: job.stack,
    instanceId: job.instanceId ?? null,
    kind: row?.phase === "gone" ? "destroy" : "up",
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

/** Enqueues waiting instances whose time has come, every `intervalMs`. Returns how to stop. */
export function startRetryClock(deps: BlockDeps, intervalMs: number): () => void {
  const timer = setInterval(() => {
    enqueueDue(deps).catch((error: unknown) => deps.log.error({ err: error }, "cannot look for due retries"));
  }, intervalMs);
  return () => clearInterval(timer);
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
    const due = turn?.ours ? await listDue(tx, deps.clock.now()) : [];
    if (due.length === 0) return 0;
    const jobs = due.map(({ id, slug, cell, retryReason }): ConvergeJob => ({
      stack: slug,
      instanceId: id,
      cell,
      kind: "converge",
      reason: retryReason ?? "resync",
      actor: "retry",
    }));
    return await deps.queue.enqueueConverge(tx, jobs);
  });
}
