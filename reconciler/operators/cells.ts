/** What operators see of the cells, and how they drain one. */
import type { Sql } from "postgres";
import { listCells, setDrained } from "../db/cells.ts";
import { countUnplaced } from "../db/instances.ts";
import { listWorkers, type WorkerRow } from "../db/workers.ts";
import { countRecords, countRoom } from "../desired/rooms.ts";
import { placeWaiting } from "../desired/place.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { ClawfleetError } from "../errors.ts";

export type CellAnswer = {
  name: string;
  account: string;
  zone: string;
  networkZone: string;
  reach: "private" | "public";
  /** `building` until its network stands; `without file` as long as its file in stacks/ is gone. */
  state: "open" | "drained" | "without file" | "building";
  members: number;
  capacity: number;
  /** Of the zone, with every cell that shares it. */
  records: number;
  recordQuota: number;
  /** More instances that fit. */
  room: number;
  drainedBy: string | null;
  /** Names of the living processes that take its converges. */
  workers: string[];
};

export type CellsAnswer = { cells: CellAnswer[]; waiting: number };

export async function readCells(sql: Sql): Promise<CellsAnswer> {
  const [cells, workers, waiting] = await Promise.all([listCells(sql), listWorkers(sql), countUnplaced(sql)]);
  return {
    waiting,
    cells: cells.map((cell) => {
      const { settings } = cell;
      const records = countRecords(cells, settings.zone);
      return {
        name: cell.name,
        account: cell.account,
        zone: settings.zone,
        networkZone: settings.networkZone,
        reach: settings.reach,
        state: stateOf(cell),
        members: cell.used,
        capacity: settings.capacity,
        records: records.used,
        recordQuota: records.quota,
        room: countRoom(cells, cell),
        drainedBy: cell.drainedBy,
        workers: workers
          .filter((worker) => serves(worker, cell.name, settings.reach))
          .map(({ name }) => name),
      };
    }),
  };
}

function stateOf(cell: {
  fileGoneAt: Date | null;
  drainedAt: Date | null;
  ready: boolean;
}): CellAnswer["state"] {
  if (cell.fileGoneAt !== null) return "without file";
  if (cell.drainedAt !== null) return "drained";
  return cell.ready ? "open" : "building";
}

/** As the queue decides it (queue/binding.ts), for one of the cell's instances. */
function serves(worker: WorkerRow, cell: string, reach: CellAnswer["reach"]): boolean {
  if (worker.draining) return false;
  if (worker.binding === "cells") return worker.cells.includes(cell);
  return worker.binding === "all" || reach === "public";
}

/** Those that wait for room may go into an opened one at once. @throws not_found */
export async function drainCell(
  deps: ApplyDeps,
  input: { cell: string; drained: boolean; actor: string },
): Promise<void> {
  const drained = input.drained ? { by: input.actor, at: deps.clock.now() } : null;
  if (!(await setDrained(deps.sql, input.cell, drained))) {
    throw new ClawfleetError({
      code: "not_found",
      message: `there is no cell ${input.cell}`,
      remedy: "fleet cells shows every one; a new one needs stacks/Pulumi.cell.<name>.yaml",
      retry: { kind: "permanent" },
    });
  }
  if (!input.drained) await placeWaiting(deps);
}
