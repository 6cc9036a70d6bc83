/** Rows of `clawfleet.workers`: the processes that run converges, for as long as they give signs of life. */
import type { Binding, Remit } from "../queue/binding.ts";
import type { Query } from "./database.ts";

export type WorkerRow = {
  name: string;
  binding: Binding["kind"];
  cells: string[];
  /** Whose tokens it has; null: of a version that did not say. */
  accounts: string[] | null;
  slots: number;
  draining: boolean;
};

/** A worker that has not been seen for this long is taken for dead. */
export const workerSilenceMs = 20_000;

export async function reportWorker(
  sql: Query,
  worker: Remit & { name: string; slots: number; draining: boolean },
): Promise<void> {
  const { name, binding, accounts, slots, draining } = worker;
  const cells = binding.kind === "cells" ? [...binding.cells] : [];
  await sql`
    insert into clawfleet.workers (name, binding, cells, accounts, slots, draining)
    values (${name}, ${binding.kind}, ${cells}::text[], ${[...accounts]}::text[], ${slots}, ${draining})
    on conflict (name) do update set
      binding = excluded.binding, cells = excluded.cells, accounts = excluded.accounts, slots = excluded.slots,
      draining = excluded.draining, seen_at = now()`;
  await sql`delete from clawfleet.workers where seen_at < now() - interval '1 hour'`;
}

export async function forgetWorker(sql: Query, name: string): Promise<void> {
  await sql`delete from clawfleet.workers where name = ${name}`;
}

export async function listWorkers(sql: Query): Promise<WorkerRow[]> {
  return await sql<WorkerRow[]>`
    select name, binding, cells, accounts, slots, draining from clawfleet.workers
    where seen_at > now() - ${workerSilenceMs} * interval '1 ms' order by name`;
}

/** Converges that are due for `dueMs` and that no living worker may take, by cell. */
export async function listUnserved(sql: Query, dueMs: number): Promise<{ cell: string; jobs: number }[]> {
  return await sql<{ cell: string; jobs: number }[]>`
    select j.group_tier as cell, count(*)::int as jobs
    from pgboss.job j
    where j.name = 'converge' and j.state < 'active' and j.group_tier is not null
      and j.start_after <= now() - ${dueMs} * interval '1 ms'
      and not exists (
        select 1 from clawfleet.workers w
        where w.seen_at > now() - ${workerSilenceMs} * interval '1 ms' and not w.draining
        and (w.accounts is null or not exists (
          select 1 from clawfleet.cells c where c.name = j.group_tier and c.account <> all(w.accounts)
        ))
        and (
          w.binding = 'all'
          or j.group_tier = any(w.cells)
          or (w.binding = 'public' and (
            j.data ->> 'instanceId' is null
            or j.group_tier in (select c.name from clawfleet.cells c where c.settings ->> 'reach' = 'public')
          ))
        )
      )
    group by j.group_tier order by j.group_tier`;
}

/** Cells that a worker should serve and may not, for want of their account's tokens. */
export async function listWithoutTokens(
  sql: Query,
  { binding, accounts }: Remit,
): Promise<{ cell: string; account: string }[]> {
  const cells = binding.kind === "cells" ? [...binding.cells] : null;
  return await sql<{ cell: string; account: string }[]>`
    select name as cell, account from clawfleet.cells
    where account <> all(${[...accounts]}::text[]) and (${cells}::text[] is null or name = any(${cells}::text[]))
    order by name`;
}
