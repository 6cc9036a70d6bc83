/** Proves by table what billing, overrides and people's interventions lead to. No database, no clock but the given one. */
import { describe, expect, test } from "vitest";
import type { Override } from "../../infra/config.ts";
import { planSchema } from "../../infra/plans.ts";
import type { Intervention } from "../../reconciler/db/interventions.ts";
import type { SubscriptionRow } from "../../reconciler/db/subscriptions.ts";
import { desire } from "../../reconciler/desired/desire.ts";

const now = new Date("2026-11-21T12:00:00Z");
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
const grace = { pastDueDays: 7, deleteAfterDays: 30 };
const plan = (key: string) =>
  planSchema.parse({
    name: key,
    summary: key,
    stripeLookupKey: key,
    serverTypes: ["cx23"],
    locations: ["nbg1"],
    grace,
  });
const plans = { starter: plan("starter-monthly"), pro: plan("pro-monthly") };

function subscription(change: Partial<SubscriptionRow> = {}): SubscriptionRow {
  return {
    provider: "stripe",
    id: "sub_1",
    customerId: "cus_1",
    email: "bob@example.com",
    slug: "bob",
    orderId: null,
    priceKeys: ["starter-monthly"],
    status: "active",
    statusSince: daysAgo(1),
    createdAt: daysAgo(100),
    periodEnd: null,
    cancelAt: null,
    endedAt: null,
    readAt: now,
    ...change,
  };
}

function decide(
  subscriptions: SubscriptionRow[],
  override: Override = {},
  intervention?: Intervention["phase"],
) {
  return desire({
    slug: "bob",
    subscriptions,
    override,
    interventions:
      intervention === undefined
        ? []
        : [{ provider: "stripe", subscriptionId: "sub_1", phase: intervention, actor: "amy", reason: null }],
    plans,
    now,
  });
}

describe("what should be", () => {
  test("a paid plan runs; only billing's own deletions need votes", () => {
    expect(decide([subscription()]).desired).toMatchObject({
      planId: "starter",
      phase: "running",
      needsVotes: false,
    });
    const ended = decide([subscription({ status: "canceled", endedAt: daysAgo(31) })]).desired;
    expect(ended).toMatchObject({ phase: "gone", needsVotes: true });
  });

  test("a payment counts as late for as long as billing was read, not for as long as we could not", () => {
    const late = subscription({ status: "past_due", statusSince: daysAgo(8), readAt: daysAgo(7) });
    expect(decide([late]).desired).toMatchObject({ phase: "running", nextChangeAt: null });
    expect(decide([{ ...late, readAt: daysAgo(0) }]).desired).toMatchObject({ phase: "suspended" });
  });

  test("of two subscriptions the one that gives more decides, then the older one", () => {
    const ended = subscription({
      id: "sub_0",
      status: "canceled",
      endedAt: daysAgo(40),
      createdAt: daysAgo(400),
    });
    expect(decide([ended, subscription()]).desired?.subscription.id).toBe("sub_1");
    const younger = subscription({ id: "sub_2", priceKeys: ["pro-monthly"], createdAt: daysAgo(5) });
    expect(decide([younger, subscription()]).desired?.planId).toBe("starter");
  });

  test("an override's plan stands above the one paid for; an unknown one decides nothing and is told", () => {
    expect(decide([subscription()], { plan: "pro" }).desired?.planId).toBe("pro");
    const wrong = decide([subscription()], { plan: "huge" });
    expect(wrong.desired).toBeUndefined();
    expect(wrong.alerts[0]).toMatchObject({ kind: "unknown_plan" });
    expect(wrong.alerts[0]?.message).toContain("starter, pro");
  });

  test("a price that no plan has decides nothing and is told", () => {
    const { desired, alerts } = decide([subscription({ priceKeys: ["old"] })]);
    expect(desired).toBeUndefined();
    expect(alerts.map(({ kind }) => kind)).toEqual(["price_without_plan"]);
  });

  test("what its instance was given already stays its plan, and ends like any other", () => {
    const instance = {
      id: "i1",
      slug: "bob",
      provider: "stripe",
      subscriptionId: "sub_1",
      customerId: "cus_1",
      plan: "former",
      planSettings: plan("former-monthly"),
    };
    const decideOn = (change: Partial<SubscriptionRow>) => {
      const subscriptions = [subscription({ priceKeys: ["old"], ...change })];
      return desire({ slug: "bob", subscriptions, instance, override: {}, interventions: [], plans, now });
    };
    expect(decideOn({}).desired).toMatchObject({ planId: "former", phase: "running" });
    expect(decideOn({}).alerts.map(({ kind }) => kind)).toEqual(["price_without_plan"]);
    expect(decideOn({ status: "canceled", endedAt: daysAgo(10) }).desired?.phase).toBe("archived");
    expect(decideOn({ id: "sub_2" }).desired, "somebody else's price").toBeUndefined();
  });

  test("two subscriptions that are charged for one name are told; an ended one beside a paid one is not", () => {
    const second = subscription({ id: "sub_2" });
    expect(decide([subscription(), second]).alerts.map(({ kind }) => kind)).toEqual(["paid_twice"]);
    const ended = subscription({ id: "sub_2", status: "canceled", endedAt: daysAgo(1) });
    expect(decide([subscription(), ended]).alerts).toEqual([]);
  });

  test("nobody who pays means nothing is decided", () => {
    expect(decide([]).desired).toBeUndefined();
  });

  test("a person's word takes away and never gives", () => {
    expect(decide([subscription()], {}, "gone").desired).toMatchObject({ phase: "gone", needsVotes: false });
    expect(decide([subscription()], {}, "suspended").desired?.phase).toBe("suspended");
    const late = subscription({ status: "unpaid" });
    expect(decide([late], {}, "suspended").desired?.reason).toBe("not paid");
    const ended = subscription({ status: "canceled", endedAt: daysAgo(31) });
    expect(decide([ended], {}, "gone").desired).toMatchObject({ phase: "gone", needsVotes: false });
  });
});

describe("people's exceptions", () => {
  test("an intervention is about one subscription: the next owner of the name is not touched", () => {
    const next = subscription({ id: "sub_9", customerId: "cus_9" });
    expect(decide([next], {}, "gone").desired).toMatchObject({ phase: "running" });
  });

  test("comped by an override, nothing that billing says takes anything away", () => {
    const ended = subscription({ status: "canceled", endedAt: daysAgo(400) });
    expect(decide([ended], { plan: "pro", comped: true }).desired).toMatchObject({
      planId: "pro",
      phase: "running",
      needsVotes: false,
      reason: "comped by an override",
    });
    expect(decide([ended], { comped: true }, "gone").desired?.phase).toBe("gone");
  });
});
