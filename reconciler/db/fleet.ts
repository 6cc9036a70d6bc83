/** What operators read of the fleet: one statement a function, newest facts first. */
import type { Sql } from "postgres";
import type { Rung, Verdict } from "../health/decide.ts";
import type { Vitals, Warning } from "../health/vitals.ts";
import type { InstanceStatus } from "../web/order-view.ts";
import { countMonth, messageLimit } from "./message-counts.ts";

export type FleetRow = {
  id: string;
  slug: string;
  plan: string;
  provider: string;
  phase: string;
  status: InstanceStatus;
  statusDetail: string | null;
  /** null while no cell has room. */
  cell: string | null;
  serverType: string;
  location: string;
  generation: number;
  observedGeneration: number;
  email: string | null;
  url: string | null;
  createdAt: string;
  readyAt: string | null;
  /** null while nobody has read it. */
  health: FleetHealth | null;
};

export type FleetHealth = {
  verdict: Verdict;
  since: string | null;
  probedAt: string;
  /** Of the last bad reading. */
  detail: string | null;
  warnings: Warning[];
  /** Last step of healing that was taken, since it was well for long. */
  step: Rung | null;
  needsPerson: boolean;
  vitals: Vitals | null;
  /** Answered in the month of the last reading, and how many the plan holds; null: as many as they like. */
  messages: { count: number; limit: number | null };
};

export type FleetFilter = {
  /** Only this status; absent = all but `gone`. */
  status?: string | undefined;
  /** Part of the slug, the e-mail address or the id. */
  search?: string | undefined;
  /** Slug after which the page begins. */
  after?: string | undefined;
  limit: number;
};

const columns = (sql: Sql) => sql`
  i.id, i.slug, i.plan, i.provider, i.phase, i.status, i.status_detail as "statusDetail", i.cell,
  i.server_type as "serverType", i.location, i.generation::int as generation,
  i.observed_generation::int as "observedGeneration", i.email, i.outputs ->> 'url' as url,
  to_char(i.created_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "createdAt",
  to_char(i.ready_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as "readyAt",
  case when h.probed_at is not null then jsonb_build_object(
    'verdict', h.verdict, 'detail', h.detail, 'warnings', h.warnings, 'step', h.rung, 'needsPerson', h.exhausted,
    'vitals', h.vitals, 'messages', jsonb_build_object(
      'count', ${countMonth(sql, sql`date_trunc('month', h.probed_at at time zone 'utc')`)}, 'limit', ${messageLimit(sql)}),
    'since', to_char(h.verdict_since at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
    'probedAt', to_char(h.probed_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  ) end as health`;

const source = (sql: Sql) => sql`clawfleet.instances i left join clawfleet.health h on h.instance_id = i.id`;

export async function listFleet(sql: Sql, filter: FleetFilter): Promise<FleetRow[]> {
  const pattern = filter.search === undefined ? null : `%${filter.search.replaceAll(/[\\%_]/g, "\\$&")}%`;
  return await sql<FleetRow[]>`
    select ${columns(sql)}
    from ${source(sql)}
    where ${filter.status === undefined ? sql`i.status <> 'gone'` : sql`i.status = ${filter.status}`}
      and (${pattern}::text is null or i.slug like ${pattern} or i.email like ${pattern} or i.id like ${pattern})
      and (${filter.after ?? null}::text is null or i.slug > ${filter.after ?? null})
    order by i.slug
    limit ${filter.limit}`;
}

/** The living instance of this name, else the one that went last. */
export async function findFleetInstance(sql: Sql, slug: string): Promise<FleetRow | undefined> {
  const [row] = await sql<FleetRow[]>`
    select ${columns(sql)}
    from ${source(sql)}
    where i.slug = ${slug}
    order by (i.status <> 'gone') desc, i.created_at desc
    limit 1`;
  return row;
}

export async function findFleetInstanceById(sql: Sql, id: string): Promise<FleetRow | undefined> {
  const [row] = await sql<FleetRow[]>`select ${columns(sql)} from ${source(sql)} where i.id = ${id}`;
  return row;
}

export type FleetCounts = { status: string; phase: string; count: number };

export async function countFleet(sql: Sql): Promise<FleetCounts[]> {
  return await sql<FleetCounts[]>`
    select status, phase, count(*)::int as count from clawfleet.instances group by status, phase`;
}
