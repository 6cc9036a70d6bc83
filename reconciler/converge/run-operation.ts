/** One run of a stack with its record: operation row, events as they come, outcome, failure in our words. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { ProposedInputs, RunKind } from "../../infra/runner-protocol.ts";
import type { CloudName } from "../cloud/http.ts";
import type { RunnerPool } from "../engine/runner-pool.ts";
import type { Lease, RunInput, RunOutcome } from "../engine/runner.ts";
import { ClawfleetError, type Retry } from "../errors.ts";
import type { Gate, RunPass } from "../gate/gate.ts";
import { hideScripts, toOperationEvent } from "../operations/engine-events.ts";
import { createEventRecorder } from "../operations/recorder.ts";
import type { Redact } from "../operations/redact.ts";
import {
  endOperation,
  insertOperation,
  interruptOperations,
  notifyOperation,
  recordProcess,
  type OperationEnd,
} from "../operations/rows.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";
import type { Recover, Recovered } from "../recovery/recovery.ts";
import { classifyFailure, type Failure } from "./failure.ts";
import { withSpan, type OpenSpan } from "../tracing.ts";

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
  /** Puts in order what the last run of the stack left behind. */
  recover: Recover;
  /** After a run: what the backend keeps of earlier ones stays bounded. */
  trimHistory(stack: string): Promise<void>;
  /** That the stack is ours to run: of the job, where there is one. */
  claim?: Lease & { confirm(): Promise<boolean> };
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
  /** What a preview assumes instead of the row. */
  proposal?: ProposedInputs;
  /** Shown with its events: what the engine cannot know. */
  note?: string | undefined;
  /** Told at the begin, under which id the record is. */
  onBegin?: (operationId: number) => void;
  /** URNs of what is made anew although nothing about it has changed. */
  replace?: readonly string[];
};

/** What a run that a job asked for says of itself, whatever it does. */
export function describeRun(
  { stack, instanceId, reason, actor }: ConvergeJob,
  { account, generation }: Pick<OperationInput, "account" | "generation">,
): Omit<OperationInput, "kind"> {
  return { stack, instanceId: instanceId ?? null, account, reason, actor, generation };
}

export type OperationResult =
  | {
      kind: "done";
      outcome: Extract<RunOutcome, { kind: "done" }>;
      /** Clouds that answered it. */
      wellSeen: readonly CloudName[];
    }
  | { kind: "failed"; failure: Failure }
  /** `retry`: unless it was a stop or a lost claim that ended it. */
  | { kind: "interrupted"; why: string; retry: Exclude<Retry, { kind: "permanent" }> };

export async function runOperation(
  deps: OperationDeps,
  input: OperationInput,
  signal: AbortSignal,
): Promise<OperationResult> {
  const pass = deps.gate.openPass({ account: input.account, reason: input.reason });
  try {
    const redact = (text: string) => deps.redact(pass.toPlain(text));
    const attributes = { "clawfleet.stack": input.stack, "clawfleet.reason": input.reason };
    return await withSpan(`operation ${input.kind}`, { attributes }, (span) =>
      runWithPass({ ...deps, redact, span }, input, pass, signal),
    );
  } finally {
    pass.close();
  }
}

async function runWithPass(
  deps: OperationDeps & { span: OpenSpan },
  input: OperationInput,
  pass: RunPass,
  signal: AbortSignal,
): Promise<OperationResult> {
  const { sql, clock } = deps;
  const started = clock.now();
  await requireClaim(deps);
  await interruptOperations(sql, input.stack, started);
  const id = await insertOperation(sql, { ...input, worker: deps.workerName, now: started });
  input.onBegin?.(id);
  deps.span.set({ "clawfleet.operation": id });
  const recorder = createEventRecorder({ ...deps, operationId: id, stack: input.stack });
  if (input.note !== undefined) recorder.add({ kind: "stage", message: input.note, data: {} });
  await notifyOperation(sql, input.stack);

  const failed: string[] = [];
  const deadline = AbortSignal.timeout(deps.deadlineMs);
  const runEngine = (what: Pick<RunInput, "kind" | "refresh" | "recovery" | "proposal" | "replace">) =>
    withSpan(`pulumi ${what.kind}`, {}, () =>
      deps.pool.run(
        {
          ...what,
          stack: input.stack,
          message: `${input.reason} by ${input.actor}, operation ${id}`,
          environment: pass.environment,
        },
        (raw) => {
          const event = toOperationEvent(raw);
          if (!event) return;
          if (event.kind === "resource-failed") failed.push(event.message);
          recorder.add(event);
        },
        AbortSignal.any([signal, deadline]),
        deps.claim,
        (process) =>
          void recordProcess(sql, id, process).catch((error: unknown) =>
            deps.log.warn({ err: error, operation: id }, "a process of the engine was not recorded"),
          ),
      ),
    );
  const recovered = await recoverFirst(deps, {
    ...input,
    operationId: id,
    run: runEngine,
    note: (message) => recorder.add({ kind: "stage", message: `recovery: ${message}`, data: {} }),
  });
  const outcome =
    recovered.kind === "ready"
      ? await runEngine({
          kind: input.kind,
          refresh: (input.refresh ?? false) || recovered.refresh,
          proposal: input.proposal,
          ...(input.replace === undefined ? {} : { replace: [...input.replace] }),
        })
      : recovered;
  // Whoever has the claim now writes what becomes of the stack; our own word is old.
  if (outcome.kind === "interrupted") await requireClaim(deps);
  if (outcome.kind === "done" && outcome.diff !== undefined) {
    recorder.add({ kind: "diff", message: outcome.diff, data: {} });
  }
  const result = toResult(deps, outcome, { overdue: deadline.aborted, wellSeen: pass.wellSeen() });
  await recorder
    .flush()
    .catch((error: unknown) => deps.log.error({ err: error, operation: id }, "events were not recorded"));
  if (outcome.kind === "done" && input.kind !== "preview") await trim(deps, input.stack);
  const end = toEnd(outcome, result, clock.now());
  await endOperation(sql, id, end);
  deps.span.set({ "clawfleet.outcome": end.outcome });
  if (end.error) deps.span.fail(end.error.code);
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

/** @throws ClawfleetError when the claim is lost: this worker was frozen or cut off, and somebody else has the stack. */
export async function requireClaim({ claim }: Pick<OperationDeps, "claim">): Promise<void> {
  if (!claim || (await claim.confirm())) return;
  throw new ClawfleetError({
    code: "conflict",
    message: "the claim on this stack is lost; whoever has it now runs it",
    retry: { kind: "retryable" },
  });
}

/** A cloud that cannot be asked, or a state that cannot be read, is a failure of this operation as any other. */
async function recoverFirst(deps: OperationDeps, input: Parameters<Recover>[0]): Promise<Recovered> {
  try {
    return await deps.recover(input);
  } catch (error) {
    if (!(error instanceof ClawfleetError))
      return { kind: "blocked", failure: classifyFailure([deps.redact(String(error))]) };
    const { code, message, retry, remedy = "nothing: it is tried again" } = error;
    return {
      kind: "blocked",
      failure: { code, message: deps.redact(message), retry, remedy, tryElsewhere: false },
    };
  }
}

/** The run is over and well; that its history is longer than it should be is no reason to call it anything else. */
async function trim(deps: OperationDeps, stack: string): Promise<void> {
  try {
    await deps.trimHistory(stack);
  } catch (error) {
    deps.log.warn({ err: error, stack }, "old history of the stack was not removed");
  }
}

type Outcome = RunOutcome | Exclude<Recovered, { kind: "ready" }>;

function toResult(
  deps: OperationDeps,
  outcome: Outcome,
  { overdue, wellSeen }: { overdue: boolean; wellSeen: readonly CloudName[] },
): OperationResult {
  switch (outcome.kind) {
    case "done":
      return { kind: "done", outcome, wellSeen };
    case "blocked":
      return { kind: "failed", failure: outcome.failure };
    case "failed": {
      const texts = [...outcome.diagnostics, `${outcome.name}: ${outcome.message}`].map((text) =>
        deps.redact(hideScripts(text)),
      );
      return { kind: "failed", failure: classifyFailure(texts) };
    }
    case "interrupted":
      return overdue
        ? {
            kind: "interrupted",
            why: `it took longer than ${deps.deadlineMs / 1000} s`,
            retry: { kind: "retryable" },
          }
        : { kind: "interrupted", why: deps.redact(outcome.why), retry: { kind: "now" } };
  }
}

function toEnd(outcome: Outcome, result: OperationResult, now: Date): OperationEnd {
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
