/** The simulated Stripe: the API that the official SDK speaks, the payment page, webhooks, and a clock that can be moved. */
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { renderPaymentPage } from "../kit/payment-page.ts";
import { startSimulator, type ExchangeCheck, type Simulator, type SimulatorEnv } from "../kit/simulator.ts";
import { blankPrice, blankProduct } from "./blanks.ts";
import { createBilling, type Billing, type EndOfRetries, type Subscription } from "./billing.ts";
import { createCheckout, type Payment } from "./checkout.ts";
import { createStripeClock, type StripeClock } from "./clock.ts";
import { createDelivery, type Delivery } from "./delivery.ts";
import { missing, StripeRefusal, unauthorized } from "./errors.ts";
import { createIdempotency } from "./idempotency.ts";
import { createRoutes } from "./routes.ts";
import { createStore, newId, type StripeObject } from "./store.ts";

export type StripeOptions = {
  /** Keys that are taken; the first decides between test and live. Default `defaultKey`. */
  keys?: string[];
  /** Wait before the second delivery of a webhook, doubling. Default 50 ms; Stripe's own begins at an hour. */
  retryMs?: number;
  maxTries?: number;
  endOfRetries?: EndOfRetries;
  check?: ExchangeCheck | undefined;
  port?: number;
};

export type PriceSeed = {
  lookupKey: string;
  name: string;
  unitAmount: number;
  currency?: string;
  interval?: string;
};

export type StripeSimulator = Simulator & {
  key: string;
  clock: StripeClock & { advance(ms: number): void };
  delivery: Delivery;
  billing: Billing;
  seedPrice(seed: PriceSeed): StripeObject;
  /** By its lookup key. @throws when there is none. */
  price(lookupKey: string): StripeObject;
  payCheckout(sessionId: string, payment?: Partial<Payment>): StripeObject;
  createPaidSubscription(input: {
    lookupKey: string;
    email: string;
    metadata?: Record<string, string>;
    trialDays?: number;
    /** Id of a customer who is known already; absent: a new one. */
    customer?: string;
  }): Subscription;
  setStatus(subscriptionId: string, status: string): void;
  cancelSubscription(subscriptionId: string): void;
  subscriptions(): Subscription[];
  /** Adds a webhook endpoint; returns its secret. */
  addEndpoint(url: string): string;
  /** A second secret beside the first, as during a rotation. */
  rotateSecret(url: string): string;
  /** An event of any kind, about any object. */
  emit(type: string, object: StripeObject): StripeObject;
};

export const defaultKey = "sk_test_sandbox0123456789";
export const apiVersion = "2026-10-28.endive";

export async function startStripe(options: StripeOptions = {}): Promise<StripeSimulator> {
  const keys = options.keys ?? [defaultKey];
  const livemode = (keys[0] ?? "").includes("_live_");
  const store = createStore();
  const clock = createStripeClock();
  const delivery = createDelivery({
    store,
    retryMs: options.retryMs ?? 50,
    maxTries: options.maxTries ?? 6,
  });
  const billing = createBilling({
    store,
    clock,
    delivery,
    livemode,
    apiVersion,
    endOfRetries: options.endOfRetries ?? "canceled",
  });
  let origin = "";
  const checkout = createCheckout({ store, clock, billing, livemode, origin: () => origin });
  const idempotency = createIdempotency();

  const app = new Hono<SimulatorEnv>();
  app.onError((error, c) => {
    if (!(error instanceof StripeRefusal)) throw error;
    return c.json({ error: error.body }, error.status as ContentfulStatusCode);
  });
  app.use("/v1/*", async (c, next) => {
    const given = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
    if (!keys.includes(given)) throw unauthorized();
    c.header("request-id", newId("req"));
    c.header("stripe-version", apiVersion);
    const key = c.req.header("idempotency-key");
    if (key === undefined || c.req.method !== "POST") return await next();
    const request = `${c.req.path} ${await c.req.raw.clone().text()}`;
    const before = idempotency.recall(key, request);
    if (before) {
      c.header("idempotent-replayed", "true");
      return c.body(before.body, before.status as ContentfulStatusCode, {
        "content-type": "application/json",
      });
    }
    await next();
    if (c.res.status < 500)
      idempotency.remember(key, { request, status: c.res.status, body: await c.res.clone().text() });
    return undefined;
  });
  app.route("/v1", createRoutes({ store, billing, checkout, clock, livemode, origin: () => origin }));

  app.get("/c/pay/:id", (c) => c.html(checkoutPage(findSession(c.req.param("id")))));
  app.post("/c/pay/:id", async (c) => {
    const session = findSession(c.req.param("id"));
    const form = await c.req.parseBody();
    const text = (name: string) => (typeof form[name] === "string" ? form[name] : "");
    try {
      checkout.pay(session, { card: text("card"), email: text("email"), name: text("name") });
    } catch (error) {
      if (!(error instanceof StripeRefusal)) throw error;
      return c.html(checkoutPage(session, error.message, text("email")), 402);
    }
    return c.redirect(String(session["success_url"]).replaceAll("{CHECKOUT_SESSION_ID}", session.id), 303);
  });
  app.get("/p/session/:id", (c) =>
    c.text(`billing portal of ${String(store.portals.find(c.req.param("id"))?.["customer"])}`),
  );

  app.post("/_sandbox/stripe/advance", async (c) => {
    billing.advance((await c.req.json<{ ms: number }>()).ms);
    return c.json({ now: clock.now().toISOString() });
  });
  app.post("/_sandbox/stripe/cancel/:id", (c) => {
    cancelSubscription(c.req.param("id"));
    return c.json({ canceled: true });
  });

  function findSession(id: string): StripeObject {
    const session = store.sessions.find(id);
    if (!session) throw missing("checkout.session", id);
    return session;
  }

  function checkoutPage(session: StripeObject, error?: string, email = "") {
    const closed = session["status"] === "open" ? undefined : "This payment page is no longer open.";
    return renderPaymentPage({
      service: "Stripe",
      action: `/c/pay/${session.id}`,
      cancelUrl: typeof session["cancel_url"] === "string" ? session["cancel_url"] : undefined,
      lines: [
        {
          name: "Subscription",
          amount: `${(Number(session["amount_total"]) / 100).toFixed(2)} ${String(session["currency"]).toUpperCase()}`,
        },
      ],
      email: email || (typeof session["customer_email"] === "string" ? session["customer_email"] : ""),
      error: error ?? closed,
      trialDays: 0,
    });
  }

  function findSubscription(id: string): Subscription {
    const subscription = store.subscriptions.find(id);
    if (!subscription) throw missing("subscription", id);
    return subscription as Subscription;
  }

  function findPrice(lookupKey: string): StripeObject {
    const price = store.prices.newest().find((one) => one["lookup_key"] === lookupKey);
    if (!price) throw missing("price", lookupKey);
    return price;
  }

  function cancelSubscription(id: string): void {
    billing.cancel(findSubscription(id));
  }

  function addSecret(url: string): string {
    const endpoint = store.endpoints.newest().find((one) => one["url"] === url);
    const secret = newId("whsec");
    if (endpoint) (endpoint["secrets"] as string[]).push(secret);
    return secret;
  }

  const simulator = await startSimulator({
    name: "stripe",
    app,
    check: options.check,
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  origin = simulator.origin;

  return {
    ...simulator,
    key: keys[0] ?? "",
    clock: { ...clock, advance: (ms) => billing.advance(ms) },
    delivery,
    billing,
    seedPrice({ lookupKey, name, unitAmount, currency = "eur", interval = "month" }) {
      const product = store.products.add({
        ...blankProduct(name),
        id: newId("prod"),
        object: "product",
        created: clock.seconds(),
        updated: clock.seconds(),
        livemode,
      });
      return store.prices.add({
        ...blankPrice(),
        id: newId("price"),
        object: "price",
        created: clock.seconds(),
        currency,
        livemode,
        lookup_key: lookupKey,
        product: product.id,
        recurring: {
          interval,
          interval_count: 1,
          meter: null,
          trial_period_days: null,
          usage_type: "licensed",
        },
        unit_amount: unitAmount,
        unit_amount_decimal: String(unitAmount),
      });
    },
    price: findPrice,
    payCheckout: (sessionId, payment = {}) =>
      checkout.pay(findSession(sessionId), {
        card: "4242424242424242",
        email: "customer@example.com",
        ...payment,
      }),
    createPaidSubscription({ lookupKey, email, metadata = {}, trialDays, customer }) {
      const price = findPrice(lookupKey);
      return billing.createSubscription({
        customer: customer ?? checkout.createCustomer({ email }).id,
        prices: [{ id: price.id, quantity: 1 }],
        metadata,
        trialDays,
      });
    },
    setStatus(subscriptionId, status) {
      billing.change(findSubscription(subscriptionId), { status });
    },
    cancelSubscription,
    subscriptions: () => store.subscriptions.newest() as Subscription[],
    addEndpoint(url) {
      const endpoint = store.endpoints.add({
        id: newId("we"),
        object: "webhook_endpoint",
        created: clock.seconds(),
        enabled_events: ["*"],
        livemode,
        metadata: {},
        status: "enabled",
        url,
        api_version: null,
        application: null,
        description: null,
      });
      const secret = newId("whsec");
      Object.defineProperty(endpoint, "secrets", { value: [secret], writable: true, enumerable: false });
      return secret;
    },
    rotateSecret: addSecret,
    emit: (type, object) => billing.emit(type, object),
  };
}
