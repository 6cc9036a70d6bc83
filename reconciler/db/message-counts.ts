/** Rows of `clawfleet.message_counts` and `clawfleet.message_limits_reached`: one statement a function. Days and months are UTC's. */
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type DayCount = { instanceId: string; day: string; count: number };

/** A count never goes down: a machine that was made anew, or restored, has forgotten what it said before. */
export async function recordMessageCounts(sql: Query, counts: readonly DayCount[]): Promise<void> {
  if (counts.length === 0) return;
  await sql`
    insert into clawfleet.message_counts as c (instance_id, day, messages)
    select "instanceId", day, count
    from jsonb_to_recordset(${sql.json(toJson(counts))}) as n("instanceId" text, day date, count integer)
    on conflict (instance_id, day) do update set messages = excluded.messages where excluded.messages > c.messages`;
}

export type ReachedLimit = { instanceId: string; slug: string; email: string | null; limit: number };

/** Those of these instances that have come to their plan's limit in this month, each of them once. `month`: its first day. */
export async function reachMessageLimits(
  sql: Query,
  instanceIds: readonly string[],
  { month, now }: { month: string; now: Date },
): Promise<ReachedLimit[]> {
  return await sql<ReachedLimit[]>`
    with reached as (
      insert into clawfleet.message_limits_reached (instance_id, month, message_limit, reached_at)
      select i.id, ${month}::date, ${messageLimit(sql)}, ${now}
      from clawfleet.instances i
      where i.id = any(${[...instanceIds]}) and ${countMonth(sql, sql`${month}::date`)} >= ${messageLimit(sql)}
      on conflict do nothing
      returning instance_id, message_limit
    )
    select i.id as "instanceId", i.slug, i.email, r.message_limit as "limit"
    from reached r join clawfleet.instances i on i.id = r.instance_id
    order by i.slug`;
}

/** Of the plan of the instance `i`; null: it has none. */
export function messageLimit(sql: Query) {
  return sql`(i.plan_settings ->> 'messagesPerMonth')::integer`;
}

/** What the instance `i` has answered in the month that begins with the day `first`. */
export function countMonth(sql: Query, first: ReturnType<Query>) {
  return sql`(
    select coalesce(sum(c.messages), 0)::integer from clawfleet.message_counts c
    where c.instance_id = i.id and c.day >= ${first} and c.day < ${first} + interval '1 month')`;
}
