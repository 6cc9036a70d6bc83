/** Rows of `clawfleet.outages`: when an instance that should run did not answer. One statement a function. */
import type { Outage } from "../desired/outages.ts";
import type { Query } from "./database.ts";

/** Of these instances, those that touch the time since `since` only. */
export async function listOutages(
  sql: Query,
  instanceIds: readonly string[],
): Promise<Map<string, Outage[]>> {
  const rows = await sql<({ instanceId: string } & Outage)[]>`
    select instance_id as "instanceId", from_at as "from", to_at as "to", cause like 'ill:%' as "perhapsTheirs" from clawfleet.outages
    where instance_id = any(${[...instanceIds]}::text[])
    order by from_at`;
  return Map.groupBy(rows, ({ instanceId }) => instanceId);
}

/** Nothing happens when one goes on already. */
export async function beginOutage(
  sql: Query,
  outage: { instanceId: string; cause: string; from: Date },
): Promise<void> {
  await sql`
    insert into clawfleet.outages (instance_id, cause, from_at)
    values (${outage.instanceId}, ${outage.cause}, ${outage.from})
    on conflict (instance_id) where to_at is null do nothing`;
}

/** One that is over. */
export async function recordOutage(
  sql: Query,
  outage: { instanceId: string; cause: string; from: Date; to: Date },
): Promise<void> {
  await sql`
    insert into clawfleet.outages (instance_id, cause, from_at, to_at)
    values (${outage.instanceId}, ${outage.cause}, ${outage.from}, ${outage.to})`;
}

export async function endOutage(sql: Query, instanceId: string, now: Date): Promise<void> {
  await sql`
    update clawfleet.outages set to_at = greatest(from_at, ${now})
    where instance_id = ${instanceId} and to_at is null`;
}
