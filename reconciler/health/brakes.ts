/** The brakes of the fleet and of every cell, kept in rows: whoever wants to help somebody brings them up to date first. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import {
  cellScope,
  countSuspected,
  engageBrake,
  fleetScope,
  listBrakes,
  releaseBrakesExcept,
} from "../db/health.ts";
import { decideBrake } from "./brake.ts";

export type BrakeDeps = { sql: Sql; log: Logger; clock: { now(): Date } };

export type Brakes = {
  holds(cell: string): boolean;
  /** Somebody of this cell was reached: who is not is alone in that. */
  reaches(cell: string): boolean;
};

/** Two at once would only decide the same twice. */
export async function updateBrakes({ sql, log, clock }: BrakeDeps): Promise<Brakes> {
  return await sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(hashtext('clawfleet.health_brakes'))`;
    const before = new Set((await listBrakes(tx)).map(({ scope }) => scope));
    const counted = await countSuspected(tx);
    const now = counted.filter((counts) => decideBrake(before.has(counts.scope), counts));
    for (const counts of now) {
      await engageBrake(tx, counts, clock.now());
      if (!before.has(counts.scope))
        log.warn(counts, "many are ill at once: nobody is helped until fewer are");
    }
    const released = await releaseBrakesExcept(
      tx,
      now.map(({ scope }) => scope),
    );
    if (released.length > 0) log.info({ released }, "fewer are ill: they are helped again");
    const engaged = new Set(now.map(({ scope }) => scope));
    const reached = new Set(counted.filter(({ answering }) => answering > 0).map(({ scope }) => scope));
    return {
      holds: (cell) => engaged.has(fleetScope) || engaged.has(cellScope(cell)),
      reaches: (cell) => reached.has(cellScope(cell)),
    };
  });
}
