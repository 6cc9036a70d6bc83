/** Where an instance may stand now: anywhere that its plan names, or, once it has a disk, wherever that disk fits. */
import { planSchema } from "../../infra/plans.ts";
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import { recordPlacement, type ConvergeRow } from "../db/observed.ts";
import type { Reason } from "../queue/jobs.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { listPlaces, listPlacesIn, type Place } from "./placement.ts";
import { findRestorePlaces, listFitting } from "./restore.ts";

/** The plan as the row has it: what a worker's own files say counts for nothing. */
export function placesOf(row: ConvergeRow): Place[] {
  const plan = planSchema.safeParse(row.planSettings);
  return plan.success ? listPlacesIn(listPlaces(plan.data, row.override), row.networkZone) : [];
}

/** In the plan's order, and the row as it stands in the first of them that will do. */
export async function choosePlaces(
  deps: ConvergeDeps,
  row: ConvergeRow,
  reason: Reason,
): Promise<{ row: ConvergeRow; places: Place[] }> {
  const { places, misfit } = await findPlaces(deps, row, reason);
  if (misfit !== undefined)
    deps.alerts.raise({ kind: "plan_does_not_fit", about: row.slug, message: misfit });
  const better = pickBetter(row, places);
  if (!better) return { row, places };
  await recordPlacement(deps.sql, row.id, { ...better, attempt: 0 });
  return { row: { ...row, ...better }, places };
}

/** Where a converge of this row would put it: for previews, so that what was seen is what is done. */
export async function foreseePlace(
  deps: Pick<ConvergeDeps, "cloudsOf">,
  row: ConvergeRow,
  reason: Reason,
): Promise<Place> {
  const { serverType, location } = row;
  return pickBetter(row, (await findPlaces(deps, row, reason)).places) ?? { serverType, location };
}

/** undefined: it stays where its row has it. */
function pickBetter(row: ConvergeRow, places: readonly Place[]): Place | undefined {
  const bound = isArchived(row) || row.outputs !== null;
  const stands = places.some(({ serverType }) => serverType === row.serverType);
  return bound && !stands ? places[0] : undefined;
}

/** `misfit`: why it stays what it is although its plan wants something else. */
type Found = { places: Place[]; misfit?: string };

async function findPlaces(
  deps: Pick<ConvergeDeps, "cloudsOf">,
  row: ConvergeRow,
  reason: Reason,
): Promise<Found> {
  const { snapshotId } = row;
  const hetznerOf = () => deps.cloudsOf(row.account, reason).hetzner;
  if (isArchived(row) && snapshotId !== null)
    return { places: await findRestorePlaces(hetznerOf(), { ...row, snapshotId }, placesOf(row)) };
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  if (!seen.success) return { places: row.outputs === null ? placesOf(row) : [] };
  const { serverType } = seen.data;
  // A person's word about the type is taken as it is: Hetzner says what is wrong with it.
  if (row.serverType === serverType || row.override.serverType !== undefined) return { places: [] };
  return await findChanges(hetznerOf(), row, { serverType, location: row.location });
}

/** Types of the plan that the server can become where it stands; none: it stays what it is, and operators hear of it. */
async function findChanges(
  hetzner: Pick<Hetzner, "findServers" | "readServerTypes">,
  row: ConvergeRow,
  now: Place,
): Promise<Found> {
  const [server] = await hetzner.findServers(row.id);
  const types = await hetzner.readServerTypes();
  const architecture = types.find(({ name }) => name === now.serverType)?.architecture;
  // One that is not there any more is made anew, on whatever the plan has.
  if (!server || architecture === undefined) return { places: [] };
  const disk = { diskGb: server.primary_disk_size, architecture };
  const wanted = placesOf(row).filter(({ location }) => location === server.location);
  const fitting = listFitting(wanted, types, disk);
  if (fitting.length > 0) return { places: fitting };
  const misfit = `${row.slug}: its disk has ${disk.diskGb} GB on ${architecture}, and the plan ${row.plan} has only ${[...new Set(wanted.map((place) => place.serverType))].join(", ")} there; it stays a ${now.serverType}`;
  return { places: [now], misfit };
}

function isArchived({ observedPhase, snapshotId }: ConvergeRow): boolean {
  return observedPhase === "archived" && snapshotId !== null;
}
