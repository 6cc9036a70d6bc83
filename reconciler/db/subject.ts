/** Instances and cells converge alike: their tables have the same columns for how it stands with them. */
import type { Query } from "./database.ts";

/** Whose row it is. `id` of a cell: its name. */
export type Subject = { kind: "instance" | "cell"; id: string };

export const tableOf = (sql: Query, { kind }: Subject) =>
  kind === "cell" ? sql`clawfleet.cells` : sql`clawfleet.instances`;

/** What is gone stays as it is. */
export const isLiving = (sql: Query, { kind, id }: Subject) =>
  kind === "cell" ? sql`name = ${id}` : sql`id = ${id} and status <> 'gone'`;
