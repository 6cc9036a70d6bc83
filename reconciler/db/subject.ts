/** Instances and cells converge alike: their tables have the same columns for how it stands with them. */
import type { Query } from "./database.ts";

/** Whose row it is. `id` of a cell: its name. */
export type Subject = { kind: "instance" | "cell"; id: string };

export const tableOf = (sql: Query, { kind }: Subject) =>
  kind === "cell" ? sql`clawfleet.cells` : sql`clawfleet.instances`;

/** What is gone stays as it is. */
export const isLiving = (sql: Query, { kind, id }: Subject) =>
  kind === "cell" ? sql`name = ${id}` : sql`id = ${id} and status <> 'gone'`;

/** Nothing is waited for any more, unless the row has moved on from the generation that was brought about. */
export const arrivedAt = (sql: Query, generation: number) => sql`
  status = case when generation = ${generation} then 'ready' else 'pending' end, observed_generation = ${generation},
  status_detail = null, failures = 0, retry_at = null, retry_reason = null,
  blocked_by = null, blocked_scope = null, blocked_at = null`;
