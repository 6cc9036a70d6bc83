/** Proves by table how far one decision may take a row: never from a disk to nothing. That votes and cap hold it too is proved elsewhere. */
import { describe, expect, test } from "vitest";
import type { Phase } from "../../infra/config.ts";
import { planSchema } from "../../infra/plans.ts";
import type { Desired } from "../../reconciler/desired/desire.ts";
import { takeStep } from "../../reconciler/desired/steps.ts";

const now = new Date("2026-11-21T12:00:00Z");
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
const plan = (archiveAfterDays: number, deleteAfterDays: number) =>
  planSchema.parse({
    name: "Starter",
    summary: "One assistant.",
    stripeLookupKey: "starter",
    serverTypes: ["cx23"],
    locations: ["nbg1"],
    grace: { pastDueDays: 7, archiveAfterDays, deleteAfterDays },
  });

const ended: Desired = {
  subscription: {
    provider: "stripe",
    id: "sub_1",
    customerId: "cus_1",
    email: null,
    slug: "bob",
    orderId: null,
    priceKeys: ["starter"],
    status: "canceled",
    statusSince: daysAgo(60),
    createdAt: daysAgo(100),
    periodEnd: null,
    cancelAt: null,
    endedAt: daysAgo(60),
    readAt: now,
  },
  planId: "starter",
  plan: plan(7, 30),
  phase: "gone",
  reason: "subscription ended",
  nextChangeAt: null,
  deleteAt: daysAgo(30),
  needsVotes: true,
};
const step = (phase: Phase, sinceDays: number, desired: Desired = ended) =>
  takeStep({ phase, phaseSince: daysAgo(sinceDays) }, desired, now);

describe("what is due to be gone", () => {
  test.each<[Phase, number, Phase]>([
    ["running", 100, "archived"],
    ["suspended", 50, "archived"],
    ["archived", 0, "archived"],
    ["archived", 6.9, "archived"],
    ["archived", 7, "gone"],
  ])("from %s since %d days goes to %s", (phase, since, wanted) => {
    expect(step(phase, since).phase).toBe(wanted);
  });

  test("says when it is deleted at the earliest, and to the moment as soon as it is archived", () => {
    expect(step("running", 100)).toMatchObject({ deleteAt: daysAgo(-7), nextChangeAt: null });
    expect(step("archived", 2)).toMatchObject({ deleteAt: daysAgo(-5), nextChangeAt: daysAgo(-5) });
  });

  test("is kept for as long as its plan keeps snapshots, where that is less than a week", () => {
    const short = { ...ended, plan: plan(7, 9) };
    expect([step("archived", 1, short).phase, step("archived", 2, short).phase]).toEqual([
      "archived",
      "gone",
    ]);
  });

  test("goes at once where the plan never archives, and where a person ordered it", () => {
    expect(step("suspended", 1, { ...ended, plan: plan(7, 0) }).phase).toBe("gone");
    expect(step("running", 1, { ...ended, needsVotes: false }).phase).toBe("gone");
  });
});

test("everything else is as it was decided", () => {
  const suspended: Desired = { ...ended, phase: "suspended", needsVotes: false };
  expect(step("running", 1, suspended)).toBe(suspended);
});
