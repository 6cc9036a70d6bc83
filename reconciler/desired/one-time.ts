/** How what was paid once comes to an end: by the fair-use rule of its plan, as a subscription does by being canceled. Pure. */
import type { Plans } from "../../infra/plans.ts";
import type { SubscriptionRow } from "../db/subscriptions.ts";
import { findPlanOfPrice } from "./plan-prices.ts";

const dayMs = 86_400_000;

/**
 * The same rows, with the end that lies ahead of a one-time payment, or behind it. Of comped ones the operator decides. The
 * rule is that of the plan paid for, whatever an override makes of it.
 */
export function endByFairUse(rows: readonly SubscriptionRow[], plans: Plans, now: Date): SubscriptionRow[] {
  return rows.map((row) => {
    const endsAt = findEnd(row, plans);
    if (endsAt === undefined) return row;
    if (endsAt > now) return { ...row, cancelAt: endsAt };
    return { ...row, status: "canceled", cancelAt: null, endedAt: endsAt };
  });
}

function findEnd(row: SubscriptionRow, plans: Plans): Date | undefined {
  if (row.provider === "comped" || row.status !== "active") return undefined;
  const ids = row.priceKeys.flatMap((key) => findPlanOfPrice(plans, row.provider, key) ?? []);
  const days = plans[ids[0] ?? ""]?.fairUseDays;
  return days === undefined ? undefined : new Date(row.createdAt.getTime() + days * dayMs);
}
