/** The queue as operators see it: what runs, what is next, who waits for what. One statement a function; only read. */
import type { Blocker } from "../errors.ts";
import type { Query } from "./database.ts";

export type QueuedConverge = {
  stack: string;
  kind: string;
  reason: string;
  actor: string;
  cell: string;
  /** Null: it runs. Else the earliest start. */
  due: Date | null;
  since: Date;
};

/** What runs, then what waits in the order in which it is taken. */
export async function listConverges(sql: Query, limit: number): Promise<QueuedConverge[]> {
  return await sql<QueuedConverge[]>`
    select data ->> 'stack' as stack, data ->> 'kind' as kind, data ->> 'reason' as reason, data ->> 'actor' as actor,
      coalesce(group_tier, '') as cell, case when state < 'active' then start_after end as due,
      coalesce(started_on, created_on) as since
    from pgboss.job where name = 'converge' and state <= 'active'
    order by state = 'active' desc, start_after > now(), priority desc, created_on, id
    limit ${limit}`;
}

/**
 * `stack` (a slug or `cell.<name>`) has no job that waits or runs; of an instance that waits for its cell, the cell has none either.
 * Previews for a plan are part of that plan's work and nobody's order.
 */
export async function isIdle(sql: Query, stack: string): Promise<boolean> {
  // Apart and in pg-boss' own words, so that each is read from an index of its: ended jobs are kept for a day.
  const [row] = await sql<{ idle: boolean }[]>`
    with own as (
      select ${stack} as id
      union all select id from clawfleet.instances where slug = ${stack} and status <> 'gone'
      union all select 'cell.' || blocked_scope from clawfleet.instances
        where slug = ${stack} and status <> 'gone' and blocked_by = 'cell'
    ), open as (
      select group_id, data from pgboss.job where name = 'converge' and state = 'active' and group_id is not null
      union all
      select group_id, data from pgboss.job where name = 'converge' and state < 'active' and not blocked
    )
    select not exists (
      select 1 from open where group_id in (select id from own) and data ->> 'planId' is null
    ) as idle`;
  return row?.idle ?? false;
}

/** Waiting and due converges by what they are for. */
export async function countReasons(sql: Query): Promise<{ reason: string; count: number; oldest: Date }[]> {
  return await sql<{ reason: string; count: number; oldest: Date }[]>`
    select data ->> 'reason' as reason, count(*)::int as count, min(start_after) as oldest
    from pgboss.job where name = 'converge' and state < 'active' and start_after <= now()
    group by 1 order by max(priority) desc`;
}

export type BlockSeen = {
  blockedBy: Blocker;
  scope: string;
  since: Date;
  probeAt: Date;
  waiting: number;
};

/** What keeps work waiting, and how many wait for it; cells count as their own. */
export async function listBlocksSeen(sql: Query): Promise<BlockSeen[]> {
  return await sql<BlockSeen[]>`
    with waiting as (
      select blocked_by, blocked_scope, count(*)::int as count from (
        select blocked_by, blocked_scope from clawfleet.instances where blocked_by is not null
        union all select blocked_by, blocked_scope from clawfleet.cells where blocked_by is not null
      ) as all_rows group by 1, 2
    )
    select b.blocked_by as "blockedBy", b.scope, b.since, b.probe_at as "probeAt", coalesce(w.count, 0) as waiting
    from clawfleet.blocks b left join waiting w on w.blocked_by = b.blocked_by and w.blocked_scope = b.scope
    where b.healed_at is null order by b.since`;
}
