/** From what billing, people and plans say to what should be: the whole decision for one name. Pure. */
import type { Override, Phase } from "../../infra/config.ts";
import type { Plan, Plans } from "../../infra/plans.ts";
import { mostSeats } from "../billing/seats.ts";
import type { Intervention } from "../db/interventions.ts";
import type { SubscriptionRow } from "../db/subscriptions.ts";
import type { NamedInstance } from "./desire-fleet.ts";
import type { Outage } from "./outages.ts";
import { chargedStatuses, decidePhase, findDeletion, hasEnded, isKnownStatus } from "./phases.ts";
import { findKeptPlan, findPlanOfPrice, type KnownPlan } from "./plan-prices.ts";

export type DesireInput = {
  slug: string;
  /** Every subscription that asks for this name or pays for its instance. */
  subscriptions: readonly SubscriptionRow[];
  /** That lives under this name. */
  instance?: NamedInstance | undefined;
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

export type Alert = {
  kind: "price_without_plan" | "unknown_plan" | "unknown_status" | "paid_twice" | "too_many_seats";
  message: string;
};

/** `desired` undefined: nobody may decide anything about this name now; what exists stays as it is. */
export function desire(input: DesireInput): { desired: Desired | undefined; alerts: Alert[] } {
  const alerts: Alert[] = [];
  const candidates = input.subscriptions.flatMap((subscription) => {
    const known = findPlan(input, subscription, alerts) ?? findKeptPlan(input.instance, subscription);
    if (!known) return [];
    const { planId, plan } = known;
    const since = subscription.endedAt ?? subscription.statusSince;
    const age = { since, now: input.now, readAt: subscription.readAt, outages: input.outages ?? [] };
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
  return {
    desired: candidates.toSorted(compare)[0],
    alerts: [...alerts, ...findDouble(input), ...findCut(input)],
  };
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

/** One assistant is served, and both are charged for. */
function findDouble({ slug, subscriptions }: DesireInput): Alert[] {
  const charged = subscriptions.filter(
    ({ provider, status }) => provider !== "comped" && chargedStatuses.includes(status),
  );
  if (charged.length < 2) return [];
  const ids = charged.map(({ id }) => id).toSorted();
  return [
    { kind: "paid_twice", message: `${slug} is paid for by ${ids.join(" and ")}: refund and cancel one` },
  ];
}

/** More is paid for than we believe that anybody means. */
function findCut({ subscriptions }: DesireInput): Alert[] {
  const cut = subscriptions.filter(({ quantity = 1, status }) => quantity > mostSeats && !hasEnded(status));
  return cut.map(({ id, quantity }) => ({
    kind: "too_many_seats",
    message: `subscription ${id} pays for ${quantity} assistants and has ${mostSeats}`,
  }));
}

function findPlan(
  { override, plans, slug }: DesireInput,
  subscription: SubscriptionRow,
  alerts: Alert[],
): KnownPlan | undefined {
  if (override.plan !== undefined) {
    const plan = Object.hasOwn(plans, override.plan) ? plans[override.plan] : undefined;
    if (plan) return { planId: override.plan, plan };
    const known = Object.keys(plans).join(", ");
    alerts.push({
      kind: "unknown_plan",
      message: `the override of ${slug} names the plan ${override.plan}; there are ${known}`,
    });
    return undefined;
  }
  for (const key of subscription.priceKeys) {
    const planId = findPlanOfPrice(plans, subscription.provider, key);
    const plan = planId === undefined ? undefined : plans[planId];
    if (planId !== undefined && plan) return { planId, plan };
  }
  const keys = subscription.priceKeys.join(", ");
  alerts.push({
    kind: "price_without_plan",
    message: `subscription ${subscription.id} has the price ${keys}, which no plan has`,
  });
  return undefined;
}
