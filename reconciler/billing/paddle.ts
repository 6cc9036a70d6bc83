/** Paddle Billing behind our few verbs, by a small client of our own (docs/decisions/0007). */
import { z } from "zod";
import { ClawfleetError } from "../errors.ts";
import { createPaddleHttp, type Patience, type PaddleHttp, type PaddleHttpDeps } from "./paddle-http.ts";
import {
  customerSchema,
  eventSchema,
  portalSchema,
  priceSchema,
  subscriptionSchema,
  toOneTimeReading,
  toPrice,
  toReading,
  transactionSchema,
  type PaddleSubscription,
  type PaddleTransaction,
} from "./paddle-objects.ts";
import { isLiveKey, type PaddleSettings } from "./paddle-settings.ts";
import { findSignatureProblem } from "./paddle-signature.ts";
import { findPlanItem, type IsPlanPrice } from "./plan-item.ts";
import { createPaddleDesk } from "./paddle-desk.ts";
import { toSeats } from "./seats.ts";
import type { BillingProvider, SubscriptionReading, WebhookHint } from "./provider.ts";

export type PaddleDeps = PaddleSettings &
  PaddleHttpDeps & {
    /** By which the age of a signature is told. */
    clock: { now(): Date };
    isPlanPrice?: IsPlanPrice;
  };

/** The largest pages that Paddle gives (source: Paddle API, list operations). */
const pageSize = "200";
const transactionPageSize = "30";
/** Payments of what is paid once: subscriptions' own payments are none of ours. */
const oneTime = {
  status: "completed",
  subscription_id: "null",
  include: "customer,adjustment",
  per_page: transactionPageSize,
};
const idSchema = z.string().regex(/^[a-z]+_[a-z0-9]+$/);

export function createPaddleBilling(deps: PaddleDeps): BillingProvider {
  const http = createPaddleHttp(deps);
  const livemode = isLiveKey(deps.apiKey);
  return {
    name: "paddle",
    livemode,
    desk: createPaddleDesk(http, deps.isPlanPrice),
    readAccount: async () => null,
    async *listSubscriptions(signal) {
      const patience = { signal };
      const all = http.list("/subscriptions", { per_page: pageSize }, subscriptionSchema, patience);
      for await (const page of all) yield await toReadings(deps, http, page, patience);
      for await (const page of http.list("/transactions", oneTime, transactionSchema, patience))
        yield toOneTimeReadings(deps, page);
    },
    async readCustomerSubscriptions(customerId) {
      const own = { customer_id: customerId };
      const readings: SubscriptionReading[] = [];
      for await (const page of http.list(
        "/subscriptions",
        { ...own, per_page: pageSize },
        subscriptionSchema,
      ))
        readings.push(...(await toReadings(deps, http, page)));
      for await (const page of http.list("/transactions", { ...own, ...oneTime }, transactionSchema))
        readings.push(...toOneTimeReadings(deps, page));
      return readings;
    },
    findCustomer: (objectId) => findCustomer(http, objectId),
    async verifyWebhook(rawBody, headers) {
      const header = headers.get("paddle-signature");
      const problem = findSignatureProblem({
        header,
        rawBody,
        secrets: deps.webhookSecrets,
        now: deps.clock.now(),
      });
      if (problem !== undefined) throw refuse(problem);
      return toHint(rawBody, livemode);
    },
    async createCheckout({ orderId, slug, lookupKey, returnToken, customerId, quantity = 1 }) {
      const page = new URL(deps.checkoutUrl);
      page.searchParams.set("back", returnToken);
      const body = {
        items: [{ price_id: lookupKey, quantity }],
        collection_mode: "automatic",
        custom_data: { slug, order: orderId },
        ...(customerId === undefined ? {} : { customer_id: customerId }),
        checkout: { url: page.href },
      };
      const { id, checkout } = await http.send("POST", "/transactions", body, transactionSchema);
      if (!checkout || checkout.url === null) throw unavailable("the transaction has no payment page");
      return { sessionId: id, url: checkout.url };
    },
    async expireCheckout(sessionId) {
      const path = `/transactions/${toId(sessionId)}`;
      const transaction = await http.get(path, transactionSchema);
      if (transaction === undefined || transaction.status === "canceled") return true;
      if (transaction.status === "ready") {
        const { status } = await http.send("PATCH", path, { status: "canceled" }, transactionSchema);
        return status === "canceled";
      }
      if (transaction.status !== "draft") return false;
      // A draft cannot be canceled (source: Paddle, transaction_invalid_status_change). Without the name in it, whoever
      // pays it after all is served under another one.
      const order = transaction.custom_data?.["order"];
      await http.send("PATCH", path, { custom_data: { order } }, transactionSchema);
      return true;
    },
    async createPortal({ customerId }) {
      const path = `/customers/${toId(customerId)}/portal-sessions`;
      const { urls } = await http.send("POST", path, {}, portalSchema);
      return { url: urls.general.overview };
    },
    async readPrices(priceIds) {
      const query = { id: priceIds.join(","), per_page: pageSize };
      if (priceIds.length === 0) return new Map();
      const prices = new Map<string, ReturnType<typeof toPrice>>();
      for await (const page of http.list("/prices", query, priceSchema))
        for (const price of page) prices.set(price.id, toPrice(price));
      return prices;
    },
  };
}

/** A subscription names its customer by id alone: a page costs one more request, for the addresses. */
async function toReadings(
  { isPlanPrice }: Pick<PaddleDeps, "isPlanPrice">,
  http: PaddleHttp,
  subscriptions: readonly PaddleSubscription[],
  patience?: Patience,
): Promise<SubscriptionReading[]> {
  const ids = [...new Set(subscriptions.map((one) => one.customer_id))];
  const emails = new Map<string, string | null>();
  if (ids.length > 0) {
    // Archived customers are left out where the status is not asked for.
    const query = { id: ids.join(","), status: "active,archived", per_page: pageSize };
    for await (const page of http.list("/customers", query, customerSchema, patience))
      for (const { id, email } of page) emails.set(id, email);
  }
  return subscriptions.flatMap((one) => {
    const item = findPlanItem(one.items, ({ price }) => price.id, isPlanPrice);
    return toSeats(toReading(one, emails.get(one.customer_id) ?? null), item?.quantity ?? 1);
  });
}

function toOneTimeReadings(
  { isPlanPrice }: Pick<PaddleDeps, "isPlanPrice">,
  transactions: readonly PaddleTransaction[],
): SubscriptionReading[] {
  return transactions.flatMap((one) => {
    const reading = toOneTimeReading(one);
    const item = findPlanItem(one.items, ({ price }) => price.id, isPlanPrice);
    return reading ? toSeats(reading, item?.quantity ?? 1) : [];
  });
}

const ownedSchema = z.object({ customer_id: z.string().nullable() });

/** Of an object that an event named without its customer. */
async function findCustomer(http: PaddleHttp, objectId: string): Promise<string | null> {
  if (!idSchema.safeParse(objectId).success) return null;
  if (objectId.startsWith("ctm_")) return objectId;
  const paths: Record<string, string> = { sub_: "/subscriptions", txn_: "/transactions" };
  const path = Object.entries(paths).find(([prefix]) => objectId.startsWith(prefix))?.[1];
  if (path === undefined) return null;
  return (await http.get(`${path}/${objectId}`, ownedSchema))?.customer_id ?? null;
}

/**
 * Paddle's events do not say of which mode or account they are: each notification destination has its own secret, and
 * that of another one fails above. What is about objects that our key cannot see leads to an empty reading, and to nothing.
 */
function toHint(rawBody: string, livemode: boolean): WebhookHint {
  const event = eventSchema.safeParse(parseJson(rawBody)).data;
  if (!event) throw refuse("its body is not an event of Paddle Billing");
  const { event_id: eventId, event_type: type, data } = event;
  const objectId = data.id ?? null;
  const customerId = objectId?.startsWith("ctm_") === true ? objectId : (data.customer_id ?? null);
  return { eventId, type, customerId, objectId, livemode, account: null };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Goes into a path: what is no id of Paddle's is no object of Paddle's. */
function toId(text: string): string {
  const parsed = idSchema.safeParse(text);
  if (parsed.success) return parsed.data;
  throw unavailable("this is no id of Paddle's");
}

function refuse(reason: string): ClawfleetError {
  return new ClawfleetError({
    code: "input_invalid",
    message: `this webhook is not accepted: ${reason}`,
    remedy: "is PADDLE_WEBHOOK_SECRET that of this notification destination, and is the clock right?",
    retry: { kind: "permanent" },
  });
}

function unavailable(why: string): ClawfleetError {
  return new ClawfleetError({
    code: "billing_unavailable",
    message: `Paddle: ${why}`,
    remedy: "set the default payment link of the Paddle account, and look at docs/operations.md",
    retry: { kind: "retryable" },
  });
}
