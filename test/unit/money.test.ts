/** Proves the sums of the money view by hand-reckoned cases. What Hetzner and the providers say is given here. */
import { describe, expect, it } from "vitest";
import type { Price } from "../../reconciler/billing/provider.ts";
import type { PriceList, StockedServer } from "../../reconciler/cloud/hetzner-inventory.ts";
import type { PaidInstance } from "../../reconciler/db/inventories.ts";
import { exchangeVariables } from "../../reconciler/money/exchange.ts";
import { reckon, type MoneyFacts } from "../../reconciler/money/reckon.ts";

const prices: PriceList = {
  currency: "eur",
  serverTypes: { cx23: { nbg1: 400 }, cx33: { nbg1: 600 } },
  backupShare: 0.2,
  ipv4: { nbg1: 50 },
  snapshotGb: 1.5,
};
const priceOf = (
  interval: string | null,
  unitAmount: number,
  currency = "eur",
  intervalCount = 1,
): Price => ({
  lookupKey: "key",
  id: "price_1",
  unitAmount,
  currency,
  interval,
  intervalCount,
});
const instance = (id: string, change: Partial<PaidInstance> = {}): PaidInstance => ({
  id,
  slug: id,
  plan: "starter",
  phase: "running",
  observedPhase: "running",
  gone: false,
  provider: "stripe",
  priceKeys: ["starter"],
  status: "active",
  statusSince: new Date(0),
  ...change,
});
const server = (id: number, owner: string | null, change: Partial<StockedServer> = {}): StockedServer => ({
  id,
  name: `cf-${owner ?? "nobody"}`,
  instance: owner,
  type: "cx23",
  location: "nbg1",
  backups: false,
  ipv4: true,
  ...change,
});

function sum(facts: Partial<MoneyFacts> & { servers?: StockedServer[]; price?: Price | undefined }) {
  const stock = { servers: facts.servers ?? [], snapshots: [] };
  return reckon({
    instances: [],
    inventories: [{ account: "default", readAt: new Date(0), prices, stock }],
    priceOf: () => ("price" in facts ? facts.price : priceOf("month", 2900)),
    isPlanPrice: (_provider, key) => key === "starter",
    rates: new Map(),
    now: new Date(0),
    ...facts,
  });
}

describe("revenue by the month", () => {
  it.each([
    ["a monthly price", priceOf("month", 2900), 2900],
    ["a yearly price, a twelfth", priceOf("year", 24_000), 2000],
    ["every three months, a third", priceOf("month", 6000, "eur", 3), 2000],
    ["weekly, 52 of them in twelve months", priceOf("week", 600), 2600],
    ["daily", priceOf("day", 120), 3650],
  ])("of %s", (_what, price, expected) => {
    expect(Math.round(sum({ instances: [instance("a")], price }).total.revenue["eur"] ?? 0)).toBe(expected);
  });

  it.each([
    ["active", { status: "active" }, "paying", 2900],
    ["past_due", { status: "past_due" }, "late", 2900],
    ["trialing", { status: "trialing" }, "trial", 0],
    ["unpaid", { status: "unpaid", phase: "suspended" }, "grace", 0],
    ["canceled", { status: "canceled", phase: "suspended" }, "grace", 0],
    ["comped", { provider: "comped" }, "given", 0],
  ] as const)("of somebody who is %s", (_what, change, count, revenue) => {
    const { total } = sum({ instances: [instance("a", change)] });
    expect(total[count]).toBe(1);
    expect(total.revenue["eur"] ?? 0).toBe(revenue);
  });

  it("is none of what is paid once, and of a price that nobody tells, which is said", () => {
    expect(sum({ instances: [instance("a")], price: priceOf(null, 9900) }).total).toMatchObject({
      once: 1,
      revenue: { eur: 0 },
    });
    const { total, unknown } = sum({ instances: [instance("a")], price: undefined });
    expect([total.revenue, unknown]).toEqual([{}, ["stripe: starter"]]);
  });
});

describe("cost and margin", () => {
  it("are of what is in the cloud: machine, backups, address, snapshots", () => {
    const stock = {
      servers: [server(1, "a", { backups: true })],
      snapshots: [{ id: 9, instance: "b", sizeGb: 10 }],
    };
    const { plans, total, snapshots } = sum({
      instances: [
        instance("a"),
        instance("b", { status: "canceled", phase: "archived", observedPhase: "archived" }),
      ],
      inventories: [{ account: "default", readAt: new Date(0), prices, stock }],
    });
    expect(plans[0]?.cost).toEqual({ eur: 400 + 80 + 50 });
    expect(snapshots).toEqual({ count: 1, cost: { eur: 15 } });
    expect(total.margin).toEqual({ eur: 2900 - 530 - 15 });
  });

  it("are by plan", () => {
    const { plans } = sum({
      instances: [instance("a"), instance("b", { plan: "pro" })],
      servers: [server(1, "a"), server(2, "b", { type: "cx33" })],
    });
    expect(plans.map(({ plan, cost }) => [plan, cost["eur"]])).toEqual([
      ["pro", 650],
      ["starter", 450],
    ]);
  });

  const inDollars = {
    instances: [instance("a")],
    servers: [server(1, "a")],
    price: priceOf("month", 2900, "usd"),
  };

  it("are not taken from each other in different currencies, and the rate that is missing is named", () => {
    const { total, missingRates } = sum(inDollars);
    expect(total).toMatchObject({ revenue: { usd: 2900 }, cost: { eur: 450 } });
    expect(total.margin).toEqual({ usd: 2900, eur: -450 });
    expect(missingRates).toEqual(["USD:EUR"]);
  });

  it.each([
    ["USD:EUR=0.92", "usd", 2900, { eur: 2668 - 450 }, []],
    ["usd:eur=0.5, GBP:EUR=1.15", "gbp", 1000, { eur: 1150 - 450 }, []],
    ["JPY:EUR=0.006", "jpy", 2900, { eur: 1740 - 450 }, []],
    ["USD:EUR=0.92", "gbp", 1000, { gbp: 1000, eur: -450 }, ["GBP:EUR"]],
    // The other way round is another rate.
    ["EUR:USD=1.09", "usd", 2900, { usd: 2900, eur: -450 }, ["USD:EUR"]],
  ] as const)("are one sum by %s of %s", (text, currency, amount, margin, missing) => {
    const rates = exchangeVariables.CLAWFLEET_EXCHANGE_RATES.parse(text);
    const { total, missingRates } = sum({ ...inDollars, rates, price: priceOf("month", amount, currency) });
    const rounded = Object.entries(total.margin).map(([of, left]) => [of, Math.round(left * 1000) / 1000]);
    expect([Object.fromEntries(rounded), missingRates]).toEqual([margin, missing]);
  });

  it.each(["USD=0.9", "USD:EUR=0", "USD:EUR=-1", "USD:EUR=0,92", "USDEUR:0.92", "USD:EUR="])(
    "take no rate %j",
    (text) => {
      expect(exchangeVariables.CLAWFLEET_EXCHANGE_RATES.safeParse(text).success).toBe(false);
    },
  );

  it("say which type Hetzner has no price for", () => {
    expect(sum({ instances: [instance("a")], servers: [server(1, "a", { type: "cx99" })] }).unknown).toEqual([
      "hetzner: cx99 in nbg1",
    ]);
  });
});

describe("a server that nobody pays for", () => {
  it.each([
    ["of no instance", null, []],
    ["of an instance that we do not know", "x", []],
    ["of one that is gone", "a", [instance("a", { gone: true, phase: "gone", observedPhase: "gone" })]],
    ["of one whose archive is done", "a", [instance("a", { phase: "archived", observedPhase: "archived" })]],
  ])("is one %s", (_what, owner, instances) => {
    expect(sum({ instances, servers: [server(7, owner)] }).unpaid).toMatchObject([
      { account: "default", id: 7 },
    ]);
  });

  it.each([
    ["that runs", {}],
    ["in its time of grace", { phase: "suspended", observedPhase: "suspended", status: "canceled" }],
    ["whose archive is on its way", { phase: "archived", observedPhase: "suspended" }],
    ["that was given away", { provider: "comped" }],
  ] as const)("is none %s", (_what, change) => {
    expect(sum({ instances: [instance("a", change)], servers: [server(7, "a")] }).unpaid).toEqual([]);
  });
});

describe("somebody who has cost money for a month and brought none", () => {
  const now = new Date(31 * 86_400_000);
  const costly = (change: Partial<PaidInstance>) => {
    const { withoutRevenue } = sum({ instances: [instance("a", change)], servers: [server(7, "a")], now });
    return withoutRevenue.map(({ slug, why, cost }) => ({ slug, why, cost }));
  };

  it.each<[string, Partial<PaidInstance>, string]>([
    ["is unpaid", { status: "unpaid", phase: "suspended" }, "unpaid"],
    ["is paused", { status: "paused", phase: "suspended" }, "paused"],
    ["pays a price that no plan has", { priceKeys: ["old"] }, "no plan has the price old"],
  ])("is listed who %s, with what it costs", (_what, change, why) => {
    expect(costly(change)).toEqual([{ slug: "a", why, cost: { eur: 450 } }]);
  });

  it.each([
    ["pays", {}],
    ["is unpaid for a week", { status: "unpaid", statusSince: new Date(24 * 86_400_000) }],
    ["has a gift", { provider: "comped", status: null }],
    ["is gone", { status: "canceled", gone: true }],
  ] as const)("is not listed who %s", (_what, change) => {
    expect(costly(change)).toEqual([]);
  });

  it("is not listed who has nothing in the cloud", () => {
    expect(sum({ instances: [instance("a", { status: "unpaid" })], now }).withoutRevenue).toEqual([]);
  });
});
