/** Rows of `clawfleet.cells`: a network in an account, and how full it is. */
import { cellSettingsSchema, type CellSettings } from "../../infra/config.ts";
import type { WaitingInstance } from "./blocks.ts";
import type { CellStatus } from "./cell-status.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type CellRow = {
  name: string;
  account: string;
  settings: CellSettings;
  generation: number;
  observedGeneration: number;
  status: CellStatus;
  /** What it waits for, or why it is parked, with what a person does about it. */
  statusDetail: string | null;
  /** Its network exists: `outputs` have been recorded. */
  ready: boolean;
  /** Null until the cell is up. */
  zoneId: string | null;
  /** Ids of the zones in which its customers may have domains of their own; none until the cell is up. */
  customZoneIds: string[];
  /** Living instances placed here, those whose deletion is not finished included. */
  used: number;
  drainedAt: Date | null;
  drainedBy: string | null;
  /** Its file in `stacks/` is gone. */
  fileGoneAt: Date | null;
};

/** Only the living have an address, and by it they are counted from an index instead of reading the fleet for each cell. */
export async function listCells(sql: Query): Promise<CellRow[]> {
  const rows = await sql<(Omit<CellRow, "settings"> & { settings: unknown })[]>`
    select c.name, c.account, c.settings, c.generation, c.observed_generation as "observedGeneration",
      c.status, c.status_detail as "statusDetail",
      c.outputs is not null as ready, c.outputs ->> 'zoneId' as "zoneId",
      array(select zone.value from jsonb_each_text(coalesce(c.outputs -> 'customZones', '{}')) zone) as "customZoneIds", c.drained_at as "drainedAt", c.drained_by as "drainedBy",
      c.file_gone_at as "fileGoneAt",
      (select count(*)::int from clawfleet.instances i where i.cell = c.name and i.private_ip is not null) as used
    from clawfleet.cells c
    order by c.name`;
  // Keys that came later have their defaults until the cell's file is read again.
  return rows.map((row) => ({ ...row, settings: cellSettingsSchema.parse(row.settings) }));
}

/** As the row has them, which nobody changes until the transaction ends. */
export async function lockCellSettings(sql: Query, cell: string): Promise<CellSettings | undefined> {
  const [row] = await sql<{ settings: unknown }[]>`
    select settings from clawfleet.cells where name = ${cell} for no key update`;
  return row && cellSettingsSchema.parse(row.settings);
}

/**
 * A new generation for whoever has a machine in these cells, or gets one; locked in the one order of all who lock several. Returns
 * those that may converge: who waits has a time of its own.
 */
export async function renewMembers(sql: Query, cells: readonly string[]): Promise<WaitingInstance[]> {
  return await sql<WaitingInstance[]>`
    with members as (
      select id from clawfleet.instances
      where cell = any(${[...cells]}::text[]) and status <> 'gone' and phase in ('running', 'suspended')
      order by id
      for update
    ), renewed as (
      update clawfleet.instances i set generation = i.generation + 1
      from members where i.id = members.id
      returning i.id, i.slug, i.cell, i.retry_reason as "retryReason", i.status
    )
    select id, slug, cell, "retryReason" from renewed where status <> 'waiting'`;
}

/** Private addresses in use, those of instances whose deletion is not finished and of carriers included. */
export async function listAddresses(sql: Query, cell: string): Promise<string[]> {
  const rows = await sql<{ address: string }[]>`
    select host(private_ip) as address from clawfleet.instances where cell = ${cell} and private_ip is not null
    union all
    select host(carrier_ip) from clawfleet.instances where cell = ${cell} and carrier_ip is not null`;
  return rows.map((row) => row.address);
}

export type CellInput = { name: string; account: string; settings: CellSettings; secrets: Uint8Array };

/**
 * A new row, or new settings with a new generation, which are tried at once whatever became of the old ones; an existing row
 * keeps its secrets. Returns what happened.
 */
export async function upsertCell(sql: Query, cell: CellInput): Promise<"created" | "changed" | "same"> {
  if (await insertCell(sql, cell)) return "created";
  await sql`update clawfleet.cells set file_gone_at = null where name = ${cell.name} and file_gone_at is not null`;
  const rows = await sql`
    update clawfleet.cells set
      account = ${cell.account}, settings = ${sql.json(toJson(cell.settings))}, generation = generation + 1,
      status = 'pending', status_detail = null, failures = 0, retry_at = null, retry_reason = null,
      blocked_by = null, blocked_scope = null, blocked_at = null
    where name = ${cell.name}
      and (account <> ${cell.account} or settings <> ${sql.json(toJson(cell.settings))}::jsonb)
    returning name`;
  return rows.length === 1 ? "changed" : "same";
}

/** False when there is one of this name. */
export async function insertCell(sql: Query, cell: CellInput): Promise<boolean> {
  const rows = await sql`
    insert into clawfleet.cells (name, account, settings, secrets)
    values (${cell.name}, ${cell.account}, ${sql.json(toJson(cell.settings))}, ${cell.secrets})
    on conflict (name) do nothing
    returning name`;
  return rows.length === 1;
}

/** A cell whose file is gone takes no new instances; those that it has stay as they are. Returns the names closed now. */
export async function closeCellsExcept(sql: Query, names: readonly string[]): Promise<string[]> {
  const rows = await sql<{ name: string }[]>`
    update clawfleet.cells set file_gone_at = now()
    where name <> all(${[...names]}::text[]) and file_gone_at is null
    returning name`;
  return rows.map((row) => row.name);
}

/** A drained cell takes no new instances. False when there is no such cell. */
export async function setDrained(
  sql: Query,
  cell: string,
  drained: { by: string; at: Date } | null,
): Promise<boolean> {
  const rows = await sql`
    update clawfleet.cells set
      drained_at = ${drained === null ? null : drained.at}, drained_by = ${drained === null ? null : drained.by}
    where name = ${cell}
    returning name`;
  return rows.length === 1;
}
