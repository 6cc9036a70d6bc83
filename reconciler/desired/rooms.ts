/** Which cell takes a new instance: members of its network, records of its zone, and where its plan may stand. Pure. */
import { networkZoneOf, type CellSettings, type NetworkZone } from "../../infra/config.ts";
import { recordsPerInstance } from "../../components/naming.ts";
import type { Place } from "../converge/placement.ts";
import { listPlacesIn } from "../converge/placement.ts";

export type CellFacts = {
  name: string;
  settings: Pick<CellSettings, "zone" | "networkZone" | "capacity" | "recordQuota">;
  ready: boolean;
  used: number;
  drainedAt: Date | null;
  fileGoneAt: Date | null;
};

export type ZoneRecords = { used: number; quota: number };

export type NoRoom = { kind: "cells_full" | "no_cell_for_plan"; detail: string };

/** Cells of one zone share what its plan allows; where they name different quotas, the smallest holds. */
export function countRecords(cells: readonly CellFacts[], zone: string): ZoneRecords {
  const sharing = cells.filter((cell) => cell.settings.zone === zone);
  return {
    used: sharing.reduce((sum, cell) => sum + cell.used * recordsPerInstance, 0),
    quota: Math.min(...sharing.map((cell) => cell.settings.recordQuota)),
  };
}

/** How many more instances fit, whether or not it takes any now. */
export function countRoom(cells: readonly CellFacts[], cell: CellFacts): number {
  const records = countRecords(cells, cell.settings.zone);
  const byRecords = Math.floor((records.quota - records.used) / recordsPerInstance);
  return Math.max(0, Math.min(cell.settings.capacity - cell.used, byRecords));
}

export function takesNew(cell: CellFacts): boolean {
  return cell.drainedAt === null && cell.fileGoneAt === null;
}

/**
 * Cells that take an instance with these places, the best first: nearest to the front of the plan's list, up already, with
 * the most room.
 */
export function rankCells<Cell extends CellFacts>(
  cells: readonly Cell[],
  places: readonly Place[],
): Cell[] | NoRoom {
  const wanted = (cell: Cell): number =>
    places.findIndex((place) => networkZoneOf(place.location) === cell.settings.networkZone);
  const fitting = cells.filter((cell) => wanted(cell) !== -1);
  if (fitting.length === 0) return { kind: "no_cell_for_plan", detail: describeMissing(places) };
  const open = fitting.filter((cell) => takesNew(cell) && countRoom(cells, cell) > 0);
  if (open.length === 0) return { kind: "cells_full", detail: "no cell has room; it goes on when one has" };
  return open.toSorted(
    (a, b) =>
      wanted(a) - wanted(b) ||
      Number(b.ready) - Number(a.ready) ||
      countRoom(cells, b) - countRoom(cells, a) ||
      a.used - b.used ||
      (a.name < b.name ? -1 : 1),
  );
}

function describeMissing(places: readonly Place[]): string {
  const zones = [...new Set(places.map((place): NetworkZone => networkZoneOf(place.location)))];
  return `no cell is in the network zone of the plan's locations (${zones.join(", ")}); it goes on when one is`;
}

/** What is tried first in this cell. */
export function firstPlace(places: readonly Place[], cell: CellFacts): Place | undefined {
  return listPlacesIn(places, cell.settings.networkZone)[0];
}
