/** What happens in the simulated Stripe: subscriptions begin, change, renew and end, each step with its events. */
import { addInterval, daySeconds, type StripeClock } from "./clock.ts";
import type { Delivery } from "./delivery.ts";
import { blankInvoice, blankSubscription } from "./blanks.ts";
import { invalid, missing } from "./errors.ts";
import { newId, type Store, type StripeObject } from "./store.ts";

export type EndOfRetries = "canceled" | "unpaid" | "past_due";

export type BillingDeps = {
  store: Store;
  clock: StripeClock;
  delivery: Delivery;
  livemode: boolean;
  apiVersion: string;
  /** What the account does when every retry of a charge has failed. */
  endOfRetries: EndOfRetries;
};

/** Cards by what they do (source: Stripe's documentation of test cards). */
export const cards: Record<string, { declined?: { code: string; message: string }; failsLater?: boolean }> = {
  "4242424242424242": {},
  "4000000000000002": { declined: { code: "card_declined", message: "Your card was declined." } },
  "4000000000009995": { declined: { code: "card_declined", message: "Your card has insufficient funds." } },
  "4000000000000069": { declined: { code: "expired_card", message: "Your card has expired." } },
  "4000000000000127": {
    declined: { code: "incorrect_cvc", message: "Your card's security code is incorrect." },
  },
  "4000000000000341": { failsLater: true },
};

/** Smart Retries give up after about this time. */
const retrySeconds = 21 * daySeconds;
const incompleteSeconds = 23 * 3600;

export type Item = StripeObject & {
  price: StripeObject;
  quantity: number;
  current_period_start: number;
  current_period_end: number;
};
export type Subscription = StripeObject & {
  status: string;
  customer: string;
  items: { data: Item[] };
  cancel_at_period_end: boolean;
};

export type Billing = ReturnType<typeof createBilling>;

export function createBilling(deps: BillingDeps) {
  const { store, clock, delivery } = deps;

  function emit(type: string, object: StripeObject, previous?: Record<string, unknown>): StripeObject {
    const event = store.events.add({
      id: newId("evt"),
      object: "event",
      api_version: deps.apiVersion,
      created: clock.seconds(),
      data: { object: structuredClone(object), ...(previous ? { previous_attributes: previous } : {}) },
      livemode: deps.livemode,
      pending_webhooks: 0,
      request: { id: null, idempotency_key: null },
      type,
    });
    delivery.send(event);
    return event;
  }

  function findPrice(id: string): StripeObject {
    const price = store.prices.find(id);
    if (!price) throw missing("price", id, "items[0][price]");
    return price;
  }

  function createItem(
    subscription: string,
    price: StripeObject,
    quantity: number,
    start: number,
    trialEnd: number | null,
  ): Item {
    const { interval, interval_count: count } = price["recurring"] as {
      interval: string;
      interval_count: number;
    };
    const item: Item = {
      id: newId("si"),
      object: "subscription_item",
      billing_thresholds: null,
      created: clock.seconds(),
      current_period_start: start,
      current_period_end: trialEnd ?? addInterval(start, interval, count),
      discounts: [],
      metadata: {},
      price,
      quantity,
      subscription,
      tax_rates: [],
    };
    store.items.add(item);
    return item;
  }

  function createSubscription(input: {
    customer: string;
    prices: { id: string; quantity: number }[];
    metadata: Record<string, string>;
    trialDays?: number | undefined;
    status?: string | undefined;
    failsLater?: boolean;
  }): Subscription {
    const id = newId("sub");
    const start = clock.seconds();
    const trialEnd = input.trialDays ? start + input.trialDays * daySeconds : null;
    const items = input.prices.map(({ id: price, quantity }) =>
      createItem(id, findPrice(price), quantity, start, trialEnd),
    );
    if (items.length === 0) throw invalid("Missing required param: items.", "items");
    const made = {
      ...blankSubscription(),
      id,
      object: "subscription",
      created: start,
      start_date: start,
      billing_cycle_anchor: trialEnd ?? start,
      customer: input.customer,
      items: {
        object: "list",
        has_more: false,
        url: `/v1/subscription_items?subscription=${id}`,
        data: items,
      } as Subscription["items"],
      metadata: input.metadata,
      status: input.status ?? (trialEnd === null ? "active" : "trialing"),
      trial_start: trialEnd === null ? null : start,
      trial_end: trialEnd,
      livemode: deps.livemode,
      currency: items[0]?.price["currency"],
    };
    const subscription = made as unknown as Subscription;
    Object.defineProperty(subscription, "failsLater", {
      value: input.failsLater ?? false,
      writable: true,
      enumerable: false,
    });
    store.subscriptions.add(subscription);
    subscription["latest_invoice"] = bill(subscription, "subscription_create", trialEnd === null).id;
    emit("customer.subscription.created", subscription);
    return subscription;
  }

  function bill(
    subscription: Subscription,
    reason: string,
    paid: boolean,
    amount = totalOf(subscription),
  ): StripeObject {
    const id = newId("in");
    const invoice = store.invoices.add({
      ...toInvoice(subscription, reason, paid, amount),
      id,
      hosted_invoice_url: `https://invoice.stripe.com/i/acct_sandbox/${id}`,
    });
    emit("invoice.created", invoice);
    emit(invoice["status"] === "paid" ? "invoice.paid" : "invoice.payment_failed", invoice);
    return invoice;
  }

  /** As the next invoice would be; kept nowhere. */
  function preview(subscription: Subscription, amount: number): object {
    return {
      ...toInvoice(subscription, "subscription_update", false, amount),
      id: newId("upcoming_in"),
      status: "draft",
    };
  }

  function toInvoice(subscription: Subscription, reason: string, paid: boolean, amount: number) {
    const due = Math.max(0, amount);
    return {
      ...blankInvoice(),

      object: "invoice",
      created: clock.seconds(),
      amount_due: due,
      amount_paid: paid ? due : 0,
      amount_remaining: paid ? 0 : due,
      billing_reason: reason,
      currency: subscription["currency"],
      customer: subscription.customer,
      livemode: deps.livemode,
      parent: {
        type: "subscription_details",
        quote_details: null,
        subscription_details: { subscription: subscription.id, metadata: subscription["metadata"] },
      },
      period_start: clock.seconds(),
      period_end: clock.seconds(),
      status: paid || reason === "subscription_create" ? "paid" : "open",
      subtotal: amount,
      total: amount,
    };
  }

  function totalOf({ items }: Subscription): number {
    return items.data.reduce((sum, item) => sum + Number(item.price["unit_amount"]) * item.quantity, 0);
  }

  /** Changes members and says what they were. */
  function change(
    subscription: Subscription,
    members: Record<string, unknown>,
    type = "customer.subscription.updated",
  ): Subscription {
    const previous = Object.fromEntries(Object.keys(members).map((name) => [name, subscription[name]]));
    Object.assign(subscription, members);
    emit(type, subscription, previous);
    return subscription;
  }

  function cancel(subscription: Subscription): Subscription {
    const at = clock.seconds();
    return change(
      subscription,
      { status: "canceled", canceled_at: subscription["canceled_at"] ?? at, ended_at: at },
      "customer.subscription.deleted",
    );
  }

  function periodEnd(subscription: Subscription): number {
    return Math.min(...subscription.items.data.map((item) => item.current_period_end));
  }

  function renew(subscription: Subscription, at: number): void {
    const fails = Reflect.get(subscription, "failsLater") === true;
    for (const item of subscription.items.data) {
      const { interval, interval_count: count } = item.price["recurring"] as {
        interval: string;
        interval_count: number;
      };
      item.current_period_start = at;
      item.current_period_end = addInterval(at, interval, count);
    }
    bill(subscription, "subscription_cycle", !fails);
    if (fails) {
      Object.defineProperty(subscription, "failingSince", { value: at, writable: true, enumerable: false });
      change(subscription, { status: "past_due" });
    } else change(subscription, { status: "active" });
  }

  /** The next thing that time does to a subscription, if it is due. */
  function step(subscription: Subscription): boolean {
    const at = clock.seconds();
    const cancelAt = subscription.cancel_at_period_end
      ? periodEnd(subscription)
      : Number(subscription["cancel_at"] ?? Infinity);
    const living = ["active", "trialing", "past_due", "unpaid"].includes(subscription.status);
    if (living && cancelAt <= at) return Boolean(cancel(subscription));
    if (subscription.status === "incomplete" && subscription.created + incompleteSeconds <= at) {
      return Boolean(change(subscription, { status: "incomplete_expired", ended_at: at }));
    }
    if (subscription.status === "past_due") {
      const since = Number(Reflect.get(subscription, "failingSince") ?? at);
      if (since + retrySeconds > at) return false;
      if (deps.endOfRetries === "past_due") return false;
      return Boolean(
        deps.endOfRetries === "canceled" ? cancel(subscription) : change(subscription, { status: "unpaid" }),
      );
    }
    if (["active", "trialing"].includes(subscription.status) && periodEnd(subscription) <= at) {
      renew(subscription, periodEnd(subscription));
      return true;
    }
    return false;
  }

  /** Moves time; everything that becomes due happens. */
  function advance(ms: number): void {
    clock.moveBy(ms);
    for (const session of store.sessions.newest()) {
      if (session["status"] === "open" && Number(session["expires_at"]) <= clock.seconds()) {
        session["status"] = "expired";
        emit("checkout.session.expired", session);
      }
    }
    for (const subscription of store.subscriptions.newest() as Subscription[]) {
      for (let steps = 0; steps < 500 && step(subscription); steps += 1);
    }
  }

  return { emit, createSubscription, createItem, change, cancel, bill, preview, advance, findPrice };
}
