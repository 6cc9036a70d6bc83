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
  const plans = parsePlans(await readFile(plansFile, "utf8"), plansFile);
  const { cells, broken } = await readCellFiles(stacksDir);
  const files: StackFiles = { plans, cells, overrides: new Map(), broken };
  for (const { isCell, key, file } of await listFiles(stacksDir)) {
    if (!isCell) await readInto(files.overrides, broken, { key, file, parse: parseOverride });
  }
  return files;
}

/** The cells alone: few files, however many customers have one. */
export async function readCellFiles(stacksDir: string): Promise<Pick<StackFiles, "cells" | "broken">> {
  const cells: StackFiles["cells"] = new Map();
  const broken: StackFiles["broken"] = new Map();
  for (const { isCell, key, file } of await listFiles(stacksDir)) {
    if (isCell) await readInto(cells, broken, { key, file, parse: parseCellSettings, prefix: "cell." });
  }
  return { cells, broken };
}

async function listFiles(stacksDir: string): Promise<{ isCell: boolean; key: string; file: string }[]> {
  const names = (await readdir(stacksDir)).toSorted();
  return names.flatMap((name) => {
    const match = filePattern.exec(name);
    if (!match) return [];
    const [, isCell, key = ""] = match;
    return [{ isCell: isCell !== undefined, key, file: join(stacksDir, name) }];
  });
}

async function readInto<Value>(
  found: Map<string, Value>,
  broken: Map<string, string>,
  source: { key: string; file: string; parse: (text: string, file: string) => Value; prefix?: string },
): Promise<void> {
  const { key, file, parse, prefix = "" } = source;
  const text = await readFile(file, "utf8");
  try {
    found.set(key, parse(text, file));
  } catch (error) {
    broken.set(`${prefix}${key}`, error instanceof Error ? error.message : String(error));
  }
}
