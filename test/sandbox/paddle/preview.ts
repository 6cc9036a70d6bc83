/** What a change of items would cost: the rest of the period at the new price, less the rest at the old one. */
import type { Item, Subscription } from "./model.ts";

const totalOf = (items: readonly Item[]) =>
  items.reduce((sum, { price, quantity }) => sum + Number(price.unit_price.amount) * quantity, 0);

export function previewChange(subscription: Subscription, items: readonly Item[], now: Date): object {
  const { current_billing_period: period, currency_code } = subscription;
  const [from, to] = period ? [Date.parse(period.starts_at), Date.parse(period.ends_at)] : [0, 1];
  const left = Math.min(1, Math.max(0, (to - now.getTime()) / (to - from)));
  const trial = subscription.status === "trialing";
  const difference = trial ? 0 : Math.round((totalOf(items) - totalOf(subscription.items)) * left);
  const amount = { amount: String(Math.abs(difference)), currency_code };
  const total = String(totalOf(items));
  return {
    ...subscription,
    items,
    update_summary: { result: { action: difference < 0 ? "credit" : "charge", ...amount } },
    recurring_transaction_details: { totals: { subtotal: total, tax: "0", total, grand_total: total } },
  };
}

/** A period, or a trial, ends when the next payment is due. */
export function moveBilling(
  { current_billing_period: period }: Subscription,
  next_billed_at: string,
): Pick<Subscription, "next_billed_at" | "current_billing_period"> {
  return { next_billed_at, current_billing_period: period && { ...period, ends_at: next_billed_at } };
}
