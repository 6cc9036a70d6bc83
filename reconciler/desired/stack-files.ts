/** Reads the folder that people edit: plans, cells, overrides. A wrong file is reported and stops nobody else. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { CellSettings, Override } from "../../infra/config.ts";
import type { Plans } from "../../infra/plans.ts";
import { parseCellSettings, parseOverride, parsePlans, StackFileError } from "../../infra/stack-file.ts";
import { messageOf } from "../errors.ts";

export type StackFiles = {
  plans: Plans;
  cells: ReadonlyMap<string, CellSettings>;
  overrides: ReadonlyMap<string, Override>;
  /** Files that cannot be used, by slug or cell; what they are about stays as it is. */
  broken: ReadonlyMap<string, string>;
};

const filePattern = /^Pulumi\.(cell\.)?([a-z0-9-]+)\.ya?ml$/;
export const plansFile = "plans.yaml";

/** @throws StackFileError when the plans are wrong: without them nothing can be decided. */
export async function readStackFiles(stacksDir: string): Promise<StackFiles> {
  const names = await listFiles(stacksDir);
  const texts = await readTexts(stacksDir, [plansFile, ...names]);
  return { ...parseFiles(texts, stacksDir), plans: parsePlansIn(texts, stacksDir) };
}

/** The cells alone: few files, however many customers have one. */
export async function readCellFiles(stacksDir: string): Promise<Pick<StackFiles, "cells" | "broken">> {
  const names = (await listFiles(stacksDir)).filter((name) => keyOfFile(name)?.kind === "cell");
  return parseFiles(await readTexts(stacksDir, names), stacksDir);
}

/** Ours, directly in the folder: folders below it are nobody's. */
async function listFiles(stacksDir: string): Promise<string[]> {
  const entries = await readdir(stacksDir, { withFileTypes: true });
  return entries.flatMap((entry) =>
    entry.isDirectory() || !filePattern.test(entry.name) ? [] : [entry.name],
  );
}

async function readTexts(stacksDir: string, names: readonly string[]): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const name of names.toSorted()) texts.set(name, await readFile(join(stacksDir, name), "utf8"));
  return texts;
}

/** `folder` is for messages. @throws StackFileError */
export function parsePlansIn(texts: ReadonlyMap<string, string>, folder: string): Plans {
  const file = join(folder, plansFile);
  return parsePlans(requireUtf8(texts.get(plansFile) ?? "", file), file);
}

/** Cells and overrides by file name; other files are none of ours. */
export function parseFiles(
  texts: ReadonlyMap<string, string>,
  folder: string,
): Pick<StackFiles, "cells" | "overrides" | "broken"> {
  const files = {
    cells: new Map<string, CellSettings>(),
    overrides: new Map<string, Override>(),
    broken: new Map<string, string>(),
  };
  for (const [name, text] of texts) {
    const match = filePattern.exec(name);
    if (!match) continue;
    const [, cell, key = ""] = match;
    const file = join(folder, name);
    // Two files of one name would be one customer's, now by this one and now by that one.
    if (name.endsWith(".yml")) {
      files.broken.set(`${cell ?? ""}${key}`, `${file}: the ending is .yaml; rename it, or delete it`);
      continue;
    }
    try {
      requireUtf8(text, file);
      if (cell === undefined) files.overrides.set(key, parseOverride(text, file));
      else files.cells.set(key, parseCellSettings(text, file));
    } catch (error) {
      files.broken.set(`${cell ?? ""}${key}`, messageOf(error));
    }
  }
  return files;
}

/** Whoever decoded it put U+FFFD for every byte that is not UTF-8. @throws StackFileError */
function requireUtf8(text: string, file: string): string {
  const at = text.indexOf("\uFFFD");
  if (at === -1) return text;
  const line = text.slice(0, at).split("\n").length;
  throw new StackFileError([{ file, line, key: "encoding", message: "not UTF-8: save the file as that" }]);
}

/** What a file of this name is about: its key in `overrides` or `cells`; undefined for any other. */
export function keyOfFile(name: string): { kind: "override" | "cell"; key: string } | undefined {
  const match = filePattern.exec(name);
  return match ? { kind: match[1] === undefined ? "override" : "cell", key: match[2] ?? "" } : undefined;
}
