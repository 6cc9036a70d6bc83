/** Stripe behind our few verbs, through the official SDK; its errors become ours here and nowhere else. */
import Stripe from "stripe";
import { ClawfleetError } from "../errors.ts";
import { findPlanItem, type IsPlanPrice } from "./plan-item.ts";
import { toSeats } from "./seats.ts";
import { toStorable } from "./storable.ts";
import { createStripeDesk, priceKeyOfItem } from "./stripe-desk.ts";
import { inOurWords, noPrice, orNothing, unavailable } from "./stripe-errors.ts";
import type { BillingProvider, Price, SubscriptionReading, WebhookHint } from "./provider.ts";

export type StripeSettings = {
  secretKey: string;
  /** Several while one is being rotated. */
  webhookSecrets: readonly string[];
  apiUrl: string;
  /** Stripe Tax reckons tax and asks for address and tax id. */
  automaticTax?: boolean;
  isPlanPrice?: IsPlanPrice;
};

const pageSize = 100;
/** Stripe takes no more at once (source: Stripe API, list all prices). */
const keysPerQuestion = 10;
/** Age up to which a signed event is taken (source: Stripe, webhook signatures). */
const toleranceSeconds = 300;
const timeoutMs = 20_000;

export function createStripeBilling(settings: StripeSettings): BillingProvider {
  const stripe = createClient(settings);
  const livemode = settings.secretKey.includes("_live_");
  return {
    name: "stripe",
    livemode,
    desk: createStripeDesk(stripe, settings.isPlanPrice),
    async readAccount() {
      return await inOurWords(async () => {
        const account = await stripe.accounts.retrieveCurrent().catch((error: unknown) => {
          // A restricted key need not have this right.
          if (error instanceof Stripe.errors.StripePermissionError) return null;
          throw error;
        });
        return account?.id ?? null;
      });
    },
    async *listSubscriptions(signal) {
      let after: string | undefined;
      for (;;) {
        signal?.throwIfAborted();
        const cursor = after === undefined ? {} : { starting_after: after };
        const page = await inOurWords(() =>
          stripe.subscriptions.list({ status: "all", limit: pageSize, expand: ["data.customer"], ...cursor }),
        );
        yield page.data.flatMap((one) => toReadings(one, settings.isPlanPrice));
        if (!page.has_more) return;
        const last = page.data.at(-1)?.id;
        // A list that stops half way or goes round in circles is not a whole list.
        if (last === undefined || last === after) throw unavailable("its list does not go on");
        after = last;
      }
    },
    async readCustomerSubscriptions(customer) {
      const found = await orNothing(() =>
        stripe.subscriptions
          .list({ customer, status: "all", limit: pageSize, expand: ["data.customer"] })
          .autoPagingToArray({ limit: 1000 }),
      );
      return (found ?? []).flatMap((one) => toReadings(one, settings.isPlanPrice));
    },
    findCustomer: (objectId) => findCustomer(stripe, objectId),
    verifyWebhook: (rawBody, headers) => verifyWebhook(stripe, settings, rawBody, headers),
    async createCheckout(request) {
      const prices = await inOurWords(() =>
        stripe.prices.list({ lookup_keys: [request.lookupKey], active: true }),
      );
      const price = prices.data[0];
      if (!price) throw noPrice(request.lookupKey);
      const metadata = { slug: request.slug, order: request.orderId };
      const session = await inOurWords(() =>
        stripe.checkout.sessions.create(
          {
            mode: "subscription",
            line_items: [{ price: price.id, quantity: request.quantity ?? 1 }],
            client_reference_id: request.orderId,
            metadata,
            ...(request.customerId === undefined ? {} : { customer: request.customerId }),
            ...(settings.automaticTax ? taxByStripe(request.customerId) : {}),
            subscription_data: {
              metadata,
              ...(request.trialDays > 0 ? { trial_period_days: request.trialDays } : {}),
            },
            allow_promotion_codes: true,
            success_url: request.successUrl,
            cancel_url: request.cancelUrl,
            expires_at: Math.floor(request.expiresAt.getTime() / 1000),
          },
          { idempotencyKey: `order-${request.orderId}${request.attempt ?? ""}` },
        ),
      );
      if (session.url === null) throw unavailable("the payment page has no address");
      return { sessionId: session.id, url: session.url };
    },
    async expireCheckout(sessionId) {
      const { status } = await inOurWords(() => stripe.checkout.sessions.retrieve(sessionId));
      if (status === "complete") return false;
      if (status === "expired") return true;
      return (await inOurWords(() => stripe.checkout.sessions.expire(sessionId))).status === "expired";
    },
    async createPortal(request) {
      const { url } = await inOurWords(() =>
        stripe.billingPortal.sessions.create({ customer: request.customerId, return_url: request.returnUrl }),
      );
      return { url };
    },
    async readPrices(lookupKeys) {
      const prices = new Map<string, Price>();
      for (let from = 0; from < lookupKeys.length; from += keysPerQuestion) {
        const lookup_keys = lookupKeys.slice(from, from + keysPerQuestion);
        const page = await inOurWords(() =>
          stripe.prices.list({ lookup_keys, active: true, limit: pageSize }),
        );
        for (const price of page.data) if (price.lookup_key) prices.set(price.lookup_key, toPrice(price));
      }
      return prices;
    },
  };
}

/** What a known customer types there is kept. */
function taxByStripe(customerId: string | undefined) {
  const kept = { customer_update: { address: "auto", name: "auto" } } as const;
  return {
    automatic_tax: { enabled: true },
    tax_id_collection: { enabled: true },
    ...(customerId === undefined ? {} : kept),
  };
}

function createClient({ secretKey, apiUrl }: StripeSettings): Stripe {
  const url = new URL(apiUrl);
  const plain = url.protocol === "http:";
  return new Stripe(secretKey, {
    host: url.hostname,
    port: url.port === "" ? (plain ? 80 : 443) : Number(url.port),
    protocol: plain ? "http" : "https",
    timeout: timeoutMs,
    maxNetworkRetries: 2,
    telemetry: false,
  });
}

/** What is metered has no quantity. */
function toReadings(
  subscription: Stripe.Subscription,
  isPlanPrice: IsPlanPrice | undefined,
): SubscriptionReading[] {
  const item = findPlanItem(subscription.items.data, priceKeyOfItem, isPlanPrice);
  return toSeats(toReading(subscription), item?.quantity ?? 1);
}

function toReading(subscription: Stripe.Subscription): SubscriptionReading {
  const { customer, items, metadata } = subscription;
  const expanded = typeof customer === "string" || customer.deleted === true ? undefined : customer;
  const ends = items.data.map((item) => item.current_period_end);
  return toStorable({
    id: subscription.id,
    customerId: typeof customer === "string" ? customer : customer.id,
    email: expanded?.email ?? null,
    slug: metadata["slug"] ?? null,
    orderId: metadata["order"] ?? null,
    priceKeys: items.data.map(priceKeyOfItem),
    status: toStatus(subscription),
    createdAt: toDate(subscription.created),
    periodEnd: ends.length === 0 ? null : toDate(Math.max(...ends)),
    cancelAt: subscription.cancel_at === null ? null : toDate(subscription.cancel_at),
    endedAt: subscription.ended_at === null ? null : toDate(subscription.ended_at),
    trialEnd: subscription.trial_end === null ? null : toDate(subscription.trial_end),
  });
}

/**
 * Collecting can be paused beside the status. Stripe's words for `void` are that the service cannot be given meanwhile; with
 * the others the seller gives it for free, or collects later (source: Stripe, pause payment collection).
 */
function toStatus({ status, pause_collection: pause }: Stripe.Subscription): string {
  const pays = status === "active" || status === "trialing" || status === "past_due";
  return pays && pause?.behavior === "void" ? "paused" : status;
}

function toPrice(price: Stripe.Price): Price {
  return {
    lookupKey: price.lookup_key ?? price.id,
    id: price.id,
    unitAmount: price.unit_amount,
    currency: price.currency,
    interval: price.recurring?.interval ?? null,
    intervalCount: price.recurring?.interval_count ?? 1,
  };
}

function toDate(seconds: number): Date {
  return new Date(seconds * 1000);
}

/** Of an object that an event named: what we can be asked about says itself whose it is. */
async function findCustomer(stripe: Stripe, objectId: string): Promise<string | null> {
  const readers: Record<string, () => Promise<{ customer: string | { id: string } | null }>> = {
    sub_: () => stripe.subscriptions.retrieve(objectId),
    in_: () => stripe.invoices.retrieve(objectId),
    cs_: () => stripe.checkout.sessions.retrieve(objectId),
  };
  if (objectId.startsWith("cus_")) return objectId;
  const reader = Object.entries(readers).find(([prefix]) => objectId.startsWith(prefix))?.[1];
  const found = reader === undefined ? undefined : await orNothing(reader);
  const customer = found?.customer ?? null;
  return typeof customer === "object" ? (customer?.id ?? null) : customer;
}

/** Snapshot and thin events are told apart by what they call themselves; both are signed the same way. */
async function verifyWebhook(
  stripe: Stripe,
  settings: StripeSettings,
  rawBody: string,
  headers: Headers,
): Promise<WebhookHint> {
  const signature = headers.get("stripe-signature");
  if (signature === null) throw refuse("there is no Stripe-Signature header");
  const thin = isThin(rawBody);
  let reason = "no webhook secret is configured";
  for (const secret of settings.webhookSecrets) {
    try {
      if (thin) {
        return toThinHint(stripe.parseEventNotification(rawBody, signature, secret, toleranceSeconds));
      }
      return toHint(stripe.webhooks.constructEvent(rawBody, signature, secret, toleranceSeconds));
    } catch (error) {
      reason = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
    }
  }
  throw refuse(reason);
}

function isThin(rawBody: string): boolean {
  try {
    const body: unknown = JSON.parse(rawBody);
    return typeof body === "object" && body !== null && Reflect.get(body, "object") === "v2.core.event";
  } catch {
    return false;
  }
}

function toHint(event: Stripe.Event): WebhookHint {
  const object: unknown = event.data.object;
  const text = (name: string): string | null => {
    const value: unknown = typeof object === "object" && object !== null ? Reflect.get(object, name) : null;
    return typeof value === "string" ? value : null;
  };
  return {
    eventId: event.id,
    type: event.type,
    customerId: text("object") === "customer" ? text("id") : text("customer"),
    objectId: text("id"),
    livemode: event.livemode,
    account: event.account ?? null,
  };
}

function toThinHint(event: Stripe.V2.Core.EventNotification): WebhookHint {
  const related: unknown = "related_object" in event ? event.related_object : null;
  const id: unknown = typeof related === "object" && related !== null ? Reflect.get(related, "id") : null;
  const objectId = typeof id === "string" ? id : null;
  return {
    eventId: event.id,
    type: event.type.replace(/^v1\./, ""),
    customerId: objectId?.startsWith("cus_") === true ? objectId : null,
    objectId,
    livemode: event.livemode,
    account: null,
  };
}

function refuse(reason: string): ClawfleetError {
  return new ClawfleetError({
    code: "input_invalid",
    message: `this webhook is not accepted: ${reason}`,
    remedy: "is STRIPE_WEBHOOK_SECRET that of this endpoint, and is the clock right?",
    retry: { kind: "permanent" },
  });
}
