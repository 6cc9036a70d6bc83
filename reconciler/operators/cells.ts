/** What operators see of the cells, how they drain one, and how they have one converged now. */
import type { Sql } from "postgres";
import { cellStack } from "../../components/naming.ts";
import type { CellStatus } from "../db/cell-status.ts";
import { listCells, setDrained, type CellRow } from "../db/cells.ts";
import { claimRepair } from "../db/drift.ts";
import { countUnplaced } from "../db/instances.ts";
import { toCellJob } from "../converge/jobs.ts";
import { listWorkers, type WorkerRow } from "../db/workers.ts";
import { countRecords, countRoom } from "../desired/rooms.ts";
import { storeCell } from "../desired/cells.ts";
import { findLivedIn, livedInRemedy } from "../desired/lived-in.ts";
import { placeWaiting } from "../desired/place.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { permanent } from "../errors.ts";
import { refuseWhileFleetPaused } from "./left-alone.ts";
import { noCell, refused } from "./problems.ts";

export type CellAnswer = {
  name: string;
  account: string;
  zone: string;
  networkZone: string;
  reach: "private" | "public";
  /** Whether new instances go into it; `without file` as long as its file in stacks/ is gone. */
  state: "open" | "drained" | "without file";
  /** How it stands with its own stack; `ready` once it is as its file says. */
  status: CellStatus;
  /** What it waits for, or why it is parked, with what a person does about it. */
  detail: string | null;
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
        status: cell.status,
        detail: cell.statusDetail,
        members: cell.used,
        capacity: settings.capacity,
        records: records.used,
        recordQuota: records.quota,
        room: countRoom(cells, cell),
        drainedBy: cell.drainedBy,
        workers: workers.filter((worker) => serves(worker, cell)).map(({ name }) => name),
      };
    }),
  };
}

function stateOf(cell: { fileGoneAt: Date | null; drainedAt: Date | null }): CellAnswer["state"] {
  if (cell.fileGoneAt !== null) return "without file";
  return cell.drainedAt === null ? "open" : "drained";
}

/** As the queue decides it (queue/binding.ts), for one of the cell's instances. */
function serves(worker: WorkerRow, cell: CellRow): boolean {
  if (worker.draining || worker.accounts?.includes(cell.account) === false) return false;
  if (worker.binding === "cells") return worker.cells.includes(cell.name);
  return worker.binding === "all" || cell.settings.reach === "public";
}

/** Those that wait for room may go into an opened one at once. @throws not_found */
export async function drainCell(
  deps: ApplyDeps,
  input: { cell: string; drained: boolean; actor: string },
): Promise<void> {
  const drained = input.drained ? { by: input.actor, at: deps.clock.now() } : null;
  if (!(await setDrained(deps.sql, input.cell, drained))) throw noCell(input.cell);
  if (!input.drained) await placeWaiting(deps);
}

/**
 * One that waits or is parked is tried at once, one that is ready is run again. Its file is read first: what a person has
 * corrected there counts. @throws not_found, input_invalid for a file that cannot be read, conflict for one that its members forbid
 */
export async function applyCell(
  deps: ApplyDeps,
  input: { cell: string; refresh: boolean; actor: string },
): Promise<void> {
  const { cell: name, actor } = input;
  const { cells, broken } = await deps.files();
  const problem = broken.get(cellStack(name));
  if (problem !== undefined) throw permanent("input_invalid", problem);
  await deps.sql.begin(async (tx) => {
    const settings = cells.get(name);
    const row = (await listCells(tx)).find((cell) => cell.name === name);
    if (!row && !settings) throw noCell(name);
    await refuseWhileFleetPaused(tx, name);
    const livedIn = row && settings && findLivedIn(row, settings);
    if (livedIn !== undefined) throw refused(livedIn, livedInRemedy);
    if (settings) await storeCell(deps, tx, name, settings);
    const reason = input.refresh ? "drift" : "operator";
    if (input.refresh) await claimRepair(tx, cellStack(name), actor);
    await deps.queue.enqueueConverge(tx, toCellJob({ name, retryReason: reason }, actor));
  });
}
