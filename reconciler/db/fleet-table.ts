/** The fleet as a table that is filtered, sorted and paged: each page is one statement, whatever the page and the size of the fleet. */
import type { Sql } from "postgres";
import type { Phase } from "../../infra/config.ts";
import type { Verdict } from "../health/decide.ts";
import type { InstanceStatus } from "../web/order-view.ts";
import { matchesSearch } from "./fleet-search.ts";

export const fleetSorts = ["status", "name", "plan", "cell", "created"] as const;
export type FleetSort = (typeof fleetSorts)[number];

export type FleetTableFilter = {
  /** Absent: all but `gone`. */
  status?: InstanceStatus | undefined;
  phase?: Phase | undefined;
  plan?: string | undefined;
  cell?: string | undefined;
  health?: Verdict | undefined;
  /** For `matchesSearch`. */
  search?: string | undefined;
};

/** The row beside the page: its value of the sort, and its id. */
export type FleetCursor = { value: string; id: string };

export type FleetTableInput = FleetTableFilter & {
  sort: FleetSort;
  descending: boolean;
  after?: FleetCursor | undefined;
  before?: FleetCursor | undefined;
  limit: number;
};

export type FleetTableRow = {
  id: string;
  slug: string;
  email: string | null;
  status: InstanceStatus;
  statusDetail: string | null;
  phase: string;
  plan: string;
  cell: string | null;
  serverType: string;
  location: string;
  createdAt: string;
  health: Verdict | null;
  held: boolean;
  paused: boolean;
  /** What it is sorted by, for the cursor. */
  value: string;
};

export type FleetTablePage = {
  rows: FleetTableRow[];
  previous: FleetCursor | undefined;
  next: FleetCursor | undefined;
};

/** Worst first: what an operator looks for stands on top. */
const severity = (sql: Sql) => sql`case i.status
  when 'parked' then '1' when 'waiting' then '2' when 'converging' then '3' when 'pending' then '4' when 'ready' then '5'
  else '6' end`;

/** Texts all of them, so that one cursor fits each. */
const values: Record<FleetSort, (sql: Sql) => ReturnType<typeof severity>> = {
  status: severity,
  name: (sql) => sql`i.slug`,
  plan: (sql) => sql`i.plan`,
  cell: (sql) => sql`coalesce(i.cell, '')`,
  created: (sql) => sql`to_char(i.created_at at time zone 'utc', 'YYYYMMDDHH24MISSUS')`,
};

const source = (sql: Sql) => sql`clawfleet.instances i left join clawfleet.health h on h.instance_id = i.id`;

function matches(sql: Sql, filter: FleetTableFilter) {
  return sql`
    (${filter.phase ?? null}::text is null or i.phase = ${filter.phase ?? null})
    and (${filter.plan ?? null}::text is null or i.plan = ${filter.plan ?? null})
    and (${filter.cell ?? null}::text is null or i.cell = ${filter.cell ?? null})
    and (${filter.health ?? null}::text is null or h.verdict = ${filter.health ?? null})
    and ${matchesSearch(sql, filter.search)}`;
}

export async function readFleetTable(sql: Sql, input: FleetTableInput): Promise<FleetTablePage> {
  const { sort, after, before, limit } = input;
  const backwards = after === undefined && before !== undefined;
  const cursor = after ?? before;
  const ascending = input.descending === backwards;
  const value = sql`(${values[sort](sql)}) collate "C"`;
  const order = ascending ? sql`asc` : sql`desc`;
  const found = await sql<FleetTableRow[]>`
    select i.id, i.slug, i.email, i.status, i.status_detail as "statusDetail", i.phase, i.plan, i.cell,
      i.server_type as "serverType", i.location, h.verdict as health,
      to_char(i.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "createdAt",
      coalesce((i.override ->> 'hold')::boolean, false) as held,
      exists (select 1 from clawfleet.pauses p where p.scope in ('*', i.slug)) as paused,
      ${value} as value
    from ${source(sql)}
    where ${input.status === undefined ? sql`i.status <> 'gone'` : sql`i.status = ${input.status}`}
      and ${matches(sql, input)}
      and ${cursor === undefined ? sql`true` : sql`(${value}, i.id collate "C") ${ascending ? sql`>` : sql`<`} (${cursor.value}, ${cursor.id})`}
    order by ${value} ${order}, i.id collate "C" ${order}
    limit ${limit + 1}`;
  const more = found.length > limit;
  const rows = more ? found.slice(0, limit) : [...found];
  if (backwards) rows.reverse();
  const first = rows[0];
  const last = rows.at(-1);
  const hasPrevious = backwards ? more : cursor !== undefined;
  const hasNext = backwards || more;
  return {
    rows,
    previous: hasPrevious && first ? toCursor(first) : undefined,
    next: hasNext && last ? toCursor(last) : undefined,
  };
}

const toCursor = ({ value, id }: FleetTableRow): FleetCursor => ({ value, id });

/** How many rows each status has under the rest of the filter. */
export async function countFleetTable(sql: Sql, filter: FleetTableFilter): Promise<Map<string, number>> {
  const rows = await sql<{ status: string; count: number }[]>`
    select i.status, count(*)::int as count from ${source(sql)} where ${matches(sql, filter)} group by i.status`;
  return new Map(rows.map(({ status, count }) => [status, count]));
}

/** What there is to choose from. */
export async function listFleetChoices(sql: Sql): Promise<{ plans: string[]; cells: string[] }> {
  const [row] = await sql<{ plans: string[] | null; cells: string[] | null }[]>`
    select
      (select array_agg(distinct plan order by plan) from clawfleet.instances where status <> 'gone') as plans,
      (select array_agg(name order by name) from clawfleet.cells) as cells`;
  return { plans: row?.plans ?? [], cells: row?.cells ?? [] };
}
