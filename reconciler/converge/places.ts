/** Where an instance may stand now, and how it comes there: anywhere that its plan names, or, once it has a disk, where that goes. */
import { planSchema } from "../../infra/plans.ts";
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import type { ServerType } from "../cloud/hetzner-types.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import { recordMisfit } from "../db/transfers.ts";
import { recordPlacement, type ConvergeRow } from "../db/observed.ts";
import type { Reason } from "../queue/jobs.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { listPlaces, listPlacesIn, type Place, type SizedPlace } from "./placement.ts";
import { findRestorePlaces, listFitting } from "./restore.ts";

export type Way =
  /** By an update of its stack, in one of these, in the plan's order. None: in the place where it is, whatever that is. */
  | { kind: "up"; places: Place[] }
  /** No type of the plan holds the disk that its snapshot needs: it comes back on another, and is copied from there. */
  | { kind: "up-larger"; places: Place[] }
  /** Its disk fits a type of its plan at another location. */
  | { kind: "move"; place: Place; now: Place }
  /** Its disk fits no type of its plan; its files may. `now`: where it stands, and stays if it cannot go. */
  | { kind: "copy"; places: SizedPlace[]; now: Place; why: string };

/** What a diff of the stack cannot say. */
export const wayNotes: Record<Way["kind"], string | undefined> = {
  up: undefined,
  "up-larger":
    "its snapshot fits no type of the plan: it comes back on a larger one, and its files are copied then",
  move: "its data moves with it by a snapshot: minutes without an answer",
  copy: "its disk fits no type of the plan: a new server with its files copied, minutes without an answer",
};

/** The plan as the row has it: what a worker's own files say counts for nothing. */
export function placesOf(row: ConvergeRow): Place[] {
  const plan = planSchema.safeParse(row.planSettings);
  return plan.success ? listPlacesIn(listPlaces(plan.data, row.override), row.networkZone) : [];
}

export async function findWay(
  deps: Pick<ConvergeDeps, "cloudsOf">,
  row: ConvergeRow,
  reason: Reason,
): Promise<Way> {
  const { snapshotId } = row;
  const hetznerOf = () => deps.cloudsOf(row.account, reason).hetzner;
  if (isArchived(row) && snapshotId !== null)
    return await findRestorePlaces(hetznerOf(), { ...row, snapshotId }, placesOf(row), {
      orLarger: row.override.serverType === undefined,
    });
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  if (!seen.success) return { kind: "up", places: row.outputs === null ? placesOf(row) : [] };
  const { serverType } = seen.data;
  // A person's word about the type is taken as it is: Hetzner says what is wrong with it.
  if (wishOf(row) === serverType || row.override.serverType !== undefined) return { kind: "up", places: [] };
  return await findChange(hetznerOf(), row, { serverType, location: row.location });
}

/** In the plan's order, and the row as it stands in the first of them that will do. */
export async function choosePlaces(
  deps: ConvergeDeps,
  row: ConvergeRow,
  way: Extract<Way, { kind: "up" | "up-larger" }>,
): Promise<{ row: ConvergeRow; places: Place[] }> {
  const { places } = way;
  const better = pickBetter(row, places);
  if (!better) return { row, places };
  if (way.kind === "up") await recordPlacement(deps.sql, row.id, { ...better, attempt: 0 });
  else await recordMisfit(deps.sql, row.id, { ...better, plan: row.plan, again: false });
  const misfitPlan = way.kind === "up" ? null : row.plan;
  return { row: { ...row, ...better, misfitPlan }, places };
}

/** It stays what it is; told to operators, unless it is for now and of itself. */
export async function keepMisfit(
  deps: ConvergeDeps,
  row: ConvergeRow,
  now: Place,
  refused: { why: string; again: boolean } | undefined,
): Promise<ConvergeRow> {
  await deps.alerts.begin(async (tx, raise) => {
    await recordMisfit(tx, row.id, { ...now, plan: row.plan, again: refused?.again ?? false });
    if (refused) await raise({ kind: "plan_does_not_fit", about: row.slug, message: refused.why });
  });
  return { ...row, ...now, misfitPlan: row.plan };
}

/** Where a converge of this row would put it, and by what way: for previews, so that what was seen is what is done. */
export async function foreseePlace(
  deps: Pick<ConvergeDeps, "cloudsOf">,
  row: ConvergeRow,
  reason: Reason,
): Promise<{ place: Place; way: Way["kind"] }> {
  const stays = { serverType: row.serverType, location: row.location };
  const seen = instanceOutputsSchema.safeParse(row.outputs);
  if (seen.success && seen.data.location !== (row.override.location ?? row.location))
    return { place: stays, way: row.readyBefore ? "move" : "up" };
  const way = await findWay(deps, row, reason);
  switch (way.kind) {
    case "move":
    case "copy": {
      if (!copiesNow(row)) return { place: way.now, way: "up" };
      const [first] = way.kind === "move" ? [way.place] : way.places;
      return { place: first ?? way.now, way: way.kind };
    }
    case "up":
    case "up-larger":
      return { place: pickBetter(row, way.places) ?? stays, way: way.kind };
  }
}

/** One that is stopped is copied when it goes on: until then nobody misses anything. */
export function copiesNow({ phase, readyBefore }: ConvergeRow): boolean {
  return phase === "running" && readyBefore;
}

/** undefined: it stays where its row has it. */
function pickBetter(row: ConvergeRow, places: readonly Place[]): Place | undefined {
  const bound = isArchived(row) || row.outputs !== null;
  const stands = places.some(({ serverType }) => serverType === row.serverType);
  if (!bound || stands) return undefined;
  return places.find(({ location }) => location === row.location) ?? places[0];
}

/** What its plan wants, where the row says what it has instead. */
function wishOf(row: ConvergeRow): string {
  const [first] = row.misfitPlan === row.plan ? placesOf(row) : [];
  return first?.serverType ?? row.serverType;
}

async function findChange(
  hetzner: Pick<Hetzner, "findServers" | "readServerTypes">,
  row: ConvergeRow,
  now: Place,
): Promise<Way> {
  const [server] = await hetzner.findServers(row.id);
  const types = await hetzner.readServerTypes();
  const architecture = types.find(({ name }) => name === now.serverType)?.architecture;
  // One that is not there any more is made anew, on whatever the plan has.
  if (!server || architecture === undefined) return { kind: "up", places: [] };
  const disk = { diskGb: server.primary_disk_size, architecture };
  const all = placesOf(row);
  const isHere = ({ location }: Place) => location === server.location;
  const fitting = listFitting(all, types, disk);
  const here = fitting.filter(isHere);
  if (here.length > 0) return { kind: "up", places: here };
  const [place] = fitting;
  if (place) return { kind: "move", place, now };
  const names = [...new Set(all.map(({ serverType }) => serverType))].join(", ");
  const why = `${row.slug}: its disk has ${disk.diskGb} GB on ${architecture}, and the plan ${row.plan} has only ${names}`;
  // Near first: only where there is no room is it worth a longer way.
  const places = sizePlaces([...all.filter(isHere), ...all.filter((one) => !isHere(one))], types);
  return { kind: "copy", places, now, why };
}

function sizePlaces(places: readonly Place[], types: readonly ServerType[]): SizedPlace[] {
  const known = new Map(types.map(({ name, diskGb }) => [name, diskGb]));
  return places.flatMap((place) => {
    const diskGb = known.get(place.serverType);
    return diskGb === undefined ? [] : [{ ...place, diskGb }];
  });
}

function isArchived({ observedPhase, snapshotId }: ConvergeRow): boolean {
  return observedPhase === "archived" && snapshotId !== null;
}
