/** The first way: an engine of the pinned version that somebody installed already. */
import { accessSync, constants } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { readVersion, type Tools } from "./tools.ts";

export type Found = { binFolder: string; version: string };

/** The first `pulumi` on PATH, whatever its version; undefined when there is none that runs. */
export async function findOnPath(tools: Tools): Promise<Found | undefined> {
  for (const folder of (tools.environment["PATH"] ?? "").split(delimiter).filter(Boolean)) {
    const binary = join(folder, "pulumi");
    if (!isExecutable(binary)) continue;
    const version = await readVersion(tools, binary);
    if (version !== undefined) return { binFolder: dirname(binary), version };
  }
  return undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
