/** How what was paid once comes to an end: by the fair-use rule of its plan, as a subscription does by being canceled. Pure. */
import type { Plans } from "../../infra/plans.ts";
import type { SubscriptionRow } from "../db/subscriptions.ts";
import type { NamedInstance } from "./desire-fleet.ts";
import { findKeptPlan, findPlanOfPrice } from "./plan-prices.ts";

const dayMs = 86_400_000;

/**
 * The same rows, with the end that lies ahead of a one-time payment, or behind it. Of comped ones the operator decides. The
 * rule is that of the plan paid for, whatever an override makes of it; of a price that no plan has any more, the one it had.
 */
export function endByFairUse(
  rows: readonly SubscriptionRow[],
  plans: Plans,
  now: Date,
  instanceOf: (row: SubscriptionRow) => NamedInstance | undefined = () => undefined,
): SubscriptionRow[] {
  return rows.map((row) => {
    const endsAt = findEnd(row, plans, instanceOf(row));
    if (endsAt === undefined) return row;
    if (endsAt > now) return { ...row, cancelAt: endsAt };
    return { ...row, status: "canceled", cancelAt: null, endedAt: endsAt };
  });
}

function findEnd(row: SubscriptionRow, plans: Plans, instance: NamedInstance | undefined): Date | undefined {
  if (row.provider === "comped" || row.status !== "active") return undefined;
  const ids = row.priceKeys.flatMap((key) => findPlanOfPrice(plans, row.provider, key) ?? []);
  const plan = plans[ids[0] ?? ""] ?? findKeptPlan(instance, row)?.plan;
  const days = plan?.fairUseDays;
  return days === undefined ? undefined : new Date(row.createdAt.getTime() + days * dayMs);
}
