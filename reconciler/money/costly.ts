/** Who is no leak and brings nothing all the same. Pure. */
import type { PaidInstance } from "../db/inventories.ts";
import { chargedStatuses } from "../desired/phases.ts";
import type { Amounts } from "./amounts.ts";

/** Somebody who is entitled to what they have and has brought nothing for long, with what it costs. */
export type CostlyInstance = { slug: string; plan: string; why: string; since: Date; cost: Amounts };

export type CostlyFacts = { isPlanPrice: (provider: string, key: string) => boolean; now: Date };

/** A time of grace is shorter. */
const longMs = 30 * 86_400_000;

export function listCostly(
  instances: readonly PaidInstance[],
  costs: ReadonlyMap<string, Amounts>,
  facts: CostlyFacts,
): CostlyInstance[] {
  const found = instances.flatMap((one): CostlyInstance[] => {
    const cost = costs.get(one.id);
    const why = findWhyNothing(one, facts);
    const since = one.statusSince;
    if (cost === undefined || why === undefined || since === null || one.gone) return [];
    if (facts.now.getTime() - since.getTime() < longMs) return [];
    return [{ slug: one.slug, plan: one.plan, why, since, cost }];
  });
  const worth = ({ cost }: CostlyInstance) => Object.values(cost).reduce((sum, amount) => sum + amount, 0);
  return found.toSorted((a, b) => worth(b) - worth(a) || a.slug.localeCompare(b.slug));
}

/** Why they bring nothing; what is given, or paid once, was meant so. */
function findWhyNothing(
  { provider, status, priceKeys }: PaidInstance,
  { isPlanPrice }: Pick<CostlyFacts, "isPlanPrice">,
): string | undefined {
  if (provider === "comped" || status === null) return undefined;
  if (!chargedStatuses.includes(status)) return status;
  const keys = priceKeys ?? [];
  if (keys.some((key) => isPlanPrice(provider, key))) return undefined;
  return `no plan has the price ${keys.join(", ") || "that is paid"}`;
}
