/** The row of `clawfleet.halt`: while it is there nothing is taken away from anybody. One statement a function. */
import type { Query } from "./database.ts";

export type Halt = { by: string; reason: string | null; since: Date };

export async function findHalt(sql: Query): Promise<Halt | undefined> {
  const [row] = await sql<Halt[]>`select by_whom as by, reason, since from clawfleet.halt`;
  return row;
}

/** The first one stands. */
export async function beginHalt(sql: Query, halt: Halt): Promise<void> {
  await sql`
    insert into clawfleet.halt (by_whom, reason, since) values (${halt.by}, ${halt.reason}, ${halt.since})
    on conflict do nothing`;
}

export async function endHalt(sql: Query): Promise<boolean> {
  return (await sql`delete from clawfleet.halt returning by_whom`).length === 1;
}
