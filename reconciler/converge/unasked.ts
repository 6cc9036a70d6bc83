/**
 * A repair that nobody asked for looks again first, at the whole of what it would do: what a scan saw may be another thing by
 * the time of the run. What it would do beyond what was found is not done, and a person is asked.
 */
import { cellStack } from "../../components/naming.ts";
import { findFinding, refuseRepair, type FindingRow } from "../db/drift.ts";
import { scanActor } from "../drift/policy.ts";
import { findUnforeseen } from "../drift/unforeseen.ts";
import { listPlannedSteps } from "../operations/rows.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import { recordTrouble, type TroubleDeps } from "./outcome.ts";
import type { FailingRow } from "./record-failure.ts";
import { describeRun, runOperation, type OperationDeps, type OperationResult } from "./run-operation.ts";

type RepairedRow = FailingRow & { account: string; generation: number };

/** Ordered by itself, or waiting with something more urgent. */
export function isRepair({ reason, also }: ConvergeJob): boolean {
  return (also ?? reason) === "drift";
}

/** `findHindrance`: what is in the way before any preview. False: the finding, or the row, says why. */
export async function mayRepair(
  deps: OperationDeps & TroubleDeps,
  row: RepairedRow,
  job: ConvergeJob,
  signal: AbortSignal,
  findHindrance: () => Promise<string | undefined> = () => Promise.resolve(undefined),
): Promise<boolean> {
  const finding = await findFinding(deps.sql, row.kind === "cell" ? cellStack(row.id) : row.id);
  // A retry of an order has another actor, and is the same order.
  if ((finding?.repairBy ?? job.actor) !== scanActor) return true;
  const why = (await findHindrance()) ?? (await foresee(deps, row, job, finding?.differences ?? [], signal));
  if (why === undefined) return true;
  if (typeof why !== "string") {
    await recordTrouble(deps, row, job, why, signal);
    return false;
  }
  deps.log.warn({ stack: job.stack }, `not repaired: ${why}`);
  if (finding) await refuseRepair(deps.sql, finding.id, why);
  return false;
}

/** undefined: the run would do what was found, and no more. */
async function foresee(
  deps: OperationDeps,
  row: RepairedRow,
  job: ConvergeJob,
  found: FindingRow["differences"],
  signal: AbortSignal,
): Promise<string | Exclude<OperationResult, { kind: "done" }> | undefined> {
  let operationId = 0;
  const preview = {
    kind: "preview",
    ...describeRun({ ...job, reason: "drift" }, row),
    refresh: true,
    onBegin: (begun: number) => void (operationId = begun),
  } as const;
  const result = await runOperation(deps, preview, signal);
  if (result.kind !== "done") return result;
  const unforeseen = findUnforeseen(await listPlannedSteps(deps.sql, operationId), found);
  return unforeseen.length === 0 ? undefined : `it would also ${unforeseen.join(", ")}`;
}
