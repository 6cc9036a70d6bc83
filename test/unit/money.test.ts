/** Proves the sums of the money view by hand-reckoned cases. What Hetzner and the providers say is given here. */
import { describe, expect, it } from "vitest";
import type { Price } from "../../reconciler/billing/provider.ts";
import type { PriceList, StockedServer } from "../../reconciler/cloud/hetzner-inventory.ts";
import type { PaidInstance } from "../../reconciler/db/inventories.ts";
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

  it("are not taken from each other in different currencies", () => {
    const { total } = sum({
      instances: [instance("a")],
      servers: [server(1, "a")],
      price: priceOf("month", 2900, "usd"),
    });
    expect(total).toMatchObject({ revenue: { usd: 2900 }, cost: { eur: 450 }, margin: null });
  });

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
