/** Rows of `clawfleet.cells`: a network in an account, and how full it is. */
import type { CellSettings } from "../../infra/config.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type CellRow = {
  name: string;
  account: string;
  settings: CellSettings;
  generation: number;
  observedGeneration: number;
  /** Its network exists: `outputs` have been recorded. */
  ready: boolean;
  /** Null until the cell is up. */
  zoneId: string | null;
  /** Living instances placed here. */
  used: number;
};

export async function listCells(sql: Query): Promise<CellRow[]> {
  return await sql<CellRow[]>`
    select c.name, c.account, c.settings, c.generation, c.observed_generation as "observedGeneration",
      c.outputs is not null as ready, c.outputs ->> 'zoneId' as "zoneId",
      (select count(*)::int from clawfleet.instances i where i.cell = c.name and i.status <> 'gone') as used
    from clawfleet.cells c
    order by c.name`;
}

/** Private addresses in use, those of instances whose deletion is not finished included. */
export async function listAddresses(sql: Query, cell: string): Promise<string[]> {
  const rows = await sql<{ address: string }[]>`
    select host(private_ip) as address from clawfleet.instances where cell = ${cell} and private_ip is not null`;
  return rows.map((row) => row.address);
}

export type CellInput = { name: string; account: string; settings: CellSettings; secrets: Uint8Array };

/** A new row, or new settings with a new generation; an existing row keeps its secrets. Returns what happened. */
export async function upsertCell(sql: Query, cell: CellInput): Promise<"created" | "changed" | "same"> {
  const [row] = await sql<{ created: boolean }[]>`
    insert into clawfleet.cells as c (name, account, settings, secrets)
    values (${cell.name}, ${cell.account}, ${sql.json(toJson(cell.settings))}, ${cell.secrets})
    on conflict (name) do update set
      account = excluded.account, settings = excluded.settings, generation = c.generation + 1
    where c.account <> excluded.account or c.settings <> excluded.settings
    returning (xmax = 0) as created`;
  if (!row) return "same";
  return row.created ? "created" : "changed";
}

/** A cell whose file is gone takes no new instances; those that it has stay as they are. Returns the names closed now. */
export async function closeCellsExcept(sql: Query, names: readonly string[]): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    update clawfleet.cells set settings = jsonb_set(settings, '{open}', 'false')
    where name <> all(${[...names]}::text[]) and settings -> 'open' <> 'false'
    returning name`;
  return rows.map((row) => row.name);
}
