/** What is new of a cell for those who live in it, they take over: each in its turn, behind whoever is more urgent. */
import { cellOutputsSchema, type CellOutputs } from "../../infra/outputs.ts";
import { renewMembers } from "../db/cells.ts";
import type { Query } from "../db/database.ts";
import { outputsReachMembers } from "../desired/lived-in.ts";
import type { Queue } from "../queue/queue.ts";
import { toInstanceJob } from "./jobs.ts";

export type MemberDeps = { queue: Queue };

/** In the transaction of what is new. */
export async function queueMembers(
  { queue }: MemberDeps,
  tx: Query,
  cells: readonly string[],
): Promise<void> {
  if (cells.length === 0) return;
  const jobs = (await renewMembers(tx, cells)).map((row) => toInstanceJob(row, `cell ${row.cell} changed`));
  if (jobs.length > 0) await queue.enqueueConverge(tx, jobs);
}

/** After the cell's own up; `before` as stored. Until its first one nobody has been made in it. */
export async function followOutputs(
  deps: MemberDeps,
  tx: Query,
  { cell, before, after }: { cell: string; before: unknown; after: CellOutputs },
): Promise<void> {
  const known = cellOutputsSchema.safeParse(before);
  if (known.success && outputsReachMembers(known.data, after)) await queueMembers(deps, tx, [cell]);
}
