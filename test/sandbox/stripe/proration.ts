/** What a change of items costs at once: the rest of the period at the new price, less the rest at the old one. */
import type { Billing, Subscription } from "./billing.ts";
import { numberOf, textOf, type Params } from "./form.ts";

export type ItemChange = { id: string | undefined; price: string | undefined; quantity: number | undefined };

export function toItemChange(entry: Params): ItemChange {
  return { id: textOf(entry, "id"), price: textOf(entry, "price"), quantity: numberOf(entry, "quantity") };
}

/** In a trial nothing is charged. */
export function prorate(
  billing: Billing,
  subscription: Subscription,
  changes: readonly ItemChange[],
  atSeconds: number,
): number {
  if (subscription.status === "trialing") return 0;
  let sum = 0;
  for (const { id, price, quantity } of changes) {
    const item = subscription.items.data.find((one) => one.id === id) ?? subscription.items.data[0];
    if (!item) continue;
    const before = Number(item.price["unit_amount"]) * item.quantity;
    const next = price === undefined ? item.price : billing.findPrice(price);
    const after = Number(next["unit_amount"]) * (quantity ?? item.quantity);
    const { current_period_start: from, current_period_end: to } = item;
    const left = Math.min(1, Math.max(0, (to - atSeconds) / (to - from)));
    sum += Math.round((after - before) * left);
  }
  return sum;
}

/** The first period begins when it ends. */
export function moveTrial(subscription: Subscription, trialEnd: number): number {
  if (subscription.status === "trialing")
    for (const item of subscription.items.data) item.current_period_end = trialEnd;
  return trialEnd;
}
