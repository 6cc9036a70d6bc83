/** Reads the folder that people edit: plans, cells, overrides. A wrong file is reported and stops nobody else. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CellSettings, Override, Plans } from "../../infra/config.ts";
import { parseCellSettings, parseOverride, parsePlans } from "../../infra/stack-file.ts";

export type StackFiles = {
  plans: Plans;
  cells: Map<string, CellSettings>;
  overrides: Map<string, Override>;
  /** Files that cannot be used, by slug or cell; what they are about stays as it is. */
  broken: Map<string, string>;
};

const filePattern = /^Pulumi\.(cell\.)?([a-z0-9-]+)\.ya?ml$/;

/** @throws StackFileError when the plans are wrong: without them nothing can be decided. */
export async function readStackFiles(stacksDir: string): Promise<StackFiles> {
  const plansFile = join(stacksDir, "plans.yaml");
  const files: StackFiles = {
    plans: parsePlans(await readFile(plansFile, "utf8"), plansFile),
    cells: new Map(),
    overrides: new Map(),
    broken: new Map(),
  };
  for (const name of (await readdir(stacksDir)).toSorted()) {
    const match = filePattern.exec(name);
    if (!match) continue;
    const [, isCell, key = ""] = match;
    const file = join(stacksDir, name);
    const text = await readFile(file, "utf8");
    try {
      if (isCell) files.cells.set(key, parseCellSettings(text, file));
      else files.overrides.set(key, parseOverride(text, file));
    } catch (error) {
      files.broken.set(isCell ? `cell.${key}` : key, error instanceof Error ? error.message : String(error));
    }
  }
  return files;
}
