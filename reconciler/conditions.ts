/** What is wrong now, counted from rows: the same whoever looks. For metrics and alerts. */
import type { Sql } from "postgres";
import { countUnplaced } from "./db/instances.ts";
import { findHalt } from "./db/halt.ts";
import { listUnserved } from "./db/workers.ts";

export type Condition = {
  kind: "cells_full" | "no_worker_for_cell" | "halted";
  count: number;
  detail: string;
};
export type Conditions = readonly Condition[];

/** A worker that was just restarted is nothing to wake anybody for. */
const dueMs = 30_000;

export async function readConditions(sql: Sql): Promise<Conditions> {
  const [unplaced, unserved, halt] = await Promise.all([
    countUnplaced(sql),
    listUnserved(sql, dueMs),
    findHalt(sql),
  ]);
  const cells = unserved.map(({ cell }) => cell).join(", ");
  return [
    {
      kind: "cells_full",
      count: unplaced,
      detail: `${unplaced} paid for and without a cell: add stacks/Pulumi.cell.<name>.yaml (fleet cells shows the room)`,
    },
    {
      kind: "no_worker_for_cell",
      count: unserved.reduce((sum, { jobs }) => sum + jobs, 0),
      detail: `no worker serves ${cells}: start one inside that network with work --cell`,
    },
    {
      kind: "halted",
      count: halt ? 1 : 0,
      detail: `${halt?.by ?? "nobody"} stopped every removal${halt?.reason ? `: ${halt.reason}` : ""}; fleet resume ends it`,
    },
  ];
}
