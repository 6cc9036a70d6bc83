/** From what billing, people and plans say to what should be: the whole decision for one name. Pure. */
import { createHash } from "node:crypto";
import { slugSchema, type Override, type Phase, type Plan, type Plans } from "../../infra/config.ts";
import type { Intervention } from "../db/interventions.ts";
import type { SubscriptionRow } from "../db/subscriptions.ts";
import type { Outage } from "./outages.ts";
import { decidePhase, findDeletion, isKnownStatus } from "./phases.ts";
import { findPlanOfPrice } from "./plan-prices.ts";

export type DesireInput = {
  slug: string;
  /** Every subscription that asks for this name or pays for its instance. */
  subscriptions: readonly SubscriptionRow[];
  override: Override;
  /** Of any of these subscriptions. */
  interventions: readonly Intervention[];
  /** Of the instance under this name. */
  outages?: readonly Outage[];
  plans: Plans;
  now: Date;
};

export type Desired = {
  subscription: SubscriptionRow;
  planId: string;
  plan: Plan;
  phase: Phase;
  reason: string;
  nextChangeAt: Date | null;
  /** When everything is deleted if nothing changes; null: not ahead. */
  deleteAt: Date | null;
  /** Removing a server because billing says so needs two agreeing readings; because a person says so, none. */
  needsVotes: boolean;
};

export type Alert = { kind: "price_without_plan" | "unknown_plan" | "unknown_status"; message: string };

/** `desired` undefined: nobody may decide anything about this name now; what exists stays as it is. */
export function desire(input: DesireInput): { desired: Desired | undefined; alerts: Alert[] } {
  const alerts: Alert[] = [];
  const candidates = input.subscriptions.flatMap((subscription) => {
    const planId = findPlan(input, subscription, alerts);
    const plan = planId === undefined ? undefined : input.plans[planId];
    if (planId === undefined || !plan) return [];
    const since = subscription.endedAt ?? subscription.statusSince;
    const age = { since, now: input.now, outages: input.outages ?? [] };
    const { phase, reason, nextChangeAt } = decidePhase(subscription.status, age, plan.grace);
    if (phase === null) {
      if (!isKnownStatus(subscription.status))
        alerts.push({ kind: "unknown_status", message: `${subscription.id}: ${reason}` });
      return [];
    }
    const deleteAt = findDeletion(subscription.status, age, plan.grace);
    const needsVotes = removesServer(phase);
    const found = { subscription, planId, plan, phase, reason, nextChangeAt, deleteAt, needsVotes };
    return [intervene(comp(found, input.override), interventionFor(input, subscription))];
  });
  return { desired: candidates.toSorted(compare)[0], alerts };
}

/** The better phase wins, then the older subscription. */
export const phaseRank: Record<Phase, number> = { running: 0, suspended: 1, archived: 2, gone: 3 };

function compare(a: Desired, b: Desired): number {
  return (
    phaseRank[a.phase] - phaseRank[b.phase] ||
    a.subscription.createdAt.getTime() - b.subscription.createdAt.getTime()
  );
}

function interventionFor(input: DesireInput, { provider, id }: SubscriptionRow): Intervention | undefined {
  return input.interventions.find((one) => one.provider === provider && one.subscriptionId === id);
}

/** Free of charge by a pull request: what billing says of this customer takes nothing away. */
function comp(desired: Desired, override: Override): Desired {
  if (override.comped !== true || desired.phase === "running") return desired;
  return {
    ...desired,
    phase: "running",
    reason: "comped by an override",
    nextChangeAt: null,
    deleteAt: null,
    needsVotes: false,
  };
}

/** Archived or gone: what is done then cannot be taken back, or not at once. */
export function removesServer(phase: Phase): boolean {
  return phase === "archived" || phase === "gone";
}

const interventionWords: Record<Intervention["phase"], string> = {
  suspended: "suspended",
  archived: "deprovisioned with its data kept",
  gone: "deprovisioned",
};

/** A person's word takes away and never gives; where billing says "gone" too, it needs no second reading any more. */
function intervene(desired: Desired, intervention: Intervention | undefined): Desired {
  if (!intervention) return desired;
  const decides = phaseRank[intervention.phase] > phaseRank[desired.phase] || intervention.phase === "gone";
  if (!decides) return desired;
  const reason = `${interventionWords[intervention.phase]} by ${intervention.actor}`;
  return {
    ...desired,
    phase: intervention.phase,
    reason,
    nextChangeAt: null,
    deleteAt: null,
    needsVotes: false,
  };
}

function findPlan(
  { override, plans, slug }: DesireInput,
  subscription: SubscriptionRow,
  alerts: Alert[],
): string | undefined {
  if (override.plan !== undefined) {
    if (Object.hasOwn(plans, override.plan)) return override.plan;
    const known = Object.keys(plans).join(", ");
    alerts.push({
      kind: "unknown_plan",
      message: `the override of ${slug} names the plan ${override.plan}; there are ${known}`,
    });
    return undefined;
  }
  for (const key of subscription.priceKeys) {
    const found = findPlanOfPrice(plans, subscription.provider, key);
    if (found !== undefined) return found;
  }
  const keys = subscription.priceKeys.join(", ");
  alerts.push({
    kind: "price_without_plan",
    message: `subscription ${subscription.id} has the price ${keys}, which no plan has`,
  });
  return undefined;
}

/** Name for a subscription that has none or an impossible one: a paid order is never lost over its name. */
export function nameFor(subscription: { id: string; slug: string | null }): string {
  if (subscription.slug !== null && slugSchema.safeParse(subscription.slug).success) return subscription.slug;
  return generatedName(subscription.id);
}

/** The same for the same subscription, every time. */
export function generatedName(subscriptionId: string): string {
  return `a-${createHash("sha256").update(subscriptionId).digest("hex").slice(0, 8)}`;
}
