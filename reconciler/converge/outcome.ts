/** What is recorded of how a run ended, and who else may go on by it. For instances and cells. */
import { recordWaiting } from "../db/observed.ts";
import type { Blocker } from "../errors.ts";
import type { Alerts } from "../messages/alerts.ts";
import { tellParked } from "../messages/recorded.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import { heal, healSeen } from "./blocked.ts";
import type { Failure } from "./failure.ts";
import { recordFailure, type FailingRow, type RecordFailureDeps } from "./record-failure.ts";
import type { OperationResult } from "./run-operation.ts";

type RanRow = FailingRow & {
  /** It waited for this when it was tried last. */
  blockedBy: Blocker | null;
  blockedScope: string | null;
};

/** What did not keep this one from its end keeps nobody else. */
export async function healAfter(
  deps: Pick<RecordFailureDeps, "sql" | "queue" | "clock" | "log" | "gate">,
  row: RanRow,
  result: Extract<OperationResult, { kind: "done" }>,
): Promise<void> {
  if (row.blockedBy !== null && row.blockedScope !== null)
    await heal(deps, [row.blockedBy], row.blockedScope, { force: true });
  const deleted = (result.outcome.changes["delete"] ?? 0) > 0;
  await healSeen(deps, { account: row.account, clouds: result.wellSeen, deleted });
}

export type TroubleDeps = RecordFailureDeps & { alerts: Pick<Alerts, "begin"> };

export async function recordTrouble(
  deps: TroubleDeps,
  row: FailingRow,
  job: ConvergeJob,
  result: Exclude<OperationResult, { kind: "done" }>,
  signal: AbortSignal,
): Promise<void> {
  const { reason } = job;
  if (result.kind === "interrupted") {
    const { why: detail, retry } = result;
    if (!signal.aborted) return await recordFailure(deps, row, { retry, message: detail, reason });
    // A stop: whoever takes the job goes on with it at once.
    const retryAt = deps.clock.now();
    return await recordWaiting(deps.sql, row, { detail, retryAt, countsAsFailure: false, reason });
  }
  const { failure } = result;
  if (failure.retry.kind === "permanent") {
    deps.log.error({ stack: job.stack, code: failure.code, remedy: failure.remedy }, failure.message);
    return await tellParked(deps.alerts, row, `${describe(failure)}; ${failure.remedy}`, deps.clock.now());
  }
  const message = describeFor(row, describe(failure), failure.remedy);
  await recordFailure(deps, row, { retry: failure.retry, message, reason });
}

/** Of an instance the next step is with its operation; of a cell the one line that `fleet cells` shows must do. */
export function describeFor(row: Pick<FailingRow, "kind">, message: string, remedy: string | undefined) {
  const told = row.kind === "instance" || remedy === undefined || remedy.startsWith("nothing");
  return told ? message : `${message}; ${remedy}`;
}

function describe(failure: Failure): string {
  if (failure.code === "capacity_exhausted")
    return "no capacity at Hetzner in any type and location of the plan; it is tried again";
  return failure.message;
}
