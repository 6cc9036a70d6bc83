/** A stop of every removal, as a converge meets it: it holds what was decided before it too. */
import { findHalt } from "../db/halt.ts";
import { recordWaiting, type ConvergeRow } from "../db/observed.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { ConvergeDeps } from "./converge-instance.ts";

const waitMs = 60_000;

/** True: the row says who stopped it, and it is looked at again. */
export async function waitsForHalt(
  deps: ConvergeDeps,
  row: ConvergeRow,
  { reason }: ConvergeJob,
): Promise<boolean> {
  const halt = await findHalt(deps.sql);
  if (!halt) return false;
  const detail = `${halt.by} stopped every removal${halt.reason === null ? "" : `: ${halt.reason}`}; fleet halt --end lets it go on`;
  const retryAt = new Date(deps.clock.now().getTime() + waitMs);
  await recordWaiting(deps.sql, row, { detail, retryAt, countsAsFailure: false, reason });
  return true;
}

/** Its gateway runs, and the next run would stop it. */
export function stopsGateway({ phase, observedPhase }: ConvergeRow): boolean {
  return phase === "suspended" && observedPhase === "running";
}
