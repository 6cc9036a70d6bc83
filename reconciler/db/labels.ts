/** Which DNS labels are somebody's: names of living instances, addresses of overrides, names of open orders. */
import type { Query } from "./database.ts";

export type TakenLabel = { label: string; slug: string };

/** Those of `labels` that somebody has, and every label of whoever asked for one. */
export async function listLabels(sql: Query, labels: readonly string[]): Promise<TakenLabel[]> {
  const list = [...labels];
  return await sql<TakenLabel[]>`
    select slug as label, 'an order' as slug from clawfleet.orders where state = 'open' and slug = any(${list}::text[])
    union all
    select override ->> 'address', slug from clawfleet.instances
    where override ->> 'address' is not null and status <> 'gone'
    union all
    select slug, slug from clawfleet.instances where slug = any(${list}::text[]) and status <> 'gone'`;
}
