/** Where an archived instance may come back: on what its snapshot fits. */
import type { Hetzner } from "../cloud/hetzner.ts";
import type { ServerType } from "../cloud/hetzner-types.ts";
import type { Snapshot } from "../cloud/hetzner-snapshots.ts";
import { ClawfleetError } from "../errors.ts";
import type { Place } from "./placement.ts";

/** @throws ClawfleetError when the snapshot is not there, or nothing of the plan can hold it. */
export async function findRestorePlaces(
  hetzner: Pick<Hetzner, "findSnapshots" | "readServerTypes">,
  row: { id: string; slug: string; snapshotId: string },
  places: readonly Place[],
): Promise<Place[]> {
  const snapshots = await hetzner.findSnapshots(row.id);
  const snapshot = snapshots.find(({ id }) => id === row.snapshotId);
  if (!snapshot) throw vanished(row);
  const fitting = listFitting(places, await hetzner.readServerTypes(), snapshot);
  if (fitting.length === 0) throw tooLarge(row.slug, snapshot, places);
  return fitting;
}

/** A disk only grows, and a processor's programs are its own. Pure. */
export function listFitting(
  places: readonly Place[],
  types: readonly ServerType[],
  snapshot: Pick<Snapshot, "diskGb" | "architecture">,
): Place[] {
  const known = new Map(types.map((type) => [type.name, type]));
  return places.filter(({ serverType }) => {
    const type = known.get(serverType);
    return type && type.diskGb >= snapshot.diskGb && type.architecture === snapshot.architecture;
  });
}

function vanished({ slug, snapshotId }: { slug: string; snapshotId: string }): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message: `${slug}: its snapshot ${snapshotId} is not there any more`,
    remedy: `look for it in Hetzner's console; without it the customer's data is lost: fleet deprovision ${slug}, and sell them a new one`,
    retry: { kind: "permanent" },
  });
}

function tooLarge(
  slug: string,
  { diskGb, architecture }: Snapshot,
  places: readonly Place[],
): ClawfleetError {
  const types = [...new Set(places.map(({ serverType }) => serverType))].join(", ");
  return new ClawfleetError({
    code: "conflict",
    message: `${slug}: its snapshot needs ${diskGb} GB on ${architecture}, and the plan has only ${types}`,
    remedy: `give it a larger type by an override, clawfleet:serverType in stacks/Pulumi.${slug}.yaml`,
    retry: { kind: "permanent" },
  });
}
