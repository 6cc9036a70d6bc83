/** Which price is which plan's, and who sells it. Pure. */
import { planSchema, type Plan, type Plans } from "../../infra/plans.ts";
import type { NamedInstance } from "./desire-fleet.ts";

/** What a plan calls its price at this provider; undefined: it has none there. */
export function priceKeyOf(plan: Plan, provider: string): string | undefined {
  if (provider === "stripe") return plan.stripeLookupKey;
  return provider === "paddle" ? plan.paddlePriceId : undefined;
}

/** Id of the plan; what nobody bills is named by the plan itself. */
export function findPlanOfPrice(plans: Plans, provider: string, key: string): string | undefined {
  if (provider === "comped") return Object.hasOwn(plans, key) ? key : undefined;
  return Object.entries(plans).find(([, plan]) => priceKeyOf(plan, provider) === key)?.[0];
}

/** The first of these that has a price for the plan. */
export function findSeller<Provider extends { readonly name: string }>(
  plan: Plan,
  providers: readonly Provider[],
): { provider: Provider; priceKey: string } | undefined {
  for (const provider of providers) {
    const priceKey = priceKeyOf(plan, provider.name);
    if (priceKey !== undefined) return { provider, priceKey };
  }
  return undefined;
}

export type KnownPlan = { planId: string; plan: Plan };

/** What its instance was given already: a price that nobody knows any more is paid, late and canceled like any other. */
export function findKeptPlan(
  instance: NamedInstance | undefined,
  { provider, id }: { provider: string; id: string },
): KnownPlan | undefined {
  if (instance?.plan === undefined || instance.provider !== provider || instance.subscriptionId !== id)
    return undefined;
  const { data: plan } = planSchema.safeParse(instance.planSettings);
  return plan && { planId: instance.plan, plan };
}
