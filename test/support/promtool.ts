/** Prometheus' own tool, for tests of the alert rules. */
import { accessSync, constants } from "node:fs";
import { fileURLToPath } from "node:url";

/** Where install-promtool.ts puts it. */
export const ownPromtool = fileURLToPath(new URL("../../.clawfleet/promtool", import.meta.url));

/** PROMTOOL, else one of the usual places; undefined where there is none. */
export function findPromtool(): string | undefined {
  const named = process.env["PROMTOOL"];
  return (named === undefined || named === "" ? ["/usr/bin/promtool", ownPromtool] : [named]).find(
    isExecutable,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
