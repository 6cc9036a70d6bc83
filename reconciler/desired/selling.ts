/** Under which domain a new customer would get a name now. */
import type { Sql } from "postgres";
import { listCells } from "../db/cells.ts";
import { countUnplaced } from "../db/instances.ts";
import { countRoom, takesNew } from "./rooms.ts";

/** undefined while no cell has room, and while somebody who has paid still waits for it: nobody pays for what is not there. */
export async function findSellingZone(sql: Sql): Promise<string | undefined> {
  if ((await countUnplaced(sql)) > 0) return undefined;
  const cells = await listCells(sql);
  return cells.find((cell) => takesNew(cell) && countRoom(cells, cell) > 0)?.settings.zone;
}

/** Of whatever cell there is: for showing an address before it is certain. */
export async function findAnyZone(sql: Sql): Promise<string | undefined> {
  return (await listCells(sql))[0]?.settings.zone;
}
