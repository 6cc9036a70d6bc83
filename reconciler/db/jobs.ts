/** The queue as metrics see it: rows of pg-boss, only read. */
import type { Query } from "./database.ts";

export async function countJobs(sql: Query): Promise<{ queue: string; state: string; count: number }[]> {
  return await sql<{ queue: string; state: string; count: number }[]>`
    select name as queue, case when state < 'active' then 'waiting' else 'running' end as state, count(*)::int as count
    from pgboss.job where state <= 'active' group by 1, 2`;
}

/** Of what is due; what waits for its time is late for nobody. */
export async function listOldestJobs(sql: Query): Promise<{ queue: string; seconds: number }[]> {
  return await sql<{ queue: string; seconds: number }[]>`
    select name as queue, extract(epoch from now() - min(start_after))::float8 as seconds
    from pgboss.job where state < 'active' and start_after <= now() group by 1`;
}
