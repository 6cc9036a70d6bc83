/** The verbs of `fleet` about cells. */
import type { CellAnswer } from "../operators/cells.ts";
import { unwrap } from "./client.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type JsonOption } from "./io.ts";
import { renderTable, type Column } from "./table.ts";

const columns: Column<CellAnswer>[] = [
  { title: "CELL", value: (cell) => cell.name },
  { title: "STATE", value: describeState },
  { title: "STATUS", value: (cell) => cell.status },
  { title: "ACCOUNT", value: (cell) => cell.account },
  { title: "ZONE", value: (cell) => cell.zone },
  { title: "NETWORK", value: (cell) => `${cell.networkZone} ${cell.reach}` },
  { title: "MEMBERS", value: (cell) => `${cell.members}/${cell.capacity}`, align: "right" },
  { title: "RECORDS", value: (cell) => `${cell.records}/${cell.recordQuota}`, align: "right" },
  { title: "ROOM", value: (cell) => String(cell.room), align: "right" },
  { title: "WORKERS", value: (cell) => cell.workers.join(", ") || "none" },
  { title: "DETAIL", value: (cell) => cell.detail ?? "" },
];

function describeState({ state, drainedBy }: CellAnswer): string {
  return state === "drained" && drainedBy !== null ? `drained by ${drainedBy}` : state;
}

export async function cellsCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { cells, waiting } = await unwrap(io.client.cells.$get());
  if (options.json) {
    printJson(io, { cells, waiting });
    return exitCodes.ok;
  }
  io.print(cells.length === 0 ? "no cells" : renderTable(columns, cells));
  if (waiting > 0) io.note(`${waiting} paid for and waiting for room: add a cell`);
  return exitCodes.ok;
}

export async function drainCommand(
  io: CommandIo,
  cell: string,
  drained: boolean,
  options: JsonOption,
): Promise<ExitCode> {
  const request = io.client.cells[":cell"].drained;
  const param = { cell };
  if (drained) await unwrap(request.$put({ param }));
  else await unwrap(request.$delete({ param }));
  if (options.json) printJson(io, { cell, drained });
  io.note(
    drained
      ? `${cell} takes no new instances; those that it has stay as they are`
      : `${cell} takes new instances again`,
  );
  return exitCodes.ok;
}
