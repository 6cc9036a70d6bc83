/**
 * Proves what should be for one name, from subscriptions, override, intervention and plans together, and which name a
 * subscription gets. Cannot prove that these were read completely: the sweep's tests on real rows do.
 */
import { describe, expect, it } from "vitest";
import { slugSchema, type Plans } from "../../infra/config.ts";
import { isReservedSlug } from "../../components/naming.ts";
import type { Intervention } from "../../reconciler/db/interventions.ts";
import type { SubscriptionRow } from "../../reconciler/db/subscriptions.ts";
import { desire, generatedName, nameFor, type DesireInput } from "../../reconciler/desired/desire.ts";
import { makePlan } from "../support/instance-inputs.ts";

const now = new Date("2026-11-20T12:00:00Z");
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);

const plans: Plans = {
  starter: makePlan({ stripeLookupKey: "starter-monthly" }),
  pro: makePlan({ stripeLookupKey: "pro-monthly", grace: { pastDueDays: 1, deleteAfterDays: 2 } }),
};

function subscription(change: Partial<SubscriptionRow> = {}): SubscriptionRow {
  return {
    provider: "stripe",
    id: "sub_1",
    customerId: "cus_1",
    email: "anna@example.com",
    slug: "anna",
    orderId: "order-1",
    priceKeys: ["starter-monthly"],
    status: "active",
    createdAt: daysAgo(100),
    periodEnd: daysAgo(-10),
    cancelAt: null,
    endedAt: null,
    statusSince: daysAgo(100),
    readAt: now,
    ...change,
  };
}

function decide(change: Partial<DesireInput> = {}) {
  return desire({
    slug: "anna",
    subscriptions: [subscription()],
    override: {},
    intervention: undefined,
    plans,
    now,
    ...change,
  });
}

const suspend: Intervention = { slug: "anna", phase: "suspended", actor: "carla", reason: null };
const remove: Intervention = { slug: "anna", phase: "gone", actor: "carla", reason: "abuse" };

describe("one subscription", () => {
  it("that is paid wants its plan running", () => {
    expect(decide()).toEqual({
      desired: {
        subscription: subscription(),
        planId: "starter",
        plan: plans["starter"],
        phase: "running",
        reason: "paid",
        nextChangeAt: null,
        needsVotes: false,
      },
      alerts: [],
    });
  });

  it("gets the grace of its own plan", () => {
    const late = { status: "past_due", statusSince: daysAgo(3) };
    expect(decide({ subscriptions: [subscription(late)] }).desired?.phase).toBe("running");
    expect(
      decide({ subscriptions: [subscription({ ...late, priceKeys: ["pro-monthly"] })] }).desired?.phase,
    ).toBe("suspended");
  });

  it("ages from its end where billing says one, else from our first reading of the status", () => {
    const ended = { status: "canceled", statusSince: daysAgo(1), endedAt: daysAgo(31) };
    expect(decide({ subscriptions: [subscription(ended)] }).desired?.phase).toBe("gone");
    expect(decide({ subscriptions: [subscription({ ...ended, endedAt: null })] }).desired?.phase).toBe(
      "suspended",
    );
    const seenLong = { status: "missing", statusSince: daysAgo(31), endedAt: null };
    expect(decide({ subscriptions: [subscription(seenLong)] }).desired?.phase).toBe("gone");
  });

  it.each([
    ["canceled", 31, true],
    ["missing", 31, true],
    ["canceled", 3, false],
    ["past_due", 31, false],
    ["active", 31, false],
  ])("%s for %i days needs two readings before it deletes: %s", (status, days, needsVotes) => {
    const row = subscription({ status, statusSince: daysAgo(days) });
    expect(decide({ subscriptions: [row] }).desired?.needsVotes).toBe(needsVotes);
  });

  it.each(["incomplete", "something-new"])("that is %s decides nothing, and what exists stays", (status) => {
    expect(decide({ subscriptions: [subscription({ status })] }).desired).toBeUndefined();
  });
});

describe("no subscription", () => {
  it("decides nothing: a name that nobody pays for is not deleted by silence", () => {
    expect(decide({ subscriptions: [] })).toEqual({ desired: undefined, alerts: [] });
  });

  it("leaves nothing for an intervention to take away", () => {
    expect(decide({ subscriptions: [], intervention: remove }).desired).toBeUndefined();
  });
});

describe("several subscriptions", () => {
  const ended = subscription({
    id: "sub_old",
    status: "canceled",
    statusSince: daysAgo(99),
    createdAt: daysAgo(500),
  });
  const late = subscription({ id: "sub_late", status: "unpaid", createdAt: daysAgo(400) });
  const paid = subscription({ id: "sub_paid", createdAt: daysAgo(10) });
  const paidOlder = subscription({ id: "sub_paid_older", createdAt: daysAgo(20) });
  const strange = subscription({ id: "sub_strange", status: "something-new", createdAt: daysAgo(900) });

  it.each<[string, SubscriptionRow[], string]>([
    ["the one that keeps it running", [ended, late, paid], "sub_paid"],
    ["the suspended one before the ended one", [ended, late], "sub_late"],
    ["the older of two that are paid", [paid, paidOlder], "sub_paid_older"],
    ["one that means something before one that nobody understands", [strange, ended], "sub_old"],
  ])("count by %s, in any order", (_what, rows, winner) => {
    for (const subscriptions of [rows, rows.toReversed()])
      expect(decide({ subscriptions }).desired?.subscription.id).toBe(winner);
  });
});

describe("an override", () => {
  it("changes the plan, with its grace", () => {
    const late = subscription({ status: "past_due", statusSince: daysAgo(3) });
    const { desired, alerts } = decide({ subscriptions: [late], override: { plan: "pro" } });
    expect(desired).toMatchObject({ planId: "pro", plan: plans["pro"], phase: "suspended" });
    expect(alerts).toEqual([]);
  });

  it("stands in for a price that no plan has", () => {
    const row = subscription({ priceKeys: ["handmade"] });
    expect(decide({ subscriptions: [row], override: { plan: "pro" } }).desired?.planId).toBe("pro");
  });

  it("with a plan that does not exist decides nothing and says which there are", () => {
    expect(decide({ override: { plan: "gold" } })).toEqual({
      desired: undefined,
      alerts: [
        {
          kind: "unknown_plan",
          message: "the override of anna names the plan gold; there are starter, pro",
        },
      ],
    });
  });
});

describe("a price", () => {
  it("among several items is the first that a plan has", () => {
    const row = subscription({ priceKeys: ["support-hours", "pro-monthly", "starter-monthly"] });
    expect(decide({ subscriptions: [row] }).desired?.planId).toBe("pro");
  });

  it.each([[["handmade"]], [[]], [["starter"]], [["STARTER-MONTHLY"]]])(
    "that no plan has (%j) decides nothing and is told",
    (priceKeys) => {
      expect(decide({ subscriptions: [subscription({ priceKeys })] })).toEqual({
        desired: undefined,
        alerts: [
          {
            kind: "price_without_plan",
            message: `subscription sub_1 has the price ${priceKeys.join(", ")}, which no plan has`,
          },
        ],
      });
    },
  );

  it("may be a plan's own id for who pays nothing, and for nobody else", () => {
    const row = subscription({ provider: "comped", priceKeys: ["pro"] });
    expect(decide({ subscriptions: [row] }).desired?.planId).toBe("pro");
    expect(decide({ subscriptions: [{ ...row, provider: "stripe" }] }).desired).toBeUndefined();
  });

  it("without a plan does not hinder another subscription of the same name", () => {
    const { desired, alerts } = decide({
      subscriptions: [subscription({ id: "sub_0", priceKeys: ["handmade"] }), subscription()],
    });
    expect(desired?.subscription.id).toBe("sub_1");
    expect(alerts).toHaveLength(1);
  });
});

describe("an intervention", () => {
  const ended = [subscription({ status: "canceled", statusSince: daysAgo(99) })];
  const unpaid = [subscription({ status: "unpaid" })];

  it.each([
    ["suspends what runs", suspend, [subscription()], "suspended", "suspended by carla"],
    [
      "deletes what runs, without waiting for readings of billing",
      remove,
      [subscription()],
      "gone",
      "deprovisioned by carla",
    ],
    ["deletes what is suspended", remove, unpaid, "gone", "deprovisioned by carla"],
    ["never gives back what billing took away", suspend, ended, "gone", "subscription ended"],
    ["changes nothing where billing says the same", suspend, unpaid, "suspended", "not paid"],
  ] as const)("%s", (_what, intervention, subscriptions, phase, reason) => {
    expect(decide({ intervention, subscriptions }).desired).toMatchObject({ phase, reason });
  });

  it("needs no second reading and waits for nothing", () => {
    const late = [subscription({ status: "past_due", statusSince: daysAgo(1) })];
    expect(decide({ subscriptions: late, intervention: remove }).desired).toMatchObject({
      nextChangeAt: null,
      needsVotes: false,
    });
  });

  it("that billing overtook leaves billing's deletion under its rules", () => {
    expect(decide({ subscriptions: ended, intervention: suspend }).desired?.needsVotes).toBe(true);
  });
});

describe("the name of a subscription", () => {
  it.each([
    ["anna", "anna"],
    [null, generatedName("sub_1")],
    ["", generatedName("sub_1")],
    ["Not A Name", generatedName("sub_1")],
    ["cell.eu1", generatedName("sub_1")],
  ])("asked for as %j is %s", (slug, name) => {
    expect(nameFor({ id: "sub_1", slug })).toBe(name);
  });

  it("that is made up is the same every time, another for another, and one that may be had", () => {
    expect(generatedName("sub_1")).toBe("a-13a076fc");
    const names = Array.from({ length: 500 }, (_, index) => generatedName(`sub_${index}`));
    expect(new Set(names).size).toBe(500);
    expect(names.filter((name) => !slugSchema.safeParse(name).success || isReservedSlug(name))).toEqual([]);
  });
});
