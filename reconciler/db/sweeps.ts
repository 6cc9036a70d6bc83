/** Rows of `clawfleet.sweeps`: every full reading of billing and how it ended. */
import type { Query } from "./database.ts";

export async function beginSweep(sql: Query, startedAt: Date): Promise<number> {
  const [row] = await sql<{ id: number }[]>`
    insert into clawfleet.sweeps (started_at) values (${startedAt}) returning id`;
  return row?.id ?? 0;
}

export type SweepEnd = {
  id: number;
  endedAt: Date;
  outcome: "complete" | "failed";
  readings: number;
  detail: string | null;
};

export async function endSweep(sql: Query, end: SweepEnd): Promise<void> {
  await sql`
    update clawfleet.sweeps set
      ended_at = ${end.endedAt}, outcome = ${end.outcome}, readings = ${end.readings}, detail = ${end.detail}
    where id = ${end.id}`;
}
