/** Which converges a worker may take, and how it takes one of those. */
import type { Query } from "../db/database.ts";
import type { QueueName } from "./jobs.ts";

/**
 * `all`: one process for everything. `public`: whatever is reached over public addresses. `cells`: a worker inside the
 * networks of these. What concerns a cell's own stack needs no way in, so that `public` takes it for every cell.
 */
export type Binding = { kind: "all" } | { kind: "public" } | { kind: "cells"; cells: readonly string[] };

/** What one worker may take: jobs within its reach, of cells whose account it has the tokens of. */
export type Remit = { binding: Binding; accounts: readonly string[] };

export type ClaimedJob = {
  id: string;
  data: unknown;
  priority: number;
  retryCount: number;
  startAfter: Date;
};

/**
 * As pg-boss' own fetch with a group concurrency of 1, for a worker that may not take everything: pg-boss 12.34 knows no
 * filter by tier, and a queue for each cell would have no order of urgency between cells.
 */
export async function claimBound(
  sql: Query,
  queue: QueueName,
  { binding, accounts }: Remit,
): Promise<ClaimedJob | undefined> {
  const [job] = await sql<ClaimedJob[]>`
    update pgboss.job j set
      state = 'active', started_on = pgboss.job_now(), heartbeat_on = pgboss.job_now(),
      retry_count = case when started_on is not null then retry_count + 1 else retry_count end
    where j.name = ${queue} and j.id = (
      select w.id from pgboss.job w
      where w.name = ${queue} and w.state < 'active' and not w.blocked and w.start_after <= pgboss.job_now()
        and not exists (
          select 1 from pgboss.job a where a.name = ${queue} and a.state = 'active' and a.group_id = w.group_id
        )
        and ${isOurs(sql, binding)}
        and not exists (
          select 1 from clawfleet.cells c where c.name = w.group_tier and c.account <> all(${[...accounts]}::text[])
        )
      order by w.priority desc, w.created_on
      limit 1
      for update of w skip locked
    )
    returning j.id, j.data, j.priority, j.retry_count as "retryCount", j.start_after as "startAfter"`;
  return job;
}

function isOurs(sql: Query, binding: Binding) {
  if (binding.kind === "all") return sql`true`;
  if (binding.kind === "cells") return sql`w.group_tier = any(${[...binding.cells]}::text[])`;
  return sql`(w.data ->> 'instanceId' is null or w.group_tier in (
    select c.name from clawfleet.cells c where c.settings ->> 'reach' = 'public'
  ))`;
}
