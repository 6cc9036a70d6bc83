/**
 * Whether what would be done now is what was reviewed, although the fleet under it has moved: somebody signed up, left, or was
 * stopped by billing between review and merge. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import type { PlanCustomerRow } from "../db/plans.ts";
import type { CustomerPlan, FleetPlan } from "./plan.ts";
import { sortKeys } from "./setting-changes.ts";

export type CoveredPlan = {
  plan: Pick<FleetPlan, "customers" | "settings" | "problems">;
  /** Of both sides' files: the same ones ask for the same, whoever is there. */
  digest: string;
  decisions: ReadonlyMap<string, string>;
};

/** What is decided about each, but for the phase, which is billing's word: by which server there is, what it is to become. */
export function toDecisions(
  rows: readonly Pick<PlanCustomerRow, "slug" | "current" | "proposal">[],
): Map<string, string> {
  return new Map(
    rows.map(({ slug, current, proposal }) => [
      slug,
      JSON.stringify([current, withoutPhase(proposal)], sortKeys),
    ]),
  );
}

function withoutPhase(proposal: unknown): unknown {
  if (typeof proposal !== "object" || proposal === null) return null;
  return Object.fromEntries(Object.entries(proposal).filter(([key]) => key !== "phase"));
}

export function isCovered(now: CoveredPlan, reviewed: CoveredPlan): boolean {
  if (now.digest !== reviewed.digest) return false;
  if (!isDeepStrictEqual([...now.plan.problems], [...reviewed.plan.problems])) return false;
  if (!isDeepStrictEqual(commonSettings(now), commonSettings(reviewed))) return false;
  const known = new Map(reviewed.plan.customers.map((one) => [one.slug, one]));
  const kinds = new Set(reviewed.plan.customers.map((one) => kindOf(one, reviewed)));
  return now.plan.customers.every((customer) => {
    const before = known.get(customer.slug);
    if (before && isSame(customer, before)) return true;
    if (customer.error !== null) return false;
    // Gone, or on its way out whatever the files say.
    if (customer.steps.length === 0) return true;
    if (before === undefined || isNobody(before))
      return losesNothing(customer) || kinds.has(kindOf(customer, now));
    const stopped = customer.desired !== before.desired && isAskedAlike(customer.slug, now, reviewed);
    return stopped && showSteps(customer).every((step) => showSteps(before).includes(step));
  });
}

/** Files of names that nobody has are said of the fleet as it is then; their texts are in the digest. */
function commonSettings({ plan }: CoveredPlan) {
  return plan.settings.filter(({ kind }) => kind !== "override");
}

function isSame(a: CustomerPlan, b: CustomerPlan): boolean {
  return a.desired === b.desired && a.error === b.error && isDeepStrictEqual(showSteps(a), showSteps(b));
}

function isNobody({ desired }: CustomerPlan): boolean {
  return desired === "";
}

function losesNothing({ steps }: CustomerPlan): boolean {
  return steps.every(({ op }) => op === "create" || op === "update");
}

function isAskedAlike(slug: string, now: CoveredPlan, reviewed: CoveredPlan): boolean {
  return now.decisions.get(slug) === reviewed.decisions.get(slug);
}

/** The same decision about the same server for the same reason, with the same steps. */
function kindOf(customer: CustomerPlan, { decisions }: CoveredPlan): string {
  return JSON.stringify([customer.why, decisions.get(customer.slug), showSteps(customer)]);
}

function showSteps({ steps }: CustomerPlan): string[] {
  return steps.map(({ resource, op }) => `${resource} ${op}`).toSorted();
}
