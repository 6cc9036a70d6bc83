/** What every collection does the same way: find by id, unique names, update of name and labels. */
import { ApiError, notFound, notUnique } from "./errors.ts";
import type { Labels } from "./label-selector.ts";
import type { Row } from "./model.ts";
import type { Table } from "./table.ts";
import type { Call } from "./world.ts";

/** The object of `:id`; 404 when it is absent, of another project, or no number. */
export function requireRow<T extends Row>(call: Call, table: Table<T>, thing: string): T {
  const text = call.params["id"] ?? "";
  return requireById(table, /^\d+$/.test(text) ? Number(text) : text, thing);
}

export function requireById<T extends Row>(table: Table<T>, id: number | string, thing: string): T {
  const row = typeof id === "number" ? table.get(id) : undefined;
  if (row === undefined) throw notFound(thing, id);
  return row;
}

/** 409 with the field, when another object of the project has the name. */
export function requireFreeName<T extends Row>(table: Table<T>, name: string, thing: string, self?: T): void {
  const owner = table.byName(name);
  if (owner === undefined || owner === self) return;
  throw notUnique(`${thing} name is already used`, "name");
}

export function requireUnprotected(isProtected: boolean, thing: string): void {
  if (isProtected) throw new ApiError("protected", `${thing} deletion is protected`);
}

export type NameAndLabels = { name?: string | undefined; labels?: Labels | undefined };

export function updateNameAndLabels<T extends Row>(
  table: Table<T>,
  row: T,
  change: NameAndLabels,
  thing: string,
): void {
  if (change.name !== undefined && change.name !== row.name) {
    requireFreeName(table, change.name, thing, row);
    table.rename(row, change.name);
  }
  if (change.labels !== undefined) table.relabel(row, change.labels);
}
