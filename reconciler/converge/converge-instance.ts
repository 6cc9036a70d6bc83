/** Makes one instance match its desired row: observe, decide, run, record. The only verb that changes the cloud. */
import { cellStack, instanceHost, instanceStack } from "../../components/naming.ts";
import type { Plans } from "../../infra/config.ts";
import { cellOutputsSchema, instanceOutputsSchema } from "../../infra/outputs.ts";
import type { Cloudflare } from "../cloud/cloudflare.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import {
  findConvergeRow,
  markConverging,
  recordPlacement,
  recordWaiting,
  type ConvergeRow,
} from "../db/observed.ts";
import { assertNever, ClawfleetError } from "../errors.ts";
import { tellGone, tellParked, tellReady } from "../messages/recorded.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { backoffMs } from "./backoff.ts";
import { removeLeftovers, releaseProtection } from "./cleanup.ts";
import { decideConverge } from "./decide.ts";
import type { Failure } from "./failure.ts";
import { listPlaces, nextPlace } from "./placement.ts";
import { runOperation, type OperationDeps, type OperationResult } from "./run-operation.ts";

export type ConvergeDeps = OperationDeps & {
  queue: Queue;
  plans(): Plans;
  cloudsOf(account: string): { hetzner: Hetzner; cloudflare: Cloudflare };
  random(): number;
  /** Wait after a first failure; it doubles from there. */
  retryFirstMs: number;
};

/** Long enough for a cell to come up; its converge wakes us earlier. */
const cellWaitMs = 60_000;
/** Every type in every location, tried once in one job. */
const maxPlaces = 36;

export async function convergeInstance(
  deps: ConvergeDeps,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  const row = await findConvergeRow(deps.sql, job.instanceId ?? "");
  if (!row) return;
  const decision = decideConverge({
    phase: row.phase,
    status: row.status,
    generation: row.generation,
    observedGeneration: row.observedGeneration,
    cellReady: cellOutputsSchema.safeParse(row.cellOutputs).success,
    hold: row.override.hold === true,
    reason: job.reason,
  });
  switch (decision.kind) {
    case "nothing":
      return deps.log.debug({ stack: row.slug, why: decision.why }, "nothing to converge");
    case "cell-first":
      return await waitForCell(deps, row);
    case "up":
      return await up(deps, row, job, decision.refresh, signal);
    case "destroy":
      return await destroy(deps, row, job, signal);
    default:
      return assertNever(decision);
  }
}

async function waitForCell(deps: ConvergeDeps, row: ConvergeRow): Promise<void> {
  const retryAt = new Date(deps.clock.now().getTime() + cellWaitMs);
  await recordWaiting(deps.sql, row.id, {
    detail: `waiting for the cell ${row.cell}`,
    retryAt,
    countsAsFailure: false,
  });
  await deps.queue.enqueueConverge(deps.sql, {
    stack: cellStack(row.cell),
    cell: row.cell,
    kind: "converge",
    reason: "paid",
    actor: `${row.slug} needs it`,
  });
}

async function up(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  refresh: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (row.observedPhase === null) await refuseForeignRecords(deps, row);
  await markConverging(deps.sql, row.id);
  // Another location replaces the server, and Hetzner refuses to delete a protected one.
  if (leavesItsLocation(row)) await releaseProtection(deps.cloudsOf(row.account), row.id);
  let result = await runUp(deps, row, job, refresh, signal);
  let place = { serverType: row.serverType, location: row.location };
  for (let attempt = row.placementAttempt + 1; attempt < maxPlaces && wantsOtherPlace(result); attempt += 1) {
    const next = findNextPlace(deps, row, place);
    if (!next) break;
    place = next;
    await recordPlacement(deps.sql, row.id, { ...place, attempt });
    deps.log.info({ stack: row.slug, ...place }, "no capacity, trying elsewhere");
    result = await runUp(deps, row, job, refresh, signal);
  }
  if (result.kind === "done") return await recordUp(deps, row, job, result);
  if (wantsOtherPlace(result)) await startOverPlacement(deps, row);
  await recordTrouble(deps, row, result);
}

function leavesItsLocation(row: ConvergeRow): boolean {
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  return seen.success && seen.data.location !== (row.override.location ?? row.location);
}

function runUp(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  refresh: boolean,
  signal: AbortSignal,
) {
  const { reason, actor } = job;
  const stack = instanceStack(row.slug);
  const run = {
    kind: "up",
    stack,
    instanceId: row.id,
    reason,
    actor,
    generation: row.generation,
    refresh,
  } as const;
  return runOperation(deps, run, signal);
}

async function recordUp(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  { outcome }: Extract<OperationResult, { kind: "done" }>,
): Promise<void> {
  const outputs = instanceOutputsSchema.parse(outcome.outputs);
  const seen = { generation: outcome.generation, phase: row.phase, outputs, now: deps.clock.now() };
  const { behind } = await tellReady(deps.sql, row.id, seen);
  // Somebody wanted something else meanwhile.
  if (behind) await deps.queue.enqueueConverge(deps.sql, { ...job, actor: "the row moved on" });
}

function wantsOtherPlace(result: OperationResult): boolean {
  return result.kind === "failed" && result.failure.tryElsewhere;
}

function findNextPlace(
  deps: ConvergeDeps,
  row: ConvergeRow,
  current: Pick<ConvergeRow, "serverType" | "location">,
) {
  // A server that stands somewhere is not moved because another type is sold out.
  if (row.outputs !== null) return undefined;
  const plan = deps.plans()[row.override.plan ?? row.plan];
  return plan && nextPlace(listPlaces(plan, row.override), current);
}

/** The next try begins with what the plan wants most. */
async function startOverPlacement(deps: ConvergeDeps, row: ConvergeRow): Promise<void> {
  const plan = deps.plans()[row.override.plan ?? row.plan];
  const first = plan && listPlaces(plan, row.override)[0];
  if (first && row.outputs === null) await recordPlacement(deps.sql, row.id, { ...first, attempt: 0 });
}

async function recordTrouble(
  deps: ConvergeDeps,
  row: ConvergeRow,
  result: Exclude<OperationResult, { kind: "done" }>,
): Promise<void> {
  const now = deps.clock.now();
  if (result.kind === "interrupted") {
    return await recordWaiting(deps.sql, row.id, {
      detail: result.why,
      retryAt: now,
      countsAsFailure: false,
    });
  }
  const { failure } = result;
  if (failure.retry.kind === "permanent") {
    deps.log.error(
      { alert: "parked", stack: row.slug, code: failure.code, remedy: failure.remedy },
      failure.message,
    );
    return await tellParked(deps.sql, row.id, describe(failure), now);
  }
  const retryAt = new Date(now.getTime() + backoffMs(row.failures + 1, deps.random(), deps.retryFirstMs));
  await recordWaiting(deps.sql, row.id, { detail: describe(failure), retryAt, countsAsFailure: true });
}

function describe(failure: Failure): string {
  if (failure.code === "capacity_exhausted")
    return "no capacity at Hetzner in any type and location of the plan; it is tried again";
  return failure.message;
}

/** Several A records of one name are legal at Cloudflare: ours beside a stranger's would take half of their traffic. */
async function refuseForeignRecords(deps: ConvergeDeps, row: ConvergeRow): Promise<void> {
  const cell = cellOutputsSchema.parse(row.cellOutputs);
  const host = instanceHost(row.slug, cell.zoneName);
  const { cloudflare } = deps.cloudsOf(row.account);
  const [foreign] = await cloudflare.findForeignRecords(cell.zoneId, host, row.id);
  if (!foreign) return;
  throw new ClawfleetError({
    code: "dns_conflict",
    message: `${row.slug}: ${host} has a ${foreign.type} record to ${foreign.content} that is not ours`,
    remedy: `delete or rename that record at Cloudflare, then: fleet apply ${row.slug}`,
    retry: { kind: "permanent" },
  });
}

async function destroy(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  await markConverging(deps.sql, row.id);
  const clouds = deps.cloudsOf(row.account);
  const cell = cellOutputsSchema.safeParse(row.cellOutputs);
  if (cell.success) {
    await releaseProtection(clouds, row.id);
    const { reason, actor } = job;
    const stack = instanceStack(row.slug);
    const run = {
      kind: "destroy",
      stack,
      instanceId: row.id,
      reason,
      actor,
      generation: row.generation,
    } as const;
    const result = await runOperation(deps, run, signal);
    if (result.kind !== "done") return await recordTrouble(deps, row, result);
    await removeLeftovers({ ...clouds, log: deps.log }, { instanceId: row.id, zoneId: cell.data.zoneId });
  }
  await tellGone(deps.sql, row.id, deps.clock.now());
}
