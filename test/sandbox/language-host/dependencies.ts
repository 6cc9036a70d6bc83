/** For `pulumi about`: the direct dependencies of a program with the versions that are installed. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type Dependency = { name: string; version: string };

/** `root` is the folder with the package.json. Nothing there is no dependency. */
export function readDependencies(root: string): Dependency[] {
  const wanted = readManifest(join(root, "package.json"))["dependencies"];
  return Object.entries(isRecord(wanted) ? wanted : {}).map(([name, range]) => {
    const installed = readManifest(join(root, "node_modules", name, "package.json"))["version"];
    return { name, version: String(installed ?? range) };
  });
}

function readManifest(file: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(readFileSync(file, "utf8"));
    return isRecord(parsed) ? parsed : {};
  } catch {
    return {};
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
