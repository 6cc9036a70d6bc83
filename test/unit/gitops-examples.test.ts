/** Proves by table who is previewed for whom, whom a plan with their price concerns, and what a plan's servers cost. */
import { describe, expect, test } from "vitest";
import type { PlanCustomerRow } from "../../reconciler/db/plans.ts";
import { monthlyCost } from "../../reconciler/gitops/costs.ts";
import { findChanges, type FleetMember } from "../../reconciler/gitops/changes.ts";
import { chooseExamples } from "../../reconciler/gitops/examples.ts";
import { makePlan } from "../support/instance-inputs.ts";

describe("examples", () => {
  const row = (slug: string, change: Partial<PlanCustomerRow> = {}): PlanCustomerRow => ({
    slug,
    why: ["plan pro changed"],
    desired: slug,
    proposal: { phase: "running" },
    current: { serverType: "cx23", location: "nbg1", backups: true },
    example: null,
    result: null,
    ...change,
  });
  const choose = (most: number, rows: PlanCustomerRow[], own: string[] = []) =>
    chooseExamples(
      rows.map((one) => ({ row: one, ownChange: own.includes(one.slug) })),
      most,
    ).flatMap(({ slug, example }) => (example === null ? [] : [`${slug} as ${example}`]));

  test("are as many as may be, and one of each kind at least", () => {
    const alike = ["a", "b", "c", "d"].map((slug) => row(slug));
    const suspended = row("s", { proposal: { phase: "suspended" } });
    const larger = row("l", { current: { serverType: "cx33", location: "nbg1", backups: true } });
    expect(choose(4, alike)).toEqual([]);
    expect(choose(2, alike)).toEqual(["c as a", "d as a"]);
    expect(choose(1, [...alike, suspended, larger])).toEqual(["b as a", "c as a", "d as a"]);
    expect(choose(4, [...alike, suspended, larger])).toEqual(["c as a", "d as a"]);
  });

  test("stand for nobody whose own file changes, and for nobody of whom there is nothing to preview", () => {
    expect(choose(1, [row("a"), row("b"), row("c")], ["b"])).toEqual(["c as a"]);
    expect(choose(1, [row("a"), row("b", { proposal: null })])).toEqual([]);
  });
});

test("a plan that comes with the price of somebody whose own one is gone concerns them", () => {
  const none = { cells: new Map(), overrides: new Map(), broken: new Map() };
  const base = { ...none, plans: { pro: makePlan({ stripeLookupKey: "pro" }) } };
  const head = { ...none, plans: { ...base.plans, basic: makePlan({ stripeLookupKey: "old" }) } };
  const paying = (provider: string, ...priceKeys: string[]) => ({
    slug: "ada",
    plan: "gone",
    provider,
    priceKeys,
  });
  const whom = (member: FleetMember) => findChanges(base, head, [member]).customers.map(({ why }) => why);
  expect(whom(paying("stripe", "other", "old"))).toEqual([
    ["plan basic is new, for the price that they pay"],
  ]);
  expect(whom(paying("stripe", "other"))).toEqual([]);
  expect(whom(paying("paddle", "old"))).toEqual([]);
});

describe("what a server costs", () => {
  const prices = {
    currency: "eur",
    serverTypes: { cx23: { nbg1: 400 } },
    backupShare: 0.2,
    ipv4: { nbg1: 50 },
    snapshotGb: 1.5,
  };
  const server = { serverType: "cx23", location: "nbg1", backups: true };
  test.each([
    ["with its backups and its address", server, prices, 5.3],
    ["without backups", { ...server, backups: false }, prices, 4.5],
    ["that is not there", null, undefined, 0],
    ["of a type that is on no list", { ...server, serverType: "cx99" }, prices, null],
    ["whose address has no price there", server, { ...prices, ipv4: {} }, null],
    ["in an account that nobody has read", server, undefined, null],
  ])("%s", (_what, given, list, cost) => {
    expect(monthlyCost(given, list)).toBe(cost);
  });
});
