/** Where an archived instance may come back: on what its snapshot fits. */
import type { Hetzner } from "../cloud/hetzner.ts";
import type { ServerType } from "../cloud/hetzner-types.ts";
import type { Snapshot } from "../cloud/hetzner-snapshots.ts";
import { snapshotLost } from "../drift/lost-snapshots.ts";
import { ClawfleetError } from "../errors.ts";
import type { Place } from "./placement.ts";
import type { Way } from "./places.ts";

/**
 * Among its plan's places, or, with `orLarger`, where none of them holds it, among all that is sold there. @throws ClawfleetError
 * when the snapshot is not there, or nothing that Hetzner sells there can hold it.
 */
export async function findRestorePlaces(
  hetzner: Pick<Hetzner, "findSnapshots" | "readServerTypes">,
  row: { id: string; slug: string; snapshotId: string },
  places: readonly Place[],
  { orLarger }: { orLarger: boolean },
): Promise<Extract<Way, { kind: "up" | "up-larger" }>> {
  const snapshots = await hetzner.findSnapshots(row.id);
  const snapshot = snapshots.find(({ id }) => id === row.snapshotId);
  if (!snapshot) throw snapshotLost(row);
  const types = await hetzner.readServerTypes();
  const fitting = listFitting(places, types, snapshot);
  if (fitting.length > 0) return { kind: "up", places: fitting };
  const larger = orLarger ? listLarger(places, types, snapshot) : [];
  if (larger.length === 0) throw tooLarge(row.slug, snapshot, places);
  return { kind: "up-larger", places: larger };
}

/** What is sold at the plan's locations and holds the snapshot, whatever the plan's types are; the cheapest first. Pure. */
export function listLarger(
  places: readonly Place[],
  types: readonly ServerType[],
  snapshot: Pick<Snapshot, "diskGb" | "architecture">,
): Place[] {
  const locations = [...new Set(places.map(({ location }) => location))];
  const sold = types.flatMap(({ name: serverType, prices, deprecated }) =>
    (deprecated ? [] : locations).flatMap((location) => {
      const price = prices[location];
      return price === undefined ? [] : [{ serverType, location, price }];
    }),
  );
  return listFitting(sold, types, snapshot)
    .toSorted((a, b) => a.price - b.price)
    .map(({ serverType, location }) => ({ serverType, location }));
}

/** A disk only grows, and a processor's programs are its own. Pure. */
export function listFitting<Some extends Place>(
  places: readonly Some[],
  types: readonly ServerType[],
  snapshot: Pick<Snapshot, "diskGb" | "architecture">,
): Some[] {
  const known = new Map(types.map((type) => [type.name, type]));
  return places.filter(({ serverType }) => {
    const type = known.get(serverType);
    return type && type.diskGb >= snapshot.diskGb && type.architecture === snapshot.architecture;
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
    message: `${slug}: its snapshot needs ${diskGb} GB on ${architecture}, and there is nothing to hold it where the plan with ${types} is sold`,
    remedy: `add a location to the plan, or give it a type by an override, clawfleet:serverType in stacks/Pulumi.${slug}.yaml`,
    retry: { kind: "permanent" },
  });
}
