/** What we read of Paddle's objects, and what it means in our words. Pure. */
import { z } from "zod";
import type { Price, SubscriptionReading } from "./provider.ts";
import { toStorable } from "./storable.ts";

const dateSchema = z.iso.datetime({ offset: true }).transform((text) => new Date(text));
/** Free-form data of the seller: of ours are `slug` and `order`, and anybody may write anything into it. */
const customDataSchema = z.record(z.string(), z.unknown()).nullable().catch(null);
const cycleSchema = z.object({ interval: z.string(), frequency: z.number() });

export const customerSchema = z.object({ id: z.string(), email: z.string().nullable() });

/** Source of the fields: Paddle API, subscriptions; statuses are active, canceled, past_due, paused, trialing. */
export const subscriptionSchema = z.object({
  id: z.string(),
  status: z.string(),
  customer_id: z.string(),
  created_at: dateSchema,
  canceled_at: dateSchema.nullable(),
  next_billed_at: dateSchema.nullable(),
  current_billing_period: z.object({ ends_at: dateSchema }).nullable(),
  scheduled_change: z.object({ action: z.string(), effective_at: dateSchema }).nullable(),
  custom_data: customDataSchema,
  items: z.array(z.object({ price: z.object({ id: z.string() }), quantity: z.number().default(1) })),
});
export type PaddleSubscription = z.output<typeof subscriptionSchema>;

/** With `include=customer,adjustment`. */
export const transactionSchema = z.object({
  id: z.string(),
  status: z.string(),
  customer_id: z.string().nullable(),
  subscription_id: z.string().nullable(),
  created_at: dateSchema,
  billed_at: dateSchema.nullable(),
  custom_data: customDataSchema,
  items: z.array(
    z.object({
      price: z.object({ id: z.string(), billing_cycle: cycleSchema.nullable() }),
      quantity: z.number().default(1),
    }),
  ),
  details: z.object({ totals: z.object({ total: z.string() }) }),
  checkout: z.object({ url: z.string().nullable() }).nullable(),
  customer: z.object({ email: z.string().nullable() }).nullish(),
  adjustments: z
    .array(
      z.object({
        action: z.string(),
        status: z.string(),
        created_at: dateSchema,
        totals: z.object({ total: z.string() }),
      }),
    )
    .nullish(),
});
export type PaddleTransaction = z.output<typeof transactionSchema>;

export const priceSchema = z.object({
  id: z.string(),
  unit_price: z.object({ amount: z.string(), currency_code: z.string() }),
  billing_cycle: cycleSchema.nullable(),
  trial_period: cycleSchema.nullable(),
});

export const portalSchema = z.object({ urls: z.object({ general: z.object({ overview: z.string() }) }) });

/** Any event: what it is about names the customer, is the customer, or must be asked. */
export const eventSchema = z.object({
  event_id: z.string().min(1),
  event_type: z.string().min(1),
  data: z.object({ id: z.string().nullish(), customer_id: z.string().nullish() }),
});

/** Paddle's words for statuses are ours too; `paused` and `canceled` begin when Paddle says so, not when they are asked for. */
export function toReading(subscription: PaddleSubscription, email: string | null): SubscriptionReading {
  const { scheduled_change: change, status } = subscription;
  return toStorable({
    id: subscription.id,
    customerId: subscription.customer_id,
    email,
    ...toOrder(subscription.custom_data),
    priceKeys: subscription.items.map((item) => item.price.id),
    status,
    createdAt: subscription.created_at,
    periodEnd: subscription.current_billing_period?.ends_at ?? subscription.next_billed_at,
    cancelAt: change?.action === "cancel" ? change.effective_at : null,
    endedAt: status === "canceled" ? subscription.canceled_at : null,
    trialEnd: status === "trialing" ? subscription.next_billed_at : null,
  });
}

/**
 * A completed payment of something that is paid once, read as a subscription that goes on until all of the money has been
 * given back. undefined: the payment is none of these.
 */
export function toOneTimeReading(transaction: PaddleTransaction): SubscriptionReading | undefined {
  const { customer_id: customerId, subscription_id: subscriptionId } = transaction;
  const once = transaction.items.filter((item) => item.price.billing_cycle === null);
  const recurring = once.length < transaction.items.length;
  if (transaction.status !== "completed" || customerId === null || subscriptionId !== null || recurring)
    return undefined;
  const endedAt = findRefund(transaction);
  return toStorable({
    id: transaction.id,
    customerId,
    email: transaction.customer?.email ?? null,
    ...toOrder(transaction.custom_data),
    priceKeys: once.map((item) => item.price.id),
    status: endedAt === null ? "active" : "canceled",
    createdAt: transaction.billed_at ?? transaction.created_at,
    periodEnd: null,
    cancelAt: null,
    endedAt,
  });
}

const returned: Readonly<Record<string, number>> = { refund: 1, chargeback: 1, chargeback_reverse: -1 };

/** When the last of the money went back, by the seller's will or by the customer's bank; null while some is left. */
function findRefund({ adjustments, details }: PaddleTransaction): Date | null {
  const back = (adjustments ?? []).filter(
    ({ status, action }) => status === "approved" && action in returned,
  );
  const sum = back.reduce((total, one) => total + (returned[one.action] ?? 0) * Number(one.totals.total), 0);
  if (sum <= 0 || sum < Number(details.totals.total)) return null;
  return new Date(Math.max(...back.map((one) => one.created_at.getTime())));
}

function toOrder(data: Record<string, unknown> | null): { slug: string | null; orderId: string | null } {
  const text = (value: unknown) => (typeof value === "string" ? value : null);
  return { slug: text(data?.["slug"]), orderId: text(data?.["order"]) };
}

export function toPrice(price: z.output<typeof priceSchema>): Price {
  const amount = Number(price.unit_price.amount);
  return {
    lookupKey: price.id,
    id: price.id,
    unitAmount: Number.isSafeInteger(amount) ? amount : null,
    currency: price.unit_price.currency_code.toLowerCase(),
    interval: price.billing_cycle?.interval ?? null,
    intervalCount: price.billing_cycle?.frequency ?? 1,
    trialDays: toDays(price.trial_period),
  };
}

const daysOf: Readonly<Record<string, number>> = { day: 1, week: 7, month: 30, year: 365 };

function toDays(period: z.output<typeof cycleSchema> | null): number {
  return period === null ? 0 : period.frequency * (daysOf[period.interval] ?? 0);
}
