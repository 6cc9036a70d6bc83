/** Makes one instance match its desired row: observe, decide, run, record. The only verb that changes the cloud. */
import { instanceHost, instanceStack, serverUrn } from "../../components/naming.ts";
import { planSchema } from "../../infra/config.ts";
import { cellOutputsSchema, instanceOutputsSchema } from "../../infra/outputs.ts";
import type { Cloudflare } from "../cloud/cloudflare.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import type { Prices } from "../cloud/hetzner-prices.ts";
import {
  findConvergeRow,
  markConverging,
  recordGone,
  recordPlacement,
  recordReady,
  type ConvergeRow,
} from "../db/observed.ts";
import { scanActor } from "../drift/policy.ts";
import { assertNever, ClawfleetError } from "../errors.ts";
import { moreUrgent, type ConvergeJob, type Reason } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { removeLeftovers, releaseProtection } from "./cleanup.ts";
import { waitForCell, wakeInstances } from "./converge-cell.ts";
import { decideConverge } from "./decide.ts";
import { healAfter, recordTrouble } from "./outcome.ts";
import { listPlaces, listPlacesIn, nextPlace, type Place } from "./placement.ts";
import { runOperation, type OperationDeps, type OperationResult } from "./run-operation.ts";

export type ConvergeDeps = OperationDeps & {
  queue: Queue;
  /** What servers cost, for plans. */
  pricesOf(account: string): Promise<Prices>;
  cloudsOf(account: string, reason?: Reason): { hetzner: Hetzner; cloudflare: Cloudflare };
  random(): number;
  /** Wait after a first failure; it doubles from there. */
  retryFirstMs: number;
};

/** Every type in every location, tried once in one job. */
const maxPlaces = 36;

export async function convergeInstance(
  deps: ConvergeDeps,
  asked: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  const row = await findConvergeRow(deps.sql, asked.instanceId ?? "");
  if (!row) return;
  const job = { ...asked, reason: moreUrgent(asked.reason, row.retryReason) };
  const decision = decideConverge({
    phase: row.phase,
    status: row.status,
    generation: row.generation,
    observedGeneration: row.observedGeneration,
    cellReady: cellOutputsSchema.safeParse(row.cellOutputs).success,
    hold: row.override.hold === true,
    paused: row.paused,
    reason: job.reason,
  });
  switch (decision.kind) {
    case "nothing":
      return deps.log.debug({ stack: row.slug, why: decision.why }, "nothing to converge");
    case "cell-first":
      return await waitForCell(deps, row, job.reason);
    case "up":
      if (isUnasked(job) && !(await standsAsKnown(deps, row)))
        return deps.log.warn(
          { stack: row.slug },
          "not repaired: its server is gone or elsewhere, and would be made anew",
        );
      return await up(deps, row, job, decision.refresh, signal);
    case "destroy":
      return await destroy(deps, row, job, signal);
    default:
      return assertNever(decision);
  }
}

async function up(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  refresh: boolean,
  signal: AbortSignal,
): Promise<void> {
  // Here, so that nobody goes on waiting if this one fails for a reason of its own.
  if (row.blockedBy === "cell") await wakeInstances(deps, row.cell);
  if (row.observedPhase === null) await refuseForeignRecords(deps, row, job.reason);
  await markConverging(deps.sql, row);
  // Another location replaces the server, and Hetzner refuses to delete a protected one.
  if (await leavesItsLocation(deps, row, job.reason))
    await releaseProtection(deps.cloudsOf(row.account, job.reason), row.id);
  let result = await runUp(deps, row, job, { refresh }, signal);
  let place = { serverType: row.serverType, location: row.location };
  for (let attempt = row.placementAttempt + 1; attempt < maxPlaces && wantsOtherPlace(result); attempt += 1) {
    const next = findNextPlace(row, place);
    if (!next) break;
    place = next;
    await recordPlacement(deps.sql, row.id, { ...place, attempt });
    deps.log.info({ stack: row.slug, ...place }, "no capacity, trying elsewhere");
    result = await runUp(deps, row, job, { refresh }, signal);
  }
  if (result.kind === "done") return await recordUp(deps, row, job, result);
  if (wantsOtherPlace(result)) await startOverPlacement(deps, row);
  await recordTrouble(deps, row, job, result, signal);
}

/**
 * Its server `ill` is thrown away with its disk, and a new one made in its place. Where a run that was cut off has made the new
 * one already, that one is completed.
 */
export async function rebuildInstance(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  ill: string,
  signal: AbortSignal,
): Promise<void> {
  await markConverging(deps.sql, row);
  const clouds = deps.cloudsOf(row.account, job.reason);
  const begun = (await clouds.hetzner.findServers(row.id)).some(({ id }) => String(id) !== ill);
  await releaseProtection(clouds, row.id);
  const replace = begun ? [] : [serverUrn(row.slug)];
  const result = await runUp(deps, row, job, { refresh: true, replace }, signal);
  if (result.kind === "done") return await recordUp(deps, row, job, result);
  await recordTrouble(deps, row, job, result, signal);
}

function isUnasked({ reason, actor }: ConvergeJob): boolean {
  return reason === "drift" && actor === scanActor;
}

/** What a scan saw may be another thing by the time of the run, and a server that is made anew has lost its disk. */
async function standsAsKnown(deps: ConvergeDeps, row: ConvergeRow): Promise<boolean> {
  const known = instanceOutputsSchema.safeParse(row.outputs);
  if (!known.success) return true;
  const { serverId, location } = known.data;
  const { hetzner } = deps.cloudsOf(row.account, "drift");
  return (await hetzner.findServer(Number(serverId)))?.location === location;
}

/** One that never got to its outputs may have a server all the same: then the cloud knows where it stands. */
async function leavesItsLocation(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<boolean> {
  const wanted = row.override.location ?? row.location;
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  if (seen.success) return seen.data.location !== wanted;
  const servers = await deps.cloudsOf(row.account, reason).hetzner.findServers(row.id);
  return servers.some(({ location }) => location !== wanted);
}

function runUp(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  how: { refresh: boolean; replace?: readonly string[] },
  signal: AbortSignal,
) {
  const { reason, actor } = job;
  const stack = instanceStack(row.slug);
  const run = {
    kind: "up",
    stack,
    instanceId: row.id,
    account: row.account,
    reason,
    actor,
    generation: row.generation,
    ...how,
  } as const;
  return runOperation(deps, run, signal);
}

async function recordUp(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  result: Extract<OperationResult, { kind: "done" }>,
): Promise<void> {
  const { outcome } = result;
  const outputs = instanceOutputsSchema.parse(outcome.outputs);
  const seen = { generation: outcome.generation, phase: row.phase, outputs, now: deps.clock.now() };
  const { behind } = await recordReady(deps.sql, row.id, seen);
  await healAfter(deps, row, result);
  // Somebody wanted something else meanwhile.
  if (behind) await deps.queue.enqueueConverge(deps.sql, { ...job, actor: "the row moved on" });
}

function wantsOtherPlace(result: OperationResult): boolean {
  return result.kind === "failed" && result.failure.tryElsewhere;
}

function findNextPlace(row: ConvergeRow, current: Pick<ConvergeRow, "serverType" | "location">) {
  // A server that stands somewhere is not moved because another type is sold out.
  if (row.outputs !== null) return undefined;
  return nextPlace(placesOf(row), current);
}

/** The plan as the row has it: what a worker's own files say counts for nothing. */
function placesOf(row: ConvergeRow): Place[] {
  const plan = planSchema.safeParse(row.planSettings);
  return plan.success ? listPlacesIn(listPlaces(plan.data, row.override), row.networkZone) : [];
}

/** The next try begins with what the plan wants most. */
async function startOverPlacement(deps: ConvergeDeps, row: ConvergeRow): Promise<void> {
  const [first] = placesOf(row);
  if (first && row.outputs === null) await recordPlacement(deps.sql, row.id, { ...first, attempt: 0 });
}

/** Several A records of one name are legal at Cloudflare: ours beside a stranger's would take half of their traffic. */
async function refuseForeignRecords(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<void> {
  const cell = cellOutputsSchema.parse(row.cellOutputs);
  const host = instanceHost(row.slug, cell.zoneName);
  const { cloudflare } = deps.cloudsOf(row.account, reason);
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
  await markConverging(deps.sql, row);
  const clouds = deps.cloudsOf(row.account, job.reason);
  const cell = cellOutputsSchema.safeParse(row.cellOutputs);
  if (cell.success) {
    await releaseProtection(clouds, row.id);
    const { reason, actor } = job;
    const stack = instanceStack(row.slug);
    const run = {
      kind: "destroy",
      stack,
      instanceId: row.id,
      account: row.account,
      reason,
      actor,
      generation: row.generation,
    } as const;
    const result = await runOperation(deps, run, signal);
    if (result.kind !== "done") return await recordTrouble(deps, row, job, result, signal);
    const { zoneId, zoneName } = cell.data;
    const owner = { instanceId: row.id, zoneId, host: instanceHost(row.slug, zoneName) };
    await removeLeftovers({ ...clouds, log: deps.log }, owner);
    await healAfter(deps, row, result);
  }
  await recordGone(deps.sql, row.id, deps.clock.now());
}
