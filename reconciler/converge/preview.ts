/** A preview through the queue: the same program on the same inputs, nothing changed, the diff in the record. */
import type { ConvergeJob } from "../queue/jobs.ts";
import { findConvergeRow } from "../db/observed.ts";
import { runOperation, type OperationDeps } from "./run-operation.ts";

export async function previewInstance(
  deps: OperationDeps,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  const row = job.instanceId === undefined ? undefined : await findConvergeRow(deps.sql, job.instanceId);
  if (!row || row.status === "gone") return;
  const { reason, actor, stack } = job;
  await runOperation(
    deps,
    {
      kind: "preview",
      stack,
      instanceId: row.id,
      account: row.account,
      reason,
      actor,
      generation: row.generation,
      // What has drifted shows only to who looks at the clouds first.
      refresh: reason === "drift",
    },
    signal,
  );
}
