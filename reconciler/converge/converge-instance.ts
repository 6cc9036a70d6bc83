/** Makes one instance match its desired row: observe, decide, run, record. The only verb that changes the cloud. */
import { serverUrn } from "../../components/naming.ts";
import { cellOutputsSchema, instanceOutputsSchema } from "../../infra/outputs.ts";
import type { Cloudflare } from "../cloud/cloudflare.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import type { PriceList } from "../cloud/hetzner-inventory.ts";
import { findConvergeRow, markConverging, recordPlacement, type ConvergeRow } from "../db/observed.ts";
import { assertNever } from "../errors.ts";
import type { RunOnMachine } from "../health/machine-ssh.ts";
import type { Alerts } from "../messages/alerts.ts";
import { tellReady } from "../messages/recorded.ts";
import { moreUrgent, type ConvergeJob, type Reason } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { releaseProtection } from "./cleanup.ts";
import { waitForCell, wakeInstances } from "./converge-cell.ts";
import { decideConverge } from "./decide.ts";
import { stopsGateway, waitsForHalt } from "./halt.ts";
import { findUnknownDomain, getsItsRecords, refuseForeignRecords, waitForZone } from "./names.ts";
import { placesOf } from "./places.ts";
import { nextPlace, type Place } from "./placement.ts";
import { healAfter, recordTrouble } from "./outcome.ts";
import { relocate } from "./relocate.ts";
import { describeRun, runOperation, type OperationDeps, type OperationResult } from "./run-operation.ts";
import { archive, destroy, dropSnapshots } from "./take-away.ts";
import { isRepair, mayRepair } from "./unasked.ts";

export type ConvergeDeps = OperationDeps & {
  queue: Queue;
  alerts: Alerts;
  /** Opens the keys of machines. */
  masterKey: string;
  runOnMachine: RunOnMachine;
  /** What servers cost, for plans. */
  pricesOf(account: string): Promise<PriceList>;
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
    hasSnapshot: row.snapshotId !== null,
    misfit: row.misfitPlan === row.plan,
    hold: row.override.hold === true,
    paused: row.paused,
    reason: asked.reason,
    also: asked.also,
  });
  switch (decision.kind) {
    case "nothing":
      return deps.log.debug({ stack: row.slug, why: decision.why }, "nothing to converge");
    case "cell-first":
      return await waitForCell(deps, row, job.reason);
    case "up":
      if (stopsGateway(row) && (await waitsForHalt(deps, row, job))) return;
      if (isRepair(asked) && !(await mayRepair(deps, row, job, signal, () => findOtherPlace(deps, row))))
        return await withoutRepair(deps, asked, signal);
      return await up(deps, row, job, decision.refresh, signal);
    case "archive":
      return await archive(deps, row, job, signal);
    case "destroy":
      return await destroy(deps, row, job, signal);
    default:
      return assertNever(decision);
  }
}

async function up(
  deps: ConvergeDeps,
  found: ConvergeRow,
  job: ConvergeJob,
  refresh: boolean,
  signal: AbortSignal,
): Promise<void> {
  // Here, so that nobody goes on waiting if this one fails for a reason of its own.
  if (found.blockedBy === "cell") await wakeInstances(deps, found.cell);
  const unknown = findUnknownDomain(found);
  if (unknown !== undefined) return await waitForZone(deps, found, unknown, job.reason);
  if (getsItsRecords(found)) await refuseForeignRecords(deps, found, job.reason);
  await markConverging(deps.sql, found);
  const relocated = await relocate(deps, found, job, signal);
  if (relocated.kind === "waiting") return;
  if (relocated.kind === "moved-out") return await moveIn(deps, found, job, signal);
  const { row, places } = relocated;
  let result = await runUp(deps, row, job, { refresh }, signal);
  let place = { serverType: row.serverType, location: row.location };
  for (let attempt = row.placementAttempt + 1; attempt < maxPlaces && wantsOtherPlace(result); attempt += 1) {
    const next = findNextPlace(places, place);
    if (!next) break;
    place = next;
    await recordPlacement(deps.sql, row.id, { ...place, attempt });
    deps.log.info({ stack: row.slug, ...place }, "no capacity, trying elsewhere");
    result = await runUp(deps, row, job, { refresh }, signal);
  }
  if (result.kind === "done") return await recordUp(deps, row, job, result);
  if (wantsOtherPlace(result)) await startOverPlacement(deps, row, places);
  await recordTrouble(deps, row, job, result, signal);
}

/**
 * Its server `ill` is thrown away with its disk, and a new one made in its place. Where a run that was cut off has made the new
 * one already, or it may not be thrown away any more, what there is is completed. Resolves to whether it is gone.
 */
export async function rebuildInstance(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  { ill, mayReplace }: { ill: string; mayReplace: boolean },
  signal: AbortSignal,
): Promise<{ gone: boolean; outcome: "succeeded" | "failed" }> {
  await markConverging(deps.sql, row);
  const clouds = deps.cloudsOf(row.account, job.reason);
  const isIll = ({ id }: { id: number }) => String(id) === ill;
  const begun = (await clouds.hetzner.findServers(row.id)).some((server) => !isIll(server));
  const replace = begun || !mayReplace ? [] : [serverUrn(row.slug)];
  if (begun || mayReplace) await releaseProtection(clouds, row.id);
  const result = await runUp(deps, row, job, { refresh: true, replace }, signal);
  if (result.kind === "done") {
    await recordUp(deps, row, job, result);
    return { gone: begun || replace.length > 0, outcome: "succeeded" };
  }
  await recordTrouble(deps, row, job, result, signal);
  // A cloud that does not say so leaves it at not taken: then it is asked for once more.
  const left = await clouds.hetzner.findServers(row.id).catch(() => undefined);
  return { gone: left !== undefined && !left.some(isIll), outcome: "failed" };
}

/** What the repair was waiting with is done all the same, without reading the clouds first. */
async function withoutRepair(
  deps: ConvergeDeps,
  { also, ...rest }: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  if (also !== undefined) await convergeInstance(deps, rest, signal);
}

/** Asked of Hetzner alone, before any preview: a server that is made anew has lost its disk. */
async function findOtherPlace(deps: ConvergeDeps, row: ConvergeRow): Promise<string | undefined> {
  const known = instanceOutputsSchema.safeParse(row.outputs);
  if (!known.success) return undefined;
  const { serverId, location } = known.data;
  const { hetzner } = deps.cloudsOf(row.account, "drift");
  const stands = (await hetzner.findServer(Number(serverId)))?.location === location;
  return stands ? undefined : "its server is gone or elsewhere, and would be made anew";
}

function runUp(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  how: { refresh: boolean; replace?: readonly string[] },
  signal: AbortSignal,
) {
  return runOperation(deps, { kind: "up", ...describeRun(job, row), ...how }, signal);
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
  const { behind } = await tellReady(deps.sql, row.id, seen);
  // Its server holds what the snapshot held.
  if (row.snapshotId !== null) await dropSnapshots(deps, row, job.reason);
  await healAfter(deps, row, result);
  // Somebody wanted something else meanwhile, or its plan does.
  if (behind) await deps.queue.enqueueConverge(deps.sql, { ...job, actor: "the row moved on" });
  else if (row.observedPhase === "archived" && row.misfitPlan === row.plan)
    await deps.queue.enqueueConverge(deps.sql, { ...job, actor: "it came back larger than its plan" });
}

function wantsOtherPlace(result: OperationResult): boolean {
  return result.kind === "failed" && result.failure.tryElsewhere;
}

/** One that leads back to the same place would never end; places that nothing stands in are listed by `choosePlaces`. */
function findNextPlace(places: readonly Place[], current: Place): Place | undefined {
  return places.length === 0 ? undefined : nextPlace(places, current);
}

/** The rest of a move or a copy, with the row as the first half has left it. */
async function moveIn(
  deps: ConvergeDeps,
  { id }: ConvergeRow,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  const row = await findConvergeRow(deps.sql, id);
  if (row?.observedPhase === "archived") await up(deps, row, job, false, signal);
}

/** The next try begins with what the plan wants most. */
async function startOverPlacement(
  deps: ConvergeDeps,
  row: ConvergeRow,
  places: readonly Place[],
): Promise<void> {
  const [first] = row.outputs === null ? placesOf(row) : places;
  if (first) await recordPlacement(deps.sql, row.id, { ...first, attempt: 0 });
}
