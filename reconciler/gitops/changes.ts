/** Which customers a change of `stacks/` concerns: only these are previewed, however large the fleet. Pure. */
import { isDeepStrictEqual } from "node:util";
import type { Override } from "../../infra/config.ts";
import type { Plans } from "../../infra/plans.ts";
import { reachesMembers } from "../desired/lived-in.ts";
import { findPlanOfPrice } from "../desired/plan-prices.ts";
import { plansFile, type StackFiles } from "../desired/stack-files.ts";
import { compareSettings, type SettingChange } from "./setting-changes.ts";

export type FleetMember = { slug: string; plan: string; provider: string; priceKeys: readonly string[] };

export type ChangedCustomer = {
  slug: string;
  /** As a person reads it: `override changed`, `plan pro changed`. */
  why: string[];
  /** Its own file changes, and not a plan alone. */
  ownChange: boolean;
  /** No such instance lives: nothing can be previewed. */
  unknown: boolean;
};

export type ChangedFiles = {
  customers: ChangedCustomer[];
  /** What no preview of a customer shows: cells, plans (the next buyer gets them), overrides of names that nobody has. */
  settings: SettingChange[];
  /** Files of the head that cannot be used, by key, with file, line and what is allowed. */
  problems: string[];
};

export function findChanges(base: StackFiles, head: StackFiles, fleet: readonly FleetMember[]): ChangedFiles {
  const reasons = new Map<string, string[]>();
  const add = (slug: string, why: string) => void reasons.set(slug, [...(reasons.get(slug) ?? []), why]);
  const wasBroken = [...base.broken.keys()].filter((key) => !head.broken.has(key));
  const isCell = (key: string) => key.startsWith(cellPrefix);
  const brokenOverrides = wasBroken.filter((key) => !isCell(key) && key !== plansFile);
  for (const slug of new Set([...changedKeys(base.overrides, head.overrides), ...brokenOverrides])) {
    if (head.broken.has(slug)) continue;
    add(slug, describeOverride(base, head, slug));
  }
  const own = new Set(reasons.keys());
  const plans = changedPlans(base.plans, head.plans);
  for (const member of fleet) {
    const chosen = planOf(member, head);
    if (plans.has(chosen)) add(member.slug, describePlan(chosen, base, head));
  }
  const known = new Set(fleet.map(({ slug }) => slug));
  const customers = [...reasons].map(([slug, why]) => ({
    slug,
    why,
    ownChange: own.has(slug),
    unknown: !known.has(slug),
  }));
  const brokenCells = wasBroken.filter(isCell).map((key) => key.slice(cellPrefix.length));
  const cells = [...new Set([...changedKeys(base.cells, head.cells), ...brokenCells])]
    .filter((name) => !head.broken.has(`${cellPrefix}${name}`))
    .toSorted();
  const strangers = customers.filter(({ unknown }) => unknown).map(({ slug }) => slug);
  return {
    customers: customers.toSorted((a, b) => (a.slug < b.slug ? -1 : 1)),
    settings: [
      ...cells.map((name) => compareCell(name, base, head)),
      ...[...plans].map((name) => compareSettings("plan", name, base.plans[name], head.plans[name])),
      ...strangers.map((slug) =>
        compareSettings("override", slug, overrideBefore(base, slug), head.overrides.get(slug)),
      ),
    ],
    problems: [...head.broken].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, problem]) => problem),
  };
}

/** What nobody could read says nothing: whoever it is about was left alone, and is decided about again without it. */
const unread = {};
const cellPrefix = "cell.";

function overrideBefore({ overrides, broken }: StackFiles, slug: string): Override | undefined {
  return overrides.get(slug) ?? (broken.has(slug) ? unread : undefined);
}

function compareCell(name: string, base: StackFiles, head: StackFiles): SettingChange {
  const [before, after] = [base.cells.get(name), head.cells.get(name)];
  const change = compareSettings("cell", name, cellBefore(base, name), after);
  return before && after && reachesMembers(before, after) ? { ...change, followed: true } : change;
}

function cellBefore({ cells, broken }: StackFiles, name: string): object | undefined {
  return cells.get(name) ?? (broken.has(`${cellPrefix}${name}`) ? unread : undefined);
}

function describeOverride(base: StackFiles, head: StackFiles, slug: string): string {
  const [before, after] = [base.overrides.get(slug), head.overrides.get(slug)];
  const which = base.broken.has(slug) ? "broken override" : "override";
  if (!after) return `${which} removed`;
  if (!before) {
    const keys = Object.keys(after).join(", ") || "empty";
    return base.broken.has(slug) ? `broken override mended: ${keys}` : `override added: ${keys}`;
  }
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...keys].filter(
    (key) => !isDeepStrictEqual(Reflect.get(before, key), Reflect.get(after, key)),
  );
  return `override changed: ${changed.toSorted().join(", ")}`;
}

/** Whose price no plan of the head has keeps the plan that they were given. */
function planOf({ slug, plan, provider, priceKeys }: FleetMember, { overrides, plans }: StackFiles): string {
  const own = overrides.get(slug)?.plan;
  if (own !== undefined) return own;
  for (const key of priceKeys) {
    const paid = findPlanOfPrice(plans, provider, key);
    if (paid !== undefined) return paid;
  }
  return plan;
}

function describePlan(id: string, base: StackFiles, head: StackFiles): string {
  if (!head.plans[id]) return `plan ${id} is gone`;
  return base.plans[id] ? `plan ${id} changed` : `plan ${id} is new, for the price that they pay`;
}

function changedPlans(before: Plans, after: Plans): Set<string> {
  const ids = new Set([...Object.keys(before), ...Object.keys(after)]);
  return new Set([...ids].filter((id) => !isDeepStrictEqual(before[id], after[id])));
}

function changedKeys<Value>(before: ReadonlyMap<string, Value>, after: ReadonlyMap<string, Value>): string[] {
  const keys = new Set([...before.keys(), ...after.keys()]);
  return [...keys].filter((key) => !isDeepStrictEqual(before.get(key), after.get(key))).toSorted();
}
