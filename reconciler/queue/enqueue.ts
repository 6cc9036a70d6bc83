/** Puts jobs into pg-boss inside the caller's transaction; a waiting job of the same key takes the higher urgency. */
import type { Db, PgBoss } from "pg-boss";
import type { ParameterOrJSON } from "postgres";
import type { Query } from "../db/database.ts";
import { toJson } from "../db/json.ts";
import { ClawfleetError } from "../errors.ts";
import { withTrace } from "./spans.ts";
import { demanding, type QueuedJob, type QueueName } from "./jobs.ts";

/** Notified with the queue's name when a job can start at once. */
export const wakeChannel = "clawfleet_queue";

/** pg-boss' statements on our connection: what they do commits or vanishes with the rest of the transaction. */
export function toBossDb(sql: Query): Db {
  return {
    async executeSql(text, values = []) {
      return { rows: await sql.unsafe(text, values.map(toParameter)) };
    },
  };
}

function toParameter(value: unknown): ParameterOrJSON<never> {
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  if (value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(String);
  throw new ClawfleetError({
    code: "internal",
    message: `pg-boss passed a parameter of type ${typeof value}, which no statement of version 12.34 has`,
    retry: { kind: "permanent" },
  });
}

export type EnqueueOptions = {
  /** Earliest start; absent: at once. */
  startAfter?: Date | undefined;
};

const attempts = 5;

/** Returns how many jobs are new; for the others a waiting one was there and does what is asked. */
export async function enqueue(
  boss: PgBoss,
  sql: Query,
  queue: QueueName,
  jobs: readonly QueuedJob[],
  options: EnqueueOptions = {},
): Promise<number> {
  let missing = mergeByKey(withTrace(jobs));
  let inserted = 0;
  for (let attempt = 0; missing.length > 0 && attempt < attempts; attempt += 1) {
    const raised = await raiseWaiting(sql, queue, missing, options);
    missing = missing.filter((job) => !raised.has(job.key));
    if (missing.length === 0) break;
    const ids = await boss.insert(
      queue,
      missing.map((job) => ({
        data: job.data,
        priority: job.priority,
        singletonKey: job.key,
        group: job.group,
        ...(options.startAfter === undefined ? {} : { startAfter: options.startAfter }),
      })),
      { db: toBossDb(sql), returnId: true },
    );
    inserted += ids?.length ?? 0;
    // Fewer than asked: somebody else's job of that key came between, and gets raised in the next round.
    if (ids?.length === missing.length) missing = [];
  }
  if (missing.length > 0) {
    throw new ClawfleetError({
      code: "conflict",
      message: `could not queue ${missing.length} jobs in ${queue}: others of the same keys kept coming and going`,
      retry: { kind: "retryable" },
    });
  }
  if (options.startAfter === undefined) await sql`select pg_notify(${wakeChannel}, ${queue})`;
  return inserted;
}

/** The most urgent of each key, in the order of keys: two transactions then lock waiting jobs in the same order. */
function mergeByKey(jobs: readonly QueuedJob[]): QueuedJob[] {
  const byKey = new Map<string, QueuedJob>();
  for (const job of jobs) {
    const known = byKey.get(job.key);
    if (!known || known.priority < job.priority) byKey.set(job.key, job);
  }
  return [...byKey.values()].toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

/**
 * The one statement of ours on pg-boss' tables: a second send of a waiting key is refused by pg-boss, which would leave a
 * paid job at the urgency of the resync that was queued before it, or behind a retry that is minutes away.
 */
async function raiseWaiting(
  sql: Query,
  queue: QueueName,
  jobs: readonly QueuedJob[],
  options: EnqueueOptions,
): Promise<Set<string>> {
  const rows = await sql<{ key: string }[]>`
    with waiting as (
      select j.id, w.key, w.priority, w.data
      from pgboss.job j
      join jsonb_to_recordset(${sql.json(toJson(jobs))}) as w(key text, priority integer, data jsonb)
        on j.singleton_key = w.key
      where j.name = ${queue} and j.state < 'active'
      order by j.singleton_key, j.id
      for update of j
    )
    update pgboss.job j set
      data = case when w.priority > j.priority then w.data else j.data end || jsonb_strip_nulls(jsonb_build_object('also', (
        select reason from unnest(${[...demanding]}::text[]) with ordinality as demanding (reason, rank)
        where reason in (j.data ->> 'also', j.data ->> 'reason', w.data ->> 'also', w.data ->> 'reason')
        order by rank limit 1))),
      priority = greatest(j.priority, w.priority),
      start_after = least(j.start_after, ${options.startAfter ?? null}::timestamptz, case when ${options.startAfter === undefined} then now() end)
    from waiting w
    where j.name = ${queue} and j.id = w.id
    returning w.key`;
  return new Set(rows.map((row) => row.key));
}
