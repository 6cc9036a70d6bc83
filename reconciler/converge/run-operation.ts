/** One run of a stack with its record: operation row, events as they come, outcome, failure in our words. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { RunKind } from "../../infra/runner-protocol.ts";
import type { CloudName } from "../cloud/http.ts";
import type { RunnerPool } from "../engine/runner-pool.ts";
import type { RunOutcome } from "../engine/runner.ts";
import type { Gate, RunPass } from "../gate/gate.ts";
import { hideScripts, toOperationEvent } from "../operations/engine-events.ts";
import { createEventRecorder } from "../operations/recorder.ts";
import type { Redact } from "../operations/redact.ts";
import {
  endOperation,
  insertOperation,
  interruptOperations,
  notifyOperation,
  type OperationEnd,
} from "../operations/rows.ts";
import type { Reason } from "../queue/jobs.ts";
import { classifyFailure, type Failure } from "./failure.ts";

export type OperationDeps = {
  sql: Sql;
  pool: RunnerPool;
  /** What the providers of a run ask of the clouds goes through it. */
  gate: Gate;
  clock: { now(): Date };
  log: Logger;
  redact: Redact;
  /** Shown in the record: which process did it. */
  workerName: string;
  deadlineMs: number;
  onOperation?: (seen: { kind: RunKind; outcome: OperationEnd["outcome"]; seconds: number }) => void;
};

export type OperationInput = {
  kind: RunKind;
  stack: string;
  instanceId: string | null;
  /** Whose tokens and request budgets the run uses. */
  account: string;
  reason: Reason;
  actor: string;
  generation: number;
  refresh?: boolean;
};

export type OperationResult =
  | {
      kind: "done";
      outcome: Extract<RunOutcome, { kind: "done" }>;
      /** Clouds that answered it. */
      wellSeen: readonly CloudName[];
    }
  | { kind: "failed"; failure: Failure }
  | { kind: "interrupted"; why: string };

export async function runOperation(
  deps: OperationDeps,
  input: OperationInput,
  signal: AbortSignal,
): Promise<OperationResult> {
  const pass = deps.gate.openPass({ account: input.account, reason: input.reason });
  try {
    const redact = (text: string) => deps.redact(pass.toPlain(text));
    return await runWithPass({ ...deps, redact }, input, pass, signal);
  } finally {
    pass.close();
  }
}

async function runWithPass(
  deps: OperationDeps,
  input: OperationInput,
  pass: RunPass,
  signal: AbortSignal,
): Promise<OperationResult> {
  const { sql, clock } = deps;
  const started = clock.now();
  await interruptOperations(sql, input.stack, started);
  const id = await insertOperation(sql, { ...input, worker: deps.workerName, now: started });
  const recorder = createEventRecorder({ ...deps, operationId: id, stack: input.stack });
  await notifyOperation(sql, input.stack);

  const failed: string[] = [];
  const deadline = AbortSignal.timeout(deps.deadlineMs);
  const outcome = await deps.pool.run(
    {
      kind: input.kind,
      stack: input.stack,
      message: `${input.reason} by ${input.actor}, operation ${id}`,
      refresh: input.refresh ?? false,
      environment: pass.environment,
    },
    (raw) => {
      const event = toOperationEvent(raw);
      if (!event) return;
      if (event.kind === "resource-failed") failed.push(event.message);
      recorder.add(event);
    },
    AbortSignal.any([signal, deadline]),
  );
  if (outcome.kind === "done" && outcome.diff !== undefined) {
    recorder.add({ kind: "diff", message: outcome.diff, data: {} });
  }
  const result = toResult(deps, outcome, { overdue: deadline.aborted, wellSeen: pass.wellSeen() });
  await recorder
    .flush()
    .catch((error: unknown) => deps.log.error({ err: error, operation: id }, "events were not recorded"));
  const end = toEnd(outcome, result, clock.now());
  await endOperation(sql, id, end);
  await notifyOperation(sql, input.stack);
  deps.onOperation?.({
    kind: input.kind,
    outcome: end.outcome,
    seconds: (end.now.getTime() - started.getTime()) / 1000,
  });
  deps.log.info(
    {
      operation: id,
      stack: input.stack,
      kind: input.kind,
      outcome: end.outcome,
      changes: end.changes,
      failed,
    },
    "operation ended",
  );
  return result;
}

function toResult(
  deps: OperationDeps,
  outcome: RunOutcome,
  { overdue, wellSeen }: { overdue: boolean; wellSeen: readonly CloudName[] },
): OperationResult {
  switch (outcome.kind) {
    case "done":
      return { kind: "done", outcome, wellSeen };
    case "failed": {
      const texts = [...outcome.diagnostics, `${outcome.name}: ${outcome.message}`].map((text) =>
        deps.redact(hideScripts(text)),
      );
      return { kind: "failed", failure: classifyFailure(texts) };
    }
    case "interrupted":
      return {
        kind: "interrupted",
        why: overdue ? `it took longer than ${deps.deadlineMs / 1000} s` : deps.redact(outcome.why),
      };
  }
}

function toEnd(outcome: RunOutcome, result: OperationResult, now: Date): OperationEnd {
  const changes = "changes" in outcome ? outcome.changes : {};
  switch (result.kind) {
    case "done": {
      const changed = Object.entries(changes).some(([op, count]) => op !== "same" && count > 0);
      return { outcome: changed ? "succeeded" : "unchanged", changes, error: null, now };
    }
    case "failed": {
      const { code, message, remedy, retry } = result.failure;
      return { outcome: "failed", changes, error: { code, message, remedy, retry: retry.kind }, now };
    }
    case "interrupted":
      return {
        outcome: "interrupted",
        changes,
        error: {
          code: "engine_failed",
          message: result.why,
          remedy: "nothing: it is taken up again",
          retry: "retryable",
        },
        now,
      };
  }
}
