/** A preview through the queue: the same program on the same inputs, nothing changed, the diff in the record. */
import type { ConvergeJob } from "../queue/jobs.ts";
import { findCellRow } from "../db/cell-status.ts";
import { findConvergeRow } from "../db/observed.ts";
import type { ConvergeDeps } from "./converge-instance.ts";
import { foreseePlace, wayNotes } from "./places.ts";
import { describeRun, runOperation, type OperationDeps } from "./run-operation.ts";

export async function previewInstance(
  deps: OperationDeps & Pick<ConvergeDeps, "cloudsOf">,
  job: ConvergeJob,
  signal: AbortSignal,
): Promise<void> {
  const row = await findRow(deps, job);
  if (!row) return;
  await runOperation(
    deps,
    {
      kind: "preview",
      ...describeRun(job, row),
      // What has drifted shows only to who looks at the clouds first.
      refresh: job.reason === "drift",
      note: await findNote(deps, job),
    },
    signal,
  );
}

/** A cloud that cannot be asked keeps nobody from a preview. */
async function findNote(
  { sql, cloudsOf, log }: OperationDeps & Pick<ConvergeDeps, "cloudsOf">,
  { instanceId, reason, stack }: ConvergeJob,
): Promise<string | undefined> {
  const row = instanceId === undefined ? undefined : await findConvergeRow(sql, instanceId);
  if (!row) return undefined;
  try {
    return wayNotes[(await foreseePlace({ cloudsOf }, row, reason)).way];
  } catch (error) {
    log.warn({ stack, err: error }, "a preview does not say by which way it would be");
    return undefined;
  }
}

async function findRow(
  { sql }: OperationDeps,
  { instanceId, cell }: ConvergeJob,
): Promise<{ account: string; generation: number } | undefined> {
  if (instanceId === undefined) return await findCellRow(sql, cell);
  const row = await findConvergeRow(sql, instanceId);
  return row?.status === "gone" ? undefined : row;
}
