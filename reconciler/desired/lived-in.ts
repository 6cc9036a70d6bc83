/** What the settings of a cell are to those who live in it. Pure. */
import { isDeepStrictEqual } from "node:util";
import { cellSettingsSchema, type CellSettings } from "../../infra/config.ts";
import type { CellOutputs } from "../../infra/outputs.ts";
import type { CellRow } from "../db/cells.ts";

type Role =
  /** A change would replace the network under them, or look for them where they are not. */
  | "fixed"
  /** Servers that stand take over what it says. */
  | "followed"
  /** The cell's own, or for servers that are made from now on. */
  | "apart";

const roles: Record<keyof CellSettings, Role> = {
  account: "fixed",
  zone: "fixed",
  customZones: "apart",
  networkZone: "fixed",
  networkRange: "fixed",
  subnetRange: "fixed",
  // Where sshd listens, and whom it takes with reach `private`, is settled by the first boot.
  backendPrivateIp: "fixed",
  sshPort: "fixed",
  reach: "fixed",
  backendPublicIps: "followed",
  image: "apart",
  openclawVersion: "followed",
  capacity: "apart",
  recordQuota: "apart",
  originPullCa: "followed",
  dnsTags: "followed",
};

const settingKeys = cellSettingsSchema.keyof().options;
const fixedKeys = settingKeys.filter((key) => roles[key] === "fixed");
const followedKeys = settingKeys.filter((key) => roles[key] === "followed");

/** The key pair goes to new servers alone, and a custom zone to whom it is looked up for. */
const followedOutputs = ["subnetId", "zoneId", "zoneName", "cloudflareRanges"] as const;

/** Whether those who live there have something to take over. */
export function reachesMembers(before: CellSettings, after: CellSettings): boolean {
  return followedKeys
    .filter((key) => key !== "backendPublicIps" || after.reach === "public")
    .some((key) => !isDeepStrictEqual(before[key], after[key]));
}

export function outputsReachMembers(before: CellOutputs, after: CellOutputs): boolean {
  return followedOutputs.some((key) => !isDeepStrictEqual(before[key], after[key]));
}

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
  const words = changed.map((key) => `${key} ${String(settings[key])} -> ${String(wanted[key])}`).join(", ");
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
