/** Rows of `clawfleet.inventories`, and what money needs of instances and their subscriptions. */
import type { Phase } from "../../infra/config.ts";
import type { PriceList, Stock } from "../cloud/hetzner-inventory.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type Inventory = { account: string; readAt: Date; prices: PriceList; stock: Stock };

export async function storeInventory(sql: Query, one: Inventory): Promise<void> {
  const [prices, stock] = [sql.json(toJson(one.prices)), sql.json(toJson(one.stock))];
  await sql`
    insert into clawfleet.inventories (account, read_at, prices, stock)
    values (${one.account}, ${one.readAt}, ${prices}, ${stock})
    on conflict (account) do update set read_at = excluded.read_at, prices = excluded.prices, stock = excluded.stock
    where clawfleet.inventories.read_at < excluded.read_at`;
}

export async function listInventories(sql: Query): Promise<Inventory[]> {
  return await sql<Inventory[]>`
    select account, read_at as "readAt", prices, stock from clawfleet.inventories order by account`;
}

/** Of these accounts those in use whose inventory is older, oldest first. */
export async function listStale(sql: Query, accounts: readonly string[], before: Date): Promise<string[]> {
  const rows = await sql<{ account: string }[]>`
    select distinct c.account, i.read_at from clawfleet.cells c left join clawfleet.inventories i using (account)
    where c.account = any(${[...accounts]}::text[]) and (i.read_at is null or i.read_at < ${before})
    order by i.read_at nulls first`;
  return rows.map(({ account }) => account);
}

export type PaidInstance = {
  id: string;
  slug: string;
  plan: string;
  phase: Phase;
  observedPhase: Phase | null;
  gone: boolean;
  provider: string;
  priceKeys: string[] | null;
  status: string | null;
  statusSince: Date | null;
};

/** Every instance that lives, and every one that ended but has not been for long: its server may be in the inventory. */
export async function listPaidInstances(sql: Query, goneAfter: Date): Promise<PaidInstance[]> {
  return await sql<PaidInstance[]>`
    select i.id, i.slug, i.plan, i.phase, i.observed_phase as "observedPhase", i.status = 'gone' as gone, i.provider,
      s.price_keys as "priceKeys", s.status, s.status_since as "statusSince"
    from clawfleet.instances i
    left join clawfleet.subscriptions s on s.provider = i.provider and s.id = i.subscription_id
    where i.status <> 'gone' or i.gone_at > ${goneAfter}
    order by i.slug`;
}
