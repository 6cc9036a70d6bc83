/** Proves by table which sign-ups, cancellations and stops between review and merge leave a plan what was reviewed, and which do not. */
import { expect, test } from "vitest";
import { isCovered, toDecisions, type CoveredPlan } from "../../reconciler/gitops/coverage.ts";
import type { CustomerPlan, PlannedStep } from "../../reconciler/gitops/plan.ts";
import type { SettingChange } from "../../reconciler/gitops/setting-changes.ts";

const small = { serverType: "cx23", location: "nbg1" };
const pro: SettingChange = {
  kind: "plan",
  name: "pro",
  what: "changed",
  keys: [{ key: "backups", before: "false", after: "true" }],
};
const prepared: SettingChange = { kind: "override", name: "zoe", what: "added", keys: [] };
type Member = CustomerPlan & { current: typeof small & { backups: boolean }; proposal: unknown };
const update: PlannedStep = { resource: "server", op: "update" };
const replace: PlannedStep = { resource: "server", op: "replace" };
const member = (slug: string, change: Partial<Member> = {}): Member => ({
  slug,
  why: ["plan pro changed"],
  desired: "d1",
  steps: [update],
  diff: "",
  costBefore: 5,
  costAfter: 6,
  error: null,
  current: { ...small, backups: false },
  proposal: { phase: "running", plan: "pro", placement: small },
  ...change,
});
const covered = (
  members: Member[],
  change: { digest?: string; settings?: SettingChange[]; problems?: string[] } = {},
) => ({
  plan: { customers: members, settings: change.settings ?? [pro], problems: change.problems ?? [] },
  digest: change.digest ?? "same",
  decisions: toDecisions(members),
});
const reviewed = covered([member("ada"), member("bob")]);
const stopped = { desired: "d2", proposal: { phase: "suspended", plan: "pro", placement: small } };
const nobody = member("zoe", { desired: "", steps: [], proposal: null, why: ["override added: hold"] });
const withNobody = covered([member("ada"), nobody], { settings: [pro, prepared] });

test.each<[string, CoveredPlan, CoveredPlan, boolean]>([
  ["the same", covered([member("bob"), member("ada")]), reviewed, true],
  ["somebody left", covered([member("ada")]), reviewed, true],
  ["somebody came", covered([member("ada"), member("bob"), member("cyd")]), reviewed, true],
  [
    "the first one came",
    covered([member("cyd", { steps: [{ resource: "server", op: "create" }] })]),
    covered([]),
    true,
  ],
  [
    "somebody came and would lose a server",
    covered([member("ada"), member("cyd", { steps: [replace] })]),
    reviewed,
    false,
  ],
  [
    "somebody came and would lose it as the others do",
    covered([member("ada", { steps: [replace] }), member("cyd", { steps: [replace] })]),
    covered([member("ada", { steps: [replace] })]),
    true,
  ],
  [
    "somebody came and could not be previewed",
    covered([member("cyd", { error: "no answer" })]),
    reviewed,
    false,
  ],
  ["billing stopped somebody", covered([member("ada"), member("bob", stopped)]), reviewed, true],
  [
    "billing stopped somebody, and more would be done than was seen",
    covered([
      member("ada"),
      member("bob", { ...stopped, steps: [update, { resource: "volume", op: "delete" }] }),
    ]),
    reviewed,
    false,
  ],
  [
    "somebody is on the way out",
    covered([member("ada"), member("bob", { desired: "d3", steps: [], proposal: null })]),
    reviewed,
    true,
  ],
  [
    "somebody bought another server meanwhile",
    covered([
      member("ada"),
      member("bob", { desired: "d2", current: { ...small, serverType: "cx33", backups: false } }),
    ]),
    reviewed,
    false,
  ],
  [
    "the clouds have drifted",
    covered([member("ada", { steps: [update, replace] }), member("bob")]),
    reviewed,
    false,
  ],
  ["less would be done", covered([member("ada", { steps: [] }), member("bob")]), reviewed, true],
  ["somebody came to a prepared override", covered([member("ada"), member("zoe")]), withNobody, true],
  ["somebody left whose override is part of it", withNobody, covered([member("ada"), member("zoe")]), true],
  ["other files", covered([member("ada")], { digest: "other" }), reviewed, false],
  ["another plan's settings", covered([member("ada")], { settings: [] }), reviewed, false],
  ["another problem", covered([member("ada")], { problems: ["x"] }), reviewed, false],
])("%s", (_what, now, before, expected) => {
  expect(isCovered(now, before)).toBe(expected);
});
