/** What comes in and what it costs, by plan and in all. By the month, net, at list prices; amounts in cents. Pure. */
import type { PriceList, StockedServer } from "../cloud/hetzner-inventory.ts";
import { costOfServer, costOfSnapshot } from "../cloud/hetzner-prices.ts";
import type { Price } from "../billing/provider.ts";
import type { Inventory, PaidInstance } from "../db/inventories.ts";
import type { Amounts } from "./amounts.ts";
import { listCostly, type CostlyInstance } from "./costly.ts";
import { listMissingRates, toMargin, type Rates } from "./exchange.ts";

export type PlanMoney = {
  plan: string;
  paying: number;
  trial: number;
  /** Late with a payment: its revenue is counted, and may not come. */
  late: number;
  /** Paid once, long ago or not: no revenue by the month. */
  once: number;
  given: number;
  /** Ended or unpaid, with a server or snapshot in its time of grace. */
  grace: number;
  servers: number;
  revenue: Amounts;
  cost: Amounts;
  /** In the currency of the cost as far as there are rates; what has none stays apart. */
  margin: Amounts;
};

export type UnpaidServer = { account: string; id: number; name: string; why: string };

export type Money = {
  plans: PlanMoney[];
  total: Omit<PlanMoney, "plan">;
  snapshots: { count: number; cost: Amounts };
  /** In the cloud, and nobody is entitled to them: none, ever. */
  unpaid: UnpaidServer[];
  /** Dearest first. */
  withoutRevenue: CostlyInstance[];
  /** `USD:EUR`: without these rates the margin is in several currencies. */
  missingRates: string[];
  /** When each account was looked at. */
  readAt: Record<string, Date>;
  /** Prices that the provider or Hetzner did not tell: what is missing in the sums. */
  unknown: string[];
};

export type MoneyFacts = {
  instances: readonly PaidInstance[];
  inventories: readonly Inventory[];
  priceOf: (provider: string, key: string) => Price | undefined;
  isPlanPrice: (provider: string, key: string) => boolean;
  rates: Rates;
  now: Date;
};

export function reckon({ instances, inventories, priceOf, ...facts }: MoneyFacts): Money {
  const unknown = new Set<string>();
  const plans = new Map<string, PlanMoney>();
  const planOf = (plan: string) => {
    const found = plans.get(plan) ?? { plan, ...nothing() };
    plans.set(plan, found);
    return found;
  };
  for (const one of instances) if (!one.gone) countInstance(planOf(one.plan), one, priceOf, unknown);
  const byId = new Map(instances.map((one) => [one.id, one]));
  const unpaid: UnpaidServer[] = [];
  const snapshots: Money["snapshots"] = { count: 0, cost: {} };
  const costs = new Map<string, Amounts>();
  const charge = (owner: string | null, currency: string, amount: number) => {
    const sofar = costs.get(owner ?? "") ?? {};
    add(sofar, currency, amount);
    costs.set(owner ?? "", sofar);
  };
  for (const { account, prices, stock } of inventories) {
    for (const server of stock.servers) {
      const owner = server.instance === null ? undefined : byId.get(server.instance);
      const why = findWhyUnpaid(owner);
      if (why !== undefined) unpaid.push({ account, id: server.id, name: server.name, why });
      const plan = planOf(owner?.plan ?? "none");
      plan.servers += 1;
      const cost = costOf(server, prices, unknown);
      add(plan.cost, prices.currency, cost);
      charge(server.instance, prices.currency, cost);
    }
    for (const { sizeGb, instance } of stock.snapshots) {
      snapshots.count += 1;
      const cost = costOfSnapshot(sizeGb, prices);
      add(snapshots.cost, prices.currency, cost);
      charge(instance, prices.currency, cost);
    }
  }
  const list = [...plans.values()].toSorted((a, b) => a.plan.localeCompare(b.plan));
  const total = sum(list);
  for (const [currency, amount] of Object.entries(snapshots.cost)) add(total.cost, currency, amount);
  const into = inventories[0]?.prices.currency;
  for (const one of [...list, total]) one.margin = toMargin(one, into, facts.rates);
  const missingRates = listMissingRates(total.margin, into);
  const withoutRevenue = listCostly(instances, costs, facts);
  const readAt = Object.fromEntries(inventories.map((one) => [one.account, one.readAt]));
  const lists = { unpaid, withoutRevenue, missingRates, unknown: [...unknown].toSorted() };
  return { plans: list, total, snapshots, readAt, ...lists };
}

function nothing(): Omit<PlanMoney, "plan"> {
  const counts = { paying: 0, trial: 0, late: 0, once: 0, given: 0, grace: 0, servers: 0 };
  return { ...counts, revenue: {}, cost: {}, margin: {} };
}

function countInstance(
  plan: PlanMoney,
  { provider, status, priceKeys }: PaidInstance,
  priceOf: MoneyFacts["priceOf"],
  unknown: Set<string>,
): void {
  if (provider === "comped") plan.given += 1;
  else if (status === "trialing") plan.trial += 1;
  else if (status !== "active" && status !== "past_due") plan.grace += 1;
  else {
    const prices = (priceKeys ?? []).map((key) => ({ key, price: priceOf(provider, key) }));
    for (const { key, price } of prices) if (!price) unknown.add(`${provider}: ${key}`);
    if (prices.length > 0 && prices.every(({ price }) => price?.interval === null)) plan.once += 1;
    else if (status === "past_due") plan.late += 1;
    else plan.paying += 1;
    for (const { price } of prices) if (price) add(plan.revenue, price.currency, toMonthly(price));
  }
}

/** Average months of a year. */
const perMonth: Readonly<Record<string, number>> = { day: 365 / 12, week: 52 / 12, month: 1, year: 1 / 12 };

function toMonthly({ unitAmount, interval, intervalCount }: Price): number {
  return ((unitAmount ?? 0) * (perMonth[interval ?? ""] ?? 0)) / intervalCount;
}

function costOf(server: StockedServer, prices: PriceList, unknown: Set<string>): number {
  const cost = costOfServer(server, prices);
  if (cost === undefined) unknown.add(`hetzner: ${server.type} in ${server.location}`);
  return cost ?? 0;
}

/** What is on its way out is somebody's until the converge that takes it away has ended. */
function findWhyUnpaid(owner: PaidInstance | undefined): string | undefined {
  if (!owner) return "no instance of ours has it";
  const { gone, phase, observedPhase, slug } = owner;
  if (gone) return `${slug} is gone`;
  const away = (phase === "archived" || phase === "gone") && observedPhase === phase;
  return away ? `${slug} is ${phase}` : undefined;
}

function add(amounts: Amounts, currency: string, amount: number): void {
  amounts[currency] = (amounts[currency] ?? 0) + amount;
}

function sum(plans: readonly PlanMoney[]): Omit<PlanMoney, "plan"> {
  const total = nothing();
  for (const plan of plans) {
    for (const count of ["paying", "trial", "late", "once", "given", "grace", "servers"] as const)
      total[count] += plan[count];
    for (const side of ["revenue", "cost"] as const)
      for (const [currency, amount] of Object.entries(plan[side])) add(total[side], currency, amount);
  }
  return total;
}
