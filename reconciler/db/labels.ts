/** Which DNS labels are somebody's: names of living instances, their other addresses, names of open orders. */
import type { Query } from "./database.ts";

export type TakenLabel = { label: string; slug: string };

/** Those of `labels` that are the address of a living instance under another name. */
export async function listGiven(sql: Query, labels: readonly string[]): Promise<string[]> {
  const rows = await sql<{ label: string }[]>`
    select override ->> 'address' as label from clawfleet.instances
    where override ->> 'address' = any(${[...labels]}::text[]) and override ->> 'address' <> slug and status <> 'gone'`;
  return rows.map(({ label }) => label);
}

/** Those of `labels` that somebody has, and the addresses of the instances with these names. */
export async function listLabels(
  sql: Query,
  labels: readonly string[],
  slugs: readonly string[],
): Promise<TakenLabel[]> {
  const list = [...labels];
  return await sql<TakenLabel[]>`
    select slug as label, 'an order' as slug from clawfleet.orders where state = 'open' and slug = any(${list}::text[])
    union all
    select override ->> 'address', slug from clawfleet.instances
    where override ->> 'address' = any(${list}::text[]) and status <> 'gone'
    union all
    select override ->> 'address', slug from clawfleet.instances
    where slug = any(${[...slugs]}::text[]) and override ->> 'address' is not null and status <> 'gone'
    union all
    select chosen_address, slug from clawfleet.instances where chosen_address = any(${list}::text[]) and status <> 'gone'
    union all
    select slug, slug from clawfleet.instances where slug = any(${list}::text[]) and status <> 'gone'`;
}

/** False when they have chosen one since `since`. `address` null: the name that they have. */
export async function setChosenAddress(
  sql: Query,
  chosen: { instanceId: string; address: string | null; now: Date; since: Date },
): Promise<boolean> {
  const rows = await sql`
    update clawfleet.instances set chosen_address = ${chosen.address}, chosen_at = ${chosen.now}
    where id = ${chosen.instanceId} and status <> 'gone' and (chosen_at is null or chosen_at <= ${chosen.since})
    returning id`;
  return rows.length === 1;
}
