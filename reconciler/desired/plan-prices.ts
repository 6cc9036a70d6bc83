/** Which price is which plan's, and who sells it. Pure. */
import type { Plan, Plans } from "../../infra/plans.ts";

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
