/** What Paddle's customers may do about their subscription. Prorations are Paddle's, at the moment of the change. */
import { z } from "zod";
import type { BillingDesk, Invoice, Wish } from "./desk.ts";
import type { PaddleHttp } from "./paddle-http.ts";
import { findPlanItem, type IsPlanPrice } from "./plan-item.ts";
import { subscriptionOf } from "./seats.ts";

const idSchema = z.string().regex(/^[a-z]{3}_[a-z0-9]{26}$/);
const listedInvoices = 24;
const anything = z.unknown();
const totals = z.object({ totals: z.object({ grand_total: z.string() }) });

/** Source: Paddle API, preview an update to a subscription. */
const previewSchema = z.object({
  currency_code: z.string(),
  update_summary: z
    .object({ result: z.object({ action: z.enum(["charge", "credit"]), amount: z.string() }) })
    .nullable(),
  recurring_transaction_details: totals.nullable(),
});
const itemSchema = z.object({ price: z.object({ id: z.string() }), quantity: z.number().default(1) });
const itemsSchema = z.object({ items: z.array(itemSchema) });
const invoiceSchema = z.object({
  id: z.string(),
  status: z.string(),
  customer_id: z.string().nullable(),
  created_at: z.coerce.date(),
  billed_at: z.coerce.date().nullable(),
  currency_code: z.string(),
  details: z.object({ totals: z.object({ total: z.string() }) }),
});
const urlSchema = z.object({ url: z.url() });

export function createPaddleDesk(http: PaddleHttp, isPlanPrice?: IsPlanPrice): BillingDesk {
  const pathOf = (seatId: string) => `/subscriptions/${idSchema.parse(subscriptionOf(seatId))}`;
  async function toBody(subscriptionId: string, wish: Wish) {
    const subscription = await http.get(pathOf(subscriptionId), itemsSchema);
    const kept = subscription?.items ?? [];
    const planItem = findPlanItem(kept, ({ price }) => price.id, isPlanPrice);
    // The list is the whole of it: an add-on that is left out is ended (source: Paddle API, update a subscription).
    const addOns = kept.filter((item) => item !== planItem);
    const priceId = "priceKey" in wish ? wish.priceKey : planItem?.price.id;
    const count = "quantity" in wish ? wish.quantity : (planItem?.quantity ?? 1);
    const items = [
      ...(priceId === undefined ? [] : [{ price_id: priceId, quantity: count }]),
      ...addOns.map(({ price, quantity }) => ({ price_id: price.id, quantity })),
    ];
    return { items, proration_billing_mode: "prorated_immediately" };
  }
  return {
    async previewChange({ subscriptionId, wish, now }) {
      const body = await toBody(subscriptionId, wish);
      const preview = await http.send("PATCH", `${pathOf(subscriptionId)}/preview`, body, previewSchema);
      const { update_summary: summary, recurring_transaction_details: recurring } = preview;
      const amount = Number(summary?.result.amount ?? 0);
      return {
        dueNow: summary?.result.action === "credit" ? -amount : amount,
        recurring: recurring && { amount: Number(recurring.totals.grand_total), net: false },
        currency: preview.currency_code.toLowerCase(),
        at: now,
      };
    },
    async change({ subscriptionId, wish }) {
      const body = await toBody(subscriptionId, wish);
      const whole = { ...body, scheduled_change: null, on_payment_failure: "prevent_change" };
      await http.send("PATCH", pathOf(subscriptionId), whole, anything);
    },
    async cancel(subscriptionId) {
      const body = { effective_from: "next_billing_period" };
      await http.send("POST", `${pathOf(subscriptionId)}/cancel`, body, anything);
    },
    async keep(subscriptionId) {
      await http.send("PATCH", pathOf(subscriptionId), { scheduled_change: null }, anything);
    },
    async extendTrial({ subscriptionId, until }) {
      const body = { next_billed_at: until.toISOString(), proration_billing_mode: "do_not_bill" };
      await http.send("PATCH", pathOf(subscriptionId), body, anything);
    },
    async listInvoices(customerId) {
      const query = { customer_id: idSchema.parse(customerId), status: "billed,paid,completed,past_due" };
      const pages = await Array.fromAsync(
        http.list("/transactions", { ...query, per_page: "30" }, invoiceSchema),
      );
      const newest = pages
        .flat()
        .map(toInvoice)
        .toSorted((a, b) => b.at.getTime() - a.at.getTime());
      return newest.slice(0, listedInvoices);
    },
    async findInvoiceUrl({ customerId, invoiceId }) {
      if (!idSchema.safeParse(invoiceId).success) return undefined;
      const path = `/transactions/${invoiceId}`;
      const found = await http.get(path, invoiceSchema);
      if (found?.customer_id !== customerId) return undefined;
      // A document of its own each time: the address is good for an hour (source: Paddle API, get a PDF invoice).
      return (await http.get(`${path}/invoice`, urlSchema))?.url;
    },
  };
}

function toInvoice(one: z.output<typeof invoiceSchema>): Invoice {
  return {
    id: one.id,
    at: one.billed_at ?? one.created_at,
    amount: Number(one.details.totals.total),
    currency: one.currency_code.toLowerCase(),
    state: one.status === "completed" || one.status === "paid" ? "paid" : "open",
  };
}
