/** What Stripe's customers may do about their subscription. Prorations are Stripe's, to the second that was shown. */
import type Stripe from "stripe";
import { ClawfleetError } from "../errors.ts";
import type { BillingDesk, Invoice, Wish } from "./desk.ts";
import { findPlanItem, type IsPlanPrice } from "./plan-item.ts";
import { subscriptionOf } from "./seats.ts";
import { inOurWords, noPrice, orNothing, unavailable } from "./stripe-errors.ts";

const listedInvoices = 24;

export function priceKeyOfItem({ price }: Stripe.SubscriptionItem): string {
  return price.lookup_key ?? price.id;
}

export function createStripeDesk(stripe: Stripe, isPlanPrice?: IsPlanPrice): BillingDesk {
  async function toItem(seatId: string, wish: Wish) {
    const id = subscriptionOf(seatId);
    const [subscription, wanted] = await Promise.all([
      inOurWords(() => stripe.subscriptions.retrieve(id)),
      "priceKey" in wish ? findPrice(wish.priceKey) : undefined,
    ]);
    const item = findPlanItem(subscription.items.data, priceKeyOfItem, isPlanPrice);
    if (!item) throw unavailable("the subscription has no item");
    const price = wanted ?? item.price;
    const quantity = "quantity" in wish ? wish.quantity : (item.quantity ?? 1);
    return { id, item: { id: item.id, price: price.id, quantity }, price };
  }
  async function findPrice(lookupKey: string): Promise<Stripe.Price> {
    const [price] = (await inOurWords(() => stripe.prices.list({ lookup_keys: [lookupKey], active: true })))
      .data;
    if (!price) throw noPrice(lookupKey);
    return price;
  }
  return {
    async previewChange({ subscriptionId, wish, now }) {
      const { id, item, price } = await toItem(subscriptionId, wish);
      const seconds = Math.floor(now.getTime() / 1000);
      const prorated = { proration_behavior: "always_invoice", proration_date: seconds } as const;
      const details = { items: [item], ...prorated };
      const preview = await inOurWords(() =>
        stripe.invoices.createPreview({ subscription: id, subscription_details: details }),
      );
      return {
        dueNow: preview.total < 0 ? preview.total : preview.amount_due,
        recurring:
          price.unit_amount === null ? null : { amount: price.unit_amount * item.quantity, net: true },
        currency: preview.currency,
        at: new Date(seconds * 1000),
      };
    },
    async change({ subscriptionId, wish, at }) {
      const { id, item } = await toItem(subscriptionId, wish);
      const update = {
        items: [item],
        proration_behavior: "always_invoice",
        proration_date: Math.floor(at.getTime() / 1000),
        payment_behavior: "error_if_incomplete",
        // Whoever changes something wants to go on.
        cancel_at_period_end: false,
      } satisfies Stripe.SubscriptionUpdateParams;
      await stripe.subscriptions.update(id, update).catch((error: unknown) => {
        if (isDeclined(error)) throw declined(error);
        return inOurWords(() => Promise.reject(error));
      });
    },
    async cancel(subscriptionId) {
      const id = subscriptionOf(subscriptionId);
      await inOurWords(() => stripe.subscriptions.update(id, { cancel_at_period_end: true }));
    },
    async keep(subscriptionId) {
      const id = subscriptionOf(subscriptionId);
      await inOurWords(() => stripe.subscriptions.update(id, { cancel_at_period_end: false }));
    },
    async extendTrial({ subscriptionId, until }) {
      const trial_end = Math.floor(until.getTime() / 1000);
      const id = subscriptionOf(subscriptionId);
      await inOurWords(() => stripe.subscriptions.update(id, { trial_end, proration_behavior: "none" }));
    },
    async listInvoices(customer) {
      const page = await inOurWords(() => stripe.invoices.list({ customer, limit: listedInvoices }));
      return page.data.flatMap((invoice) => toInvoice(invoice) ?? []);
    },
    async findInvoiceUrl({ customerId, invoiceId }) {
      if (!/^in_\w+$/.test(invoiceId)) return undefined;
      const invoice = await orNothing(() => stripe.invoices.retrieve(invoiceId));
      const owner = typeof invoice?.customer === "string" ? invoice.customer : invoice?.customer?.id;
      return owner === customerId ? (invoice?.hosted_invoice_url ?? undefined) : undefined;
    },
  };
}

const states: Readonly<Record<string, Invoice["state"]>> = {
  paid: "paid",
  open: "open",
  uncollectible: "open",
  void: "void",
};

/** Drafts are nobody's business yet. */
function toInvoice({ id, status, created, total, currency }: Stripe.Invoice): Invoice | undefined {
  const state = states[status ?? ""];
  return id && state ? { id, at: new Date(created * 1000), amount: total, currency, state } : undefined;
}

function isDeclined(error: unknown): boolean {
  return error instanceof Error && Reflect.get(error, "type") === "StripeCardError";
}

function declined(cause: unknown): ClawfleetError {
  return new ClawfleetError({
    code: "conflict",
    message: "The payment was declined, and nothing was changed.",
    remedy: "the customer chooses another way to pay in the billing portal",
    retry: { kind: "permanent" },
    cause,
  });
}
