/** Of who is archived there is a snapshot and nothing else: without it no run brings their data back. Pure. */
import type { ScannedStack } from "../db/drift.ts";
import { permanent, type ClawfleetError } from "../errors.ts";
import { isAbsence, keyOf, type Difference } from "./compare.ts";
import type { SeenObject } from "./objects.ts";

/** Only of one that rests as archived: who comes back, moves or goes loses theirs by our own hand. */
export function findLostSnapshot(
  { archived, resting, stack, snapshotId }: ScannedStack,
  seen: ReadonlyMap<string, SeenObject>,
): Difference[] {
  if (!archived || !resting || snapshotId === null) return [];
  if (seen.has(keyOf({ kind: "snapshot", id: snapshotId }))) return [];
  return [{ class: "missing", kind: "snapshot", objectId: snapshotId, name: stack }];
}

export function isLostSnapshot(difference: Difference): boolean {
  return difference.kind === "snapshot" && isAbsence(difference);
}

/** Why a finding of one is for a person, whatever the policy says. */
export function explainLoss(slug: string): string {
  return `the customer's data is gone with it, and no run brings it back; ${whatToDo(slug)}`;
}

/** For whoever wants the instance to run again. */
export function snapshotLost({ slug, snapshotId }: { slug: string; snapshotId: string }): ClawfleetError {
  const message = `${slug}: its snapshot ${snapshotId} is not there any more, and the customer's data is gone with it`;
  return permanent("conflict", message, whatToDo(slug));
}

function whatToDo(slug: string): string {
  return `look for it in Hetzner's console, in other projects too; if it is gone for good: fleet deprovision ${slug}, and sell them a new one`;
}
