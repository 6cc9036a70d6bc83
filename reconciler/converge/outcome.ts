/** What is recorded of how a run ended, and who else may go on by it. */
import { recordWaiting, type ConvergeRow } from "../db/observed.ts";
import { tellParked } from "../messages/recorded.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import { heal, healSeen } from "./blocked.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import type { Failure } from "./failure.ts";
import { recordFailure } from "./record-failure.ts";
import type { OperationResult } from "./run-operation.ts";

/** What did not keep this one from its end keeps nobody else. */
export async function healAfter(
  deps: ConvergeDeps,
  row: ConvergeRow,
  result: Extract<OperationResult, { kind: "done" }>,
): Promise<void> {
  if (row.blockedBy !== null && row.blockedScope !== null)
    await heal(deps, [row.blockedBy], row.blockedScope, { force: true });
  const deleted = (result.outcome.changes["delete"] ?? 0) > 0;
  await healSeen(deps, { account: row.account, clouds: result.wellSeen, deleted });
}

export async function recordTrouble(
  deps: ConvergeDeps,
  row: ConvergeRow,
  job: ConvergeJob,
  result: Exclude<OperationResult, { kind: "done" }>,
): Promise<void> {
  const now = deps.clock.now();
  const { reason } = job;
  if (result.kind === "interrupted") {
    return await recordWaiting(deps.sql, row.id, {
      detail: result.why,
      retryAt: now,
      countsAsFailure: false,
      reason,
    });
  }
  const { failure } = result;
  if (failure.retry.kind === "permanent") {
    deps.log.error(
      { alert: "parked", stack: row.slug, code: failure.code, remedy: failure.remedy },
      failure.message,
    );
    return await tellParked(deps.sql, row.id, `${describe(failure)}; ${failure.remedy}`, now);
  }
  await recordFailure(deps, row, { retry: failure.retry, message: describe(failure), reason });
}

function describe(failure: Failure): string {
  if (failure.code === "capacity_exhausted")
    return "no capacity at Hetzner in any type and location of the plan; it is tried again";
  return failure.message;
}
