/** Where a server may stand: the plan's types and locations in order. Pure. */
import { networkZoneOf, type Location, type NetworkZone, type Override } from "../../infra/config.ts";
import type { Plan } from "../../infra/plans.ts";

export type Place = { serverType: string; location: Location };
export type SizedPlace = Place & { diskGb: number };

/** All locations of the wanted type before the next type. An override leaves no choice in what it names. */
export function listPlaces(plan: Plan, override: Override): Place[] {
  const types = override.serverType === undefined ? plan.serverTypes : [override.serverType];
  const locations = override.location === undefined ? plan.locations : [override.location];
  return types.flatMap((serverType) => locations.map((location) => ({ serverType, location })));
}

/** A server can join the networks of its own zone alone. */
export function listPlacesIn(places: readonly Place[], networkZone: NetworkZone): Place[] {
  return places.filter((place) => networkZoneOf(place.location) === networkZone);
}

/** The place after this one; undefined after the last; the first when it is none of the plan's. */
export function nextPlace(places: readonly Place[], current: Place): Place | undefined {
  const at = places.findIndex(
    (place) => place.serverType === current.serverType && place.location === current.location,
  );
  return at === -1 ? places[0] : places[at + 1];
}
