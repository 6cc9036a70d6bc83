/** Proves by table when what was paid once ends, whose price is whose plan's, and who sells a plan. Pure. */
import { describe, expect, it } from "vitest";
import { plansSchema } from "../../infra/plans.ts";
import type { SubscriptionRow } from "../../reconciler/db/subscriptions.ts";
import { desire } from "../../reconciler/desired/desire.ts";
import { endByFairUse } from "../../reconciler/desired/one-time.ts";
import { findPlanOfPrice, findSeller } from "../../reconciler/desired/plan-prices.ts";

const lifetimePrice = "pri_01onetime00000000000000000";
const foreverPrice = "pri_01forever00000000000000000";
const monthlyPrice = "pri_01monthly00000000000000000";
const common = { summary: "One", serverTypes: ["cx23"], locations: ["nbg1"], grace: { deleteAfterDays: 30 } };
const plans = plansSchema.parse({
  starter: { name: "Starter", ...common, stripeLookupKey: "starter-monthly", paddlePriceId: monthlyPrice },
  pro: { name: "Pro", ...common, stripeLookupKey: "pro-monthly" },
  lifetime: { name: "Lifetime", ...common, paddlePriceId: lifetimePrice, oneTime: true, fairUseDays: 100 },
  forever: { name: "Forever", ...common, paddlePriceId: foreverPrice, oneTime: true },
});
const now = new Date("2026-11-21T12:00:00Z");
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);

function payment(change: Partial<SubscriptionRow> = {}): SubscriptionRow {
  return {
    provider: "paddle",
    id: "txn_1",
    customerId: "ctm_1",
    email: null,
    slug: "lea",
    orderId: null,
    priceKeys: [lifetimePrice],
    status: "active",
    statusSince: daysAgo(1),
    createdAt: daysAgo(10),
    periodEnd: null,
    cancelAt: null,
    endedAt: null,
    readAt: now,
    ...change,
  };
}

describe("the fair-use rule", () => {
  it.each<[string, Partial<SubscriptionRow>, object]>([
    ["lies ahead", { createdAt: daysAgo(10) }, { status: "active", cancelAt: daysAgo(-90), endedAt: null }],
    ["ends it to the moment", { createdAt: daysAgo(100) }, { status: "canceled", endedAt: now }],
    ["ended it long ago", { createdAt: daysAgo(140) }, { status: "canceled", endedAt: daysAgo(40) }],
    [
      "leaves a plan without one",
      { priceKeys: [foreverPrice], createdAt: daysAgo(9999) },
      { status: "active" },
    ],
    ["leaves a subscription", { priceKeys: [monthlyPrice], createdAt: daysAgo(9999) }, { status: "active" }],
    [
      "leaves what an operator gave away",
      { provider: "comped", priceKeys: ["lifetime"], createdAt: daysAgo(9999) },
      { status: "active" },
    ],
    [
      "leaves a refunded one as it is",
      { status: "canceled", endedAt: daysAgo(5) },
      { status: "canceled", endedAt: daysAgo(5) },
    ],
    ["leaves a price of no plan", { priceKeys: ["pri_x"], createdAt: daysAgo(9999) }, { status: "active" }],
  ])("%s", (_what, change, expected) => {
    expect(endByFairUse([payment(change)], plans, now)).toMatchObject([expected]);
  });

  it("is the one that its assistant was given, where the price is in no plan any more", () => {
    const { lifetime, ...left } = plans;
    const paid = { provider: "paddle", subscriptionId: "txn_1", customerId: "ctm_1" };
    const instance = { id: "i1", slug: "lea", ...paid, plan: "lifetime", planSettings: lifetime };
    const ended = endByFairUse([payment({ createdAt: daysAgo(140) })], left, now, () => instance);
    expect(ended).toMatchObject([{ status: "canceled", endedAt: daysAgo(40) }]);
  });

  it.each([
    [10, "running"],
    [101, "suspended"],
    [131, "gone"],
  ])("%d days after the payment the phase is %s, as after a cancellation", (days, phase) => {
    const subscriptions = endByFairUse([payment({ createdAt: daysAgo(days) })], plans, now);
    const { desired } = desire({ slug: "lea", subscriptions, override: {}, interventions: [], plans, now });
    expect(desired).toMatchObject({ planId: "lifetime", phase });
  });
});

it.each([
  ["stripe", "starter-monthly", "starter"],
  ["paddle", monthlyPrice, "starter"],
  ["paddle", "starter-monthly", undefined],
  ["stripe", monthlyPrice, undefined],
  ["comped", "pro", "pro"],
  ["comped", "toString", undefined],
  ["stripe", "pro", undefined],
  ["somebody", "pro-monthly", undefined],
])("of %s the price %s is of the plan %s", (provider, key, plan) => {
  expect(findPlanOfPrice(plans, provider, key)).toBe(plan);
});

describe("a plan is sold", () => {
  const [stripe, paddle] = [{ name: "stripe" }, { name: "paddle" }];
  it.each([
    ["starter", [stripe, paddle], "stripe", "starter-monthly"],
    ["starter", [paddle], "paddle", monthlyPrice],
    ["pro", [stripe, paddle], "stripe", "pro-monthly"],
    ["pro", [paddle], undefined, undefined],
    ["lifetime", [stripe, paddle], "paddle", lifetimePrice],
    ["lifetime", [stripe], undefined, undefined],
  ])("%s by the first of %j that has its price: %s", (id, providers, name, priceKey) => {
    const plan = plans[id];
    const seller = plan && findSeller(plan, providers);
    expect([seller?.provider.name, seller?.priceKey]).toEqual([name, priceKey]);
  });
});
