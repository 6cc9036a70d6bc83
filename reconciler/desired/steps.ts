/** Deleting comes in steps: whatever was late, halted or mended, everybody's disk is a snapshot for a while before it is nothing. Pure. */
import type { InstanceRow } from "../db/instances.ts";
import type { Desired } from "./desire.ts";

/** Longest time of notice; the letters of the last days find their place in it. A plan may keep snapshots for less. */
const noticeDays = 7;
const dayMs = 86_400_000;

/** `desired` as far as this row may go at once. What a person ordered, and what a plan never archives, goes at once. */
export function takeStep(
  row: Pick<InstanceRow, "phase" | "phaseSince">,
  desired: Desired,
  now: Date,
): Desired {
  if (desired.phase !== "gone" || !desired.needsVotes || row.phase === "gone") return desired;
  const { archiveAfterDays, deleteAfterDays } = desired.plan.grace;
  const keptDays = Math.min(noticeDays, deleteAfterDays - archiveAfterDays);
  if (keptDays <= 0) return desired;
  const archived = { ...desired, phase: "archived" as const };
  // At the earliest; to the moment it is known when it is one.
  const earliest = new Date(now.getTime() + keptDays * dayMs);
  if (row.phase !== "archived") return { ...archived, nextChangeAt: null, deleteAt: earliest };
  const deleteAt = new Date(row.phaseSince.getTime() + keptDays * dayMs);
  return deleteAt > now ? { ...archived, nextChangeAt: deleteAt, deleteAt } : desired;
}
