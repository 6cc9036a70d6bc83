/** One step of the ladder for one instance, as a job of its own stack: never beside a converge, and with a record. */
import { remoteScripts } from "../../cloud-init/files.ts";
import { bashCommand } from "../../cloud-init/remote-command.ts";
import { findHealth, findLocated, listBrakes, takeStepBack, cellScope, fleetScope } from "../db/health.ts";
import { findConvergeRow, type ConvergeRow } from "../db/observed.ts";
import { ClawfleetError, isClawfleetError } from "../errors.ts";
import type { Rung } from "../health/decide.ts";
import type { RunOnMachine } from "../health/machine-ssh.ts";
import { locate } from "../health/probe.ts";
import { endOperation, insertOperation, notifyOperation, type OperationEnd } from "../operations/rows.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import { rebuildInstance, type ConvergeDeps } from "./converge-instance.ts";

export type HealDeps = ConvergeDeps & {
  masterKey: string;
  runOnMachine: RunOnMachine;
  onStep?: (step: Rung, outcome: OperationEnd["outcome"]) => void;
};

/** systemd gives the gateway's start no longer. */
const restartTimeoutMs = 120_000;

export async function healInstance(deps: HealDeps, job: ConvergeJob, signal: AbortSignal): Promise<void> {
  const { heal } = job;
  const row = await findConvergeRow(deps.sql, job.instanceId ?? "");
  if (!row || !heal) return;
  if (!(await isStillDue(deps, row))) return await takeStepBack(deps.sql, row.id, heal.before);
  if (heal.step === "rebuild") return await rebuildInstance(deps, row, job, heal.server, signal);
  const outcome = await runStep(deps, row, job, heal.step, signal);
  deps.onStep?.(heal.step, outcome);
  // A step that could not be taken must not lead to a harder one.
  if (outcome !== "succeeded") await takeStepBack(deps.sql, row.id, heal.before);
}

/** It waited in the queue: meanwhile it may have become well, been suspended or held, or others may have fallen ill. */
async function isStillDue({ sql }: HealDeps, row: ConvergeRow): Promise<boolean> {
  const facts = await findHealth(sql, row.id);
  if (!facts || facts.verdict !== "ill" || facts.hold || !facts.running) return false;
  const engaged = (await listBrakes(sql)).map(({ scope }) => scope);
  return !engaged.includes(fleetScope) && !engaged.includes(cellScope(row.cell));
}

async function runStep(
  deps: HealDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  step: Exclude<Rung, "rebuild">,
  signal: AbortSignal,
): Promise<OperationEnd["outcome"]> {
  const { sql, clock } = deps;
  const { reason, actor } = job;
  const operation = {
    stack: row.slug,
    instanceId: row.id,
    generation: row.generation,
    worker: deps.workerName,
  } as const;
  const id = await insertOperation(sql, { ...operation, kind: step, reason, actor, now: clock.now() });
  await notifyOperation(sql, row.slug);
  const error = await (step === "restart" ? restart(deps, row, signal) : reboot(deps, row, job)).then(
    () => null,
    (failure: unknown) => describe(deps, failure),
  );
  const outcome = error === null ? "succeeded" : "failed";
  await endOperation(sql, id, { outcome, changes: {}, error, now: clock.now() });
  await notifyOperation(sql, row.slug);
  deps.log.info({ operation: id, stack: row.slug, step, outcome, error }, "a step of healing ended");
  return outcome;
}

async function restart(deps: HealDeps, row: ConvergeRow, signal: AbortSignal): Promise<void> {
  const located = await findLocated(deps.sql, row.id);
  const address = located && locate(deps.masterKey, located);
  if (!address) throw new Error("there is no machine to go to");
  const command = bashCommand(remoteScripts.restart);
  const answer = await deps.runOnMachine(address, command, { timeoutMs: restartTimeoutMs, signal });
  if (answer.kind === "unreachable") throw new Error(`nobody answers on SSH: ${answer.reason}`);
  if (answer.code !== 0) throw new Error(`exit code ${answer.code}: ${answer.stderr.trim().slice(-500)}`);
}

async function reboot(deps: HealDeps, row: ConvergeRow, { reason }: ConvergeJob): Promise<void> {
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
}

function describe(deps: HealDeps, failure: unknown): NonNullable<OperationEnd["error"]> {
  const message = deps.redact(failure instanceof Error ? failure.message : String(failure));
  if (!isClawfleetError(failure)) {
    return { code: "internal", message, remedy: "nothing: it is tried again", retry: "retryable" };
  }
  return { code: failure.code, message, remedy: failure.remedy, retry: failure.retry.kind };
}
