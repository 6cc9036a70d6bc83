/** Where the official documents are that the sandbox is compared with; they are not part of the project. */
import { existsSync } from "node:fs";
import { join } from "node:path";

/** `CLAWFLEET_SPECS`, or `../shared/specs` beside the checkout. */
export function specsDirectory(): string {
  return process.env["CLAWFLEET_SPECS"] ?? join(import.meta.dirname, "../../../shared/specs");
}

/** Path of a document, undefined when this machine does not have it. */
export function findSpec(name: string): string | undefined {
  const path = join(specsDirectory(), name);
  return existsSync(path) ? path : undefined;
}

/** Why a comparison was skipped, for the name of the skipped test. */
export function missingSpecNote(name: string): string {
  return `skipped: ${name} is not here (set CLAWFLEET_SPECS to the folder of the official documents)`;
}
