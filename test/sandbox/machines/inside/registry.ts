/** The registry that light machines have: away for as long as a test says. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** While this file holds a number above 0, so many requests find no registry. */
const outage = "/run/registry-outage";

export function isRegistryAway(): boolean {
  const failuresLeft = existsSync(outage) ? Number(readFileSync(outage, "utf8")) : 0;
  if (failuresLeft > 0) writeFileSync(outage, String(failuresLeft - 1));
  return failuresLeft > 0;
}
