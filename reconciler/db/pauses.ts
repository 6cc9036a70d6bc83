/** Rows of `clawfleet.pauses`: what operators have told the service to leave alone for now. */
import type { Query } from "./database.ts";

/** Of a pause that is about everybody. */
export const everybody = "*";

export type PauseRow = { scope: string; actor: string; since: Date };

export async function pause(sql: Query, row: PauseRow): Promise<void> {
  await sql`
    insert into clawfleet.pauses (scope, actor, since) values (${row.scope}, ${row.actor}, ${row.since})
    on conflict (scope) do nothing`;
}

/** Of an instance `i`. */
export const isPaused = (sql: Query) =>
  sql`exists (select 1 from clawfleet.pauses p where p.scope in (${everybody}, i.slug))`;

/** Of a cell: its stack belongs to everybody in it. */
export const isFleetPaused = (sql: Query) =>
  sql`exists (select 1 from clawfleet.pauses p where p.scope = ${everybody})`;

/** What keeps this one from being changed: its own name, everybody, both, or nothing. */
export async function listPausesOf(sql: Query, slug: string): Promise<string[]> {
  const rows = await sql<{ scope: string }[]>`
    select scope from clawfleet.pauses where scope in (${everybody}, ${slug})`;
  return rows.map(({ scope }) => scope);
}

/** False when nothing was paused. */
export async function unpause(sql: Query, scope: string): Promise<boolean> {
  const rows = await sql`delete from clawfleet.pauses where scope = ${scope} returning scope`;
  return rows.length === 1;
}

export async function listPauses(sql: Query): Promise<PauseRow[]> {
  return await sql<PauseRow[]>`select scope, actor, since from clawfleet.pauses order by scope`;
}

/** Those that have something to do and are no longer kept from it. */
export async function listReleased(
  sql: Query,
  scope: string,
): Promise<{ id: string; slug: string; cell: string }[]> {
  return await sql<{ id: string; slug: string; cell: string }[]>`
    select id, slug, cell from clawfleet.instances i
    where status not in ('gone', 'parked') and observed_generation < generation and cell is not null and blocked_by is null
      and (${scope} = ${everybody} or slug = ${scope}) and not ${isPaused(sql)}`;
}
