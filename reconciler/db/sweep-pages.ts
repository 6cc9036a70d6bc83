/** Rows of `clawfleet.sweep_pages`: a full reading while it is made. One statement a function. */
import type { JSONValue } from "postgres";
import type { SubscriptionReading } from "../billing/provider.ts";
import { endedStatuses } from "../desired/phases.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";
import type { SweepPass } from "./subscriptions.ts";

export async function addPage(
  sql: Query,
  { sweepId, provider }: Pick<SweepPass, "sweepId" | "provider">,
  page: number,
  readings: readonly SubscriptionReading[],
): Promise<void> {
  await sql`
    insert into clawfleet.sweep_pages (sweep_id, provider, page, ids, readings)
    values (${sweepId}, ${provider}, ${page}, ${readings.map(({ id }) => id)}::text[], ${sql.json(toJson(readings))})`;
}

export async function findPage(
  sql: Query,
  { sweepId, provider }: Pick<SweepPass, "sweepId" | "provider">,
  page: number,
): Promise<{ ids: string[]; readings: JSONValue } | undefined> {
  const [row] = await sql<{ ids: string[]; readings: JSONValue }[]>`
    select ids, readings from clawfleet.sweep_pages
    where sweep_id = ${sweepId} and provider = ${provider} and page = ${page}`;
  return row;
}

export async function removePages(
  sql: Query,
  { sweepId, provider }: Pick<SweepPass, "sweepId" | "provider">,
): Promise<void> {
  await sql`delete from clawfleet.sweep_pages where sweep_id = ${sweepId} and provider = ${provider}`;
}

/** Of sweeps whose process died; another one may be under way beside this one. */
export async function removeLeftPages(sql: Query, begunBefore: Date): Promise<void> {
  await sql`
    delete from clawfleet.sweep_pages where sweep_id not in (
      select id from clawfleet.sweeps where ended_at is null and started_at >= ${begunBefore}
    )`;
}

export type Recognized = {
  /** Subscriptions that this provider listed before, under the account that bills the fleet now. */
  ever: number;
  /** Those of them that it lists now. */
  again: number;
  /** Those that had not ended; further seats belong to theirs. */
  known: number;
  /** Those of `known` that it lists no longer. */
  absent: number;
};

/** How much of what we know of the provider is in this reading. What came up after it was begun counts on neither side. */
export async function compareWithKnown(
  sql: Query,
  { provider, sweepId, asked }: SweepPass,
): Promise<Recognized> {
  const [row] = await sql<Recognized[]>`
    with listed as materialized (
      select distinct unnest(ids) as id from clawfleet.sweep_pages where sweep_id = ${sweepId} and provider = ${provider}
    ), before as (
      select s.id, l.id is not null as listed, s.status <> all(${[...endedStatuses]}::text[]) as living
      from clawfleet.subscriptions s left join listed l on l.id = s.id
      where s.provider = ${provider} and s.status <> 'missing' and s.id not like '%#%' and s.read_order < ${asked.order}
        and s.read_order >= coalesce((select epoch from clawfleet.billing_accounts where provider = ${provider}), 0)
    )
    select count(*)::int as ever, (count(*) filter (where listed))::int as again,
      (count(*) filter (where living))::int as known,
      (count(*) filter (where living and not listed))::int as absent
    from before`;
  return row ?? { ever: 0, again: 0, known: 0, absent: 0 };
}
