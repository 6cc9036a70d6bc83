/** The money view: rows and what accounts' clouds said last, with the providers' prices. */
import type { Sql } from "postgres";
import type { Plans } from "../../infra/plans.ts";
import type { BillingProvider, Price } from "../billing/provider.ts";
import { listInventories, listPaidInstances } from "../db/inventories.ts";
import { findPlanOfPrice, priceKeyOf } from "../desired/plan-prices.ts";
import { inventoryAgeMs } from "../money/inventory.ts";
import type { CostlyInstance } from "../money/costly.ts";
import type { Rates } from "../money/exchange.ts";
import { reckon, type Money } from "../money/reckon.ts";

/** As JSON: times are ISO 8601. */
export type MoneyAnswer = Omit<Money, "readAt" | "withoutRevenue"> & {
  readAt: Record<string, string>;
  withoutRevenue: (Omit<CostlyInstance, "since"> & { since: string })[];
};

export type MoneyOperators = { readMoney(): Promise<MoneyAnswer> };

export type MoneyDeps = {
  sql: Sql;
  clock: { now(): Date };
  providers: readonly BillingProvider[];
  plans: () => Plans;
  rates: Rates;
};

export function createMoneyOperators({ sql, clock, providers, plans, rates }: MoneyDeps): MoneyOperators {
  return {
    async readMoney() {
      const goneAfter = new Date(clock.now().getTime() - 24 * 6 * inventoryAgeMs);
      const [instances, inventories, prices] = await Promise.all([
        listPaidInstances(sql, goneAfter),
        listInventories(sql),
        readPrices(providers, plans()),
      ]);
      const priceOf = (provider: string, key: string) => prices.get(provider)?.get(key);
      const isPlanPrice = (provider: string, key: string) =>
        findPlanOfPrice(plans(), provider, key) !== undefined;
      const facts = { instances, inventories, priceOf, isPlanPrice, rates, now: clock.now() };
      const { readAt, withoutRevenue, ...money } = reckon(facts);
      const times = Object.entries(readAt).map(([account, at]) => [account, at.toISOString()] as const);
      const costly = withoutRevenue.map((one) => ({ ...one, since: one.since.toISOString() }));
      return { ...money, withoutRevenue: costly, readAt: Object.fromEntries(times) };
    },
  };
}

/** A provider that cannot be asked leaves its prices unknown, which the answer says. */
async function readPrices(
  providers: readonly BillingProvider[],
  plans: Plans,
): Promise<Map<string, Map<string, Price>>> {
  const read = providers.map(async (provider) => {
    const keys = Object.values(plans).flatMap((plan) => priceKeyOf(plan, provider.name) ?? []);
    const prices = await provider.readPrices(keys).catch(() => new Map<string, Price>());
    return [provider.name, prices] as const;
  });
  return new Map(await Promise.all(read));
}
