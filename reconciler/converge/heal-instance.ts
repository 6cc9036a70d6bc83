/** One step of the ladder for one instance, as a job of its own stack: never beside a converge, and with a record. */
import { restartCommands } from "../../cloud-init/restart-commands.ts";
import {
  beginAttempt,
  endAttempt,
  findHealFacts,
  markExhausted,
  type HealFacts,
} from "../db/heal-attempts.ts";
import { findLocated } from "../db/health.ts";
import { findConvergeRow, type ConvergeRow } from "../db/observed.ts";
import { ClawfleetError, isClawfleetError, messageOf } from "../errors.ts";
import type { Rung } from "../health/decide.ts";
import type { RaiseAlert } from "../messages/alerts.ts";
import type { RunOnMachine } from "../health/machine-ssh.ts";
import { locate } from "../health/probe.ts";
import {
  endOperation,
  insertOperation,
  interruptOperations,
  notifyOperation,
  type OperationEnd,
} from "../operations/rows.ts";
import type { ConvergeJob, Heal } from "../queue/jobs.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { requireClaim } from "./run-operation.ts";

export type HealDeps = Pick<
  ConvergeDeps,
  "sql" | "clock" | "log" | "redact" | "workerName" | "claim" | "cloudsOf"
> & {
  masterKey: string;
  runOnMachine: RunOnMachine;
  onAlert: RaiseAlert;
  /** `rebuildInstance`, with what it needs. */
  rebuild(
    row: ConvergeRow,
    job: ConvergeJob,
    server: { ill: string; mayReplace: boolean },
    signal: AbortSignal,
  ): Promise<{ gone: boolean; outcome: "succeeded" | "failed" }>;
  onStep?: (step: Rung, outcome: OperationEnd["outcome"]) => void;
};

type StepEnd = {
  /** The machine was really helped, whether it did any good or not. */
  taken: boolean;
  outcome: OperationEnd["outcome"];
  error: OperationEnd["error"];
};

/** systemd gives the starts of both units no longer. */
const restartTimeoutMs = 120_000;

/** The one place that says which step was taken: what did not happen must not lead to a harder one. */
export async function healInstance(deps: HealDeps, job: ConvergeJob, signal: AbortSignal): Promise<void> {
  const { sql } = deps;
  const { heal, instanceId: id = "" } = job;
  const [row, facts] = [await findConvergeRow(sql, id), await findHealFacts(sql, id)];
  if (!row || !heal) return;
  if ("asked" in heal) return await takeAskedStep(deps, row, { ...job, heal }, facts, signal);
  // Its attempt has ended already: whoever did that had the job before us.
  if (facts?.attempt !== heal.attempt) return;
  const { attempt } = heal;
  const end = (taken: Rung | null) => endAttempt(sql, { id, attempt, taken, now: deps.clock.now() });
  if (!facts.begun && !isDue(facts, heal)) return;
  if (facts.begun && !mayGoOn(facts, heal)) {
    await interruptOperations(sql, row.slug, deps.clock.now());
    return await end(null);
  }
  await requireClaim(deps);
  await beginAttempt(sql, { id, attempt });
  const { taken, outcome, error } = await takeStep(deps, row, { ...job, heal }, mayReplace(facts), signal);
  signal.throwIfAborted();
  await requireClaim(deps);
  await end(taken ? heal.step : null);
  deps.onStep?.(heal.step, outcome);
  if (error?.retry !== "permanent") return;
  const message = `${row.slug} needs a person: ${error.message}`;
  deps.onAlert({ kind: "healing_exhausted", about: row.slug, message });
  await markExhausted(sql, id);
}

/** An operator's order: no rung of the ladder. What was read of the machine before it counts for nothing any more. */
async function takeAskedStep(
  deps: HealDeps,
  row: ConvergeRow,
  job: HealJob,
  facts: HealFacts | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { step } = job.heal;
  if (!mayBeTouched(row) || (step === "rebuild" && facts?.halted))
    return deps.log.info({ stack: row.slug, step }, "a step is not wanted any more");
  await requireClaim(deps);
  const { taken } = await takeStep(deps, row, job, true, signal);
  signal.throwIfAborted();
  if (!taken || !facts) return;
  await endAttempt(deps.sql, { id: row.id, attempt: facts.attempt, taken: null, now: deps.clock.now() });
}

function mayBeTouched({ override, paused, phase }: ConvergeRow): boolean {
  return override.hold !== true && !paused && (phase === "running" || phase === "suspended");
}

/** It waited in the queue: meanwhile it may have become well, been suspended or held, or others may have fallen ill. */
function isDue(facts: HealFacts, { step }: Heal): boolean {
  if (facts.verdict !== "ill" || facts.braked || facts.hold || !facts.running) return false;
  return step !== "rebuild" || (facts.mayRebuild && mayReplace(facts));
}

function mayReplace({ planAllowsRebuild, rung, trouble, othersAnswer, ...facts }: HealFacts): boolean {
  if (facts.verdict !== "ill" || facts.braked || facts.halted) return false;
  // Nobody of its cell answers: it may be our own network that is ill.
  return planAllowsRebuild && rung === "reboot" && (trouble !== "unreachable" || othersAnswer);
}

/**
 * The worker that began it has died. A new server may be half made and has to be completed. Whether a restart or a reboot
 * happened nobody knows: twice would be once too often, so that the next readings decide.
 */
function mayGoOn({ hold, running }: HealFacts, { step }: Heal): boolean {
  return step === "rebuild" && running && !hold;
}

type HealJob = ConvergeJob & { heal: Heal };

async function takeStep(
  deps: HealDeps,
  row: ConvergeRow,
  job: HealJob,
  mayBeReplaced: boolean,
  signal: AbortSignal,
): Promise<StepEnd> {
  const { step } = job.heal;
  if (step !== "rebuild") return await runStep(deps, row, job, step, signal);
  const server = { ill: job.heal.server, mayReplace: mayBeReplaced };
  const { gone, outcome } = await deps.rebuild(row, job, server, signal);
  return { taken: gone, outcome, error: null };
}

async function runStep(
  deps: HealDeps,
  row: ConvergeRow,
  job: HealJob,
  step: Exclude<Rung, "rebuild">,
  signal: AbortSignal,
): Promise<StepEnd> {
  const { sql, clock } = deps;
  await interruptOperations(sql, row.slug, clock.now());
  const id = await insertOperation(sql, {
    stack: row.slug,
    instanceId: row.id,
    generation: row.generation,
    worker: deps.workerName,
    kind: step,
    reason: job.reason,
    actor: job.actor,
    now: clock.now(),
  });
  await notifyOperation(sql, row.slug);
  const end = await (step === "restart" ? restart(deps, row, job, signal) : reboot(deps, row, job)).catch(
    (failure: unknown) => notTaken(deps, failure),
  );
  const outcome = signal.aborted ? "interrupted" : end.outcome;
  await endOperation(sql, id, { outcome, changes: {}, error: end.error, now: clock.now() });
  await notifyOperation(sql, row.slug);
  const { taken, error } = end;
  deps.log.info({ operation: id, stack: row.slug, step, taken, outcome, error }, "a step of healing ended");
  return end;
}

async function restart(
  deps: HealDeps,
  row: ConvergeRow,
  { heal }: HealJob,
  signal: AbortSignal,
): Promise<StepEnd> {
  const located = await findLocated(deps.sql, row.id);
  const address = located && locate(deps.masterKey, located);
  if (!address) throw new Error("there is no machine to go to");
  const command =
    "trouble" in heal && heal.trouble === "proxy-down" ? restartCommands.proxy : restartCommands.everything;
  const answer = await deps.runOnMachine(address, command, { timeoutMs: restartTimeoutMs, signal });
  if (answer.kind === "unreachable") throw new Error(`nobody answers on SSH: ${answer.reason}`);
  if (answer.kind === "cut-off") return toTaken(deps, `its end was not heard of: ${answer.reason}`);
  if (answer.code === 0) return toTaken(deps);
  return toTaken(deps, `exit code ${answer.code}: ${answer.stderr.trim().slice(-500)}`);
}

async function reboot(deps: HealDeps, row: ConvergeRow, { reason }: HealJob): Promise<StepEnd> {
  const { hetzner } = deps.cloudsOf(row.account, reason);
  const servers = await hetzner.findServers(row.id);
  if (servers.length === 0) {
    throw new ClawfleetError({
      code: "not_found",
      message: `${row.slug} has no server at Hetzner any more`,
      remedy: `look into the project; fleet apply ${row.slug} --refresh makes a new one`,
      retry: { kind: "permanent" },
    });
  }
  for (const server of servers) await hetzner.rebootServer(server);
  return toTaken(deps);
}

/** `problem`: it was tried, and did not go well. The next step is a harder one then. */
function toTaken({ redact }: HealDeps, problem?: string): StepEnd {
  if (problem === undefined) return { taken: true, outcome: "succeeded", error: null };
  const remedy = "nothing: the next step of healing follows if it stays ill";
  const error = { code: "internal", message: redact(problem), remedy, retry: "retryable" };
  return { taken: true, outcome: "failed", error };
}

function notTaken({ redact }: HealDeps, failure: unknown): StepEnd {
  const message = redact(messageOf(failure));
  const known = isClawfleetError(failure) ? failure : undefined;
  const error = {
    code: known?.code ?? "internal",
    message,
    remedy: known?.remedy ?? "nothing: it is tried again",
    retry: known?.retry.kind ?? "retryable",
  };
  return { taken: false, outcome: "failed", error };
}
