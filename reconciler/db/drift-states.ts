/** Rows of `clawfleet.drift_states`: what was taken out of the stacks' states, until they are written again. */
import type { ExpectedObject } from "../drift/objects.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type DriftState = { stack: string; version: string; objects: ExpectedObject[] };

export async function listDriftStates(sql: Query): Promise<DriftState[]> {
  return await sql<DriftState[]>`select stack, version, objects from clawfleet.drift_states`;
}

export async function keepDriftStates(sql: Query, states: readonly DriftState[]): Promise<void> {
  await sql`
    insert into clawfleet.drift_states (stack, version, objects)
    select stack, version, objects
    from jsonb_to_recordset(${sql.json(toJson(states))}) as s(stack text, version text, objects jsonb)
    on conflict (stack) do update set version = excluded.version, objects = excluded.objects`;
}

export async function dropDriftStates(sql: Query, stacks: readonly string[]): Promise<void> {
  await sql`delete from clawfleet.drift_states where stack = any(${[...stacks]}::text[])`;
}
