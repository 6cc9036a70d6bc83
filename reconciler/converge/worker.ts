/** Takes converge jobs from the queue and turns what escapes them into the instance's status. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { findConvergeRow, listDue, recordWaiting } from "../db/observed.ts";
import { isClawfleetError } from "../errors.ts";
import { tellParked } from "../messages/recorded.ts";
import { endOperation, insertOperation, notifyOperation } from "../operations/rows.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import type { Worker } from "../queue/worker.ts";
import { backoffMs } from "./backoff.ts";
import { convergeCell } from "./converge-cell.ts";
import { convergeInstance, type ConvergeDeps } from "./converge-instance.ts";
import { previewInstance } from "./preview.ts";

/** The engine's own end, from the first interrupt to the kill (engine/process-group.ts), and a little more. */
const handBackMs = 60_000;

export function startConvergeWorker(deps: ConvergeDeps, options: { concurrency: number }): Worker {
  return deps.queue.work("converge", { ...options, handBackMs }, async (job, signal) => {
    await handleConvergeJob(deps, job.data, signal);
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
  const retryAt = new Date(
    deps.clock.now().getTime() + backoffMs((row?.failures ?? 0) + 1, deps.random(), deps.retryFirstMs),
  );
  await recordWaiting(deps.sql, instanceId, { detail, retryAt, countsAsFailure: true });
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
export function startRetryClock(
  deps: { sql: Sql; queue: Queue; clock: { now(): Date }; log: Logger },
  intervalMs: number,
): () => void {
  const timer = setInterval(() => {
    enqueueDue(deps).catch((error: unknown) => deps.log.error({ err: error }, "cannot look for due retries"));
  }, intervalMs);
  return () => clearInterval(timer);
}

export async function enqueueDue(deps: { sql: Sql; queue: Queue; clock: { now(): Date } }): Promise<number> {
  const due = await listDue(deps.sql, deps.clock.now());
  if (due.length === 0) return 0;
  return await deps.queue.enqueueConverge(
    deps.sql,
    due.map(({ id, slug, cell }) => ({
      stack: slug,
      instanceId: id,
      cell,
      kind: "converge",
      reason: "resync",
      actor: "retry",
    })),
  );
}
