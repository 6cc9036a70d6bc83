/** What the members of a cell live by: a change would replace their network, or look for them where they are not. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { CellSettings } from "../../infra/config.ts";
import type { CellRow } from "../db/cells.ts";

const fixedKeys = ["account", "zone", "networkZone", "networkRange", "subnetRange", "reach"] as const;

export const livedInRemedy =
  "put that back; a new cell can have it, and this one is free to change once nobody is in it (fleet drain)";

/** undefined: the cell may become this. One that never came up may become anything. */
export function findLivedIn(
  { name, settings, ready, used }: Pick<CellRow, "name" | "settings" | "ready" | "used">,
  wanted: CellSettings,
): string | undefined {
  if (!ready || used === 0) return undefined;
  const changed = fixedKeys.filter((key) => !isDeepStrictEqual(settings[key], wanted[key]));
  if (changed.length === 0) return undefined;
  const words = changed.map((key) => `${key} ${settings[key]} -> ${wanted[key]}`).join(", ");
  return `cell ${name} has ${used} members, who live by what its file changes: ${words}`;
}

/** Of every cell that a change of files would ask for it. */
export function listLivedIn(
  rows: readonly CellRow[],
  before: ReadonlyMap<string, CellSettings>,
  after: ReadonlyMap<string, CellSettings>,
): string[] {
  return rows.flatMap((row) => {
    const wanted = after.get(row.name);
    if (!wanted || isDeepStrictEqual(before.get(row.name), wanted)) return [];
    const problem = findLivedIn(row, wanted);
    return problem === undefined ? [] : [`${problem}; ${livedInRemedy}`];
  });
}
