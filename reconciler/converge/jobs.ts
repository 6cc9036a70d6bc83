/** Jobs that bring a row to its end. Pure. */
import { cellStack } from "../../components/naming.ts";
import type { WaitingInstance } from "../db/blocks.ts";
import type { ConvergeJob, Reason } from "../queue/jobs.ts";

/** As urgent as the work that is not done yet. */
export function toInstanceJob({ id, slug, cell, retryReason }: WaitingInstance, actor: string): ConvergeJob {
  return { stack: slug, instanceId: id, cell, kind: "converge", reason: retryReason ?? "resync", actor };
}

/** A cell holds up everybody in it: without a reason of its own it is as urgent as who has paid. */
export function toCellJob(
  { name, retryReason }: { name: string; retryReason: Reason | null },
  actor: string,
): ConvergeJob {
  return { stack: cellStack(name), cell: name, kind: "converge", reason: retryReason ?? "paid", actor };
}
