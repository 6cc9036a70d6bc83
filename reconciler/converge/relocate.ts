/** What has to happen before an update can bring an instance to its row: its server leaves for another place or another disk. */
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import { recordPlacement, type ConvergeRow } from "../db/observed.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";
import { releaseProtection } from "./cleanup.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { copyMark, copyOut, undoTransfer } from "./copy.ts";
import type { Place } from "./placement.ts";
import { choosePlaces, copiesNow, findWay, keepMisfit, type Way } from "./places.ts";
import { finishMoveOut, moveMark, moveOut } from "./take-away.ts";

export type Relocated =
  /** An update does it: of the row as it is now, in one of these places. */
  | { kind: "here"; row: ConvergeRow; places: Place[] }
  /** It is as if archived, and made anew from its snapshot. */
  | { kind: "moved-out" }
  /** Its row says for what. */
  | { kind: "waiting" };

export async function relocate(
  deps: ConvergeDeps,
  found: ConvergeRow,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<Relocated> {
  const { reason } = job;
  if (await hasLeft(deps, found, reason)) return toRelocated(await finishMoveOut(deps, found, job, signal));
  const leaves = await leavesItsLocation(deps, found, reason);
  const way = leaves ? undefined : await findWay(deps, found, reason);
  const copies = way?.kind === "copy" && copiesNow(found);
  const moves = leaves ? found.readyBefore : way?.kind === "move" && copiesNow(found);
  // Something was begun that is not wanted any more.
  const wanted = copies ? copyMark : moves ? moveMark : undefined;
  const begun = found.transferMark;
  if (begun !== null && (wanted === undefined || !begun.startsWith(wanted)))
    await undoTransfer(deps, found, reason);
  // What holds a customer's data moves with it; what never answered is made anew, and Hetzner deletes no protected server.
  if (leaves && found.readyBefore) return toRelocated(await moveOut(deps, found, job, signal));
  if (way?.kind === "move" && copiesNow(found)) return await moveTo(deps, found, way.place, job, signal);
  if (copies) return await copy(deps, found, way, job, signal);
  await switchOn(deps, found, reason);
  if (leaves) await releaseProtection(deps.cloudsOf(found.account, reason), found.id);
  return await stay(deps, found, way ?? (await findWay(deps, found, reason)));
}

function toRelocated(isOut: boolean): Relocated {
  return { kind: isOut ? "moved-out" : "waiting" };
}

/** Its server went the way of a move or a copy, and whoever did it died before it was recorded. */
async function hasLeft(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<boolean> {
  if (row.snapshotId === null || row.outputs === null || row.observedPhase === "archived") return false;
  return (await deps.cloudsOf(row.account, reason).hetzner.findServers(row.id)).length === 0;
}

/** One that never got to its outputs may have a server all the same: then the cloud knows where it stands. */
async function leavesItsLocation(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<boolean> {
  const wanted = row.override.location ?? row.location;
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  if (seen.success) return seen.data.location !== wanted;
  const servers = await deps.cloudsOf(row.account, reason).hetzner.findServers(row.id);
  return servers.some(({ location }) => location !== wanted);
}

/** The row follows afterwards, so that a change that is taken back before leaves nothing to do. */
async function moveTo(
  deps: ConvergeDeps,
  row: ConvergeRow,
  place: Place,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<Relocated> {
  if (!(await moveOut(deps, { ...row, ...place }, job, signal))) return { kind: "waiting" };
  await recordPlacement(deps.sql, row.id, { ...place, attempt: 0 });
  return { kind: "moved-out" };
}

async function copy(
  deps: ConvergeDeps,
  row: ConvergeRow,
  { places, now, why }: Extract<Way, { kind: "copy" }>,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<Relocated> {
  const copied = await copyOut(deps, row, places, job, signal);
  if (copied.kind !== "refused") return copied;
  const told = { why: `${why}; ${copied.why}; it stays a ${now.serverType}`, again: copied.again };
  return { kind: "here", row: await keepMisfit(deps, row, now, told), places: [now] };
}

async function stay(deps: ConvergeDeps, row: ConvergeRow, way: Way): Promise<Relocated> {
  if (way.kind === "up" || way.kind === "up-larger")
    return { kind: "here", ...(await choosePlaces(deps, row, way)) };
  return { kind: "here", row: await keepMisfit(deps, row, way.now, undefined), places: [way.now] };
}

/** An archive or a move that was begun, and is not wanted any more, has left it off; nothing else switches it on. */
async function switchOn(deps: ConvergeDeps, row: ConvergeRow, reason: Reason): Promise<void> {
  const settled = row.observedPhase === "running" && row.status === "ready" && row.snapshotId === null;
  if (!row.readyBefore || (settled && reason !== "paid") || row.observedPhase === "archived") return;
  const { hetzner } = deps.cloudsOf(row.account, reason);
  for (const server of await hetzner.findServers(row.id))
    if (server.status === "off") await hetzner.rebootServer(server);
}
