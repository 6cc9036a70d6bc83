/** The simulated Paddle: its API, a payment page, signed notifications, and a clock that can be moved. */
import { Hono } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { createMovableClock, type MovableClock } from "../kit/clock.ts";
import { renderPaymentPage } from "../kit/payment-page.ts";
import { startSimulator, type Simulator, type SimulatorEnv } from "../kit/simulator.ts";
import { createCheckout, type Payment } from "./checkout.ts";
import { PaddleRefusal } from "./errors.ts";
import { createLife, type EndOfDunning, type Life } from "./life.ts";
import {
  createStore,
  dated,
  newId,
  type Adjustment,
  type Cycle,
  type Price,
  type Subscription,
  type Transaction,
} from "./model.ts";
import { createNotifications, type Notifications } from "./notifications.ts";
import { createRateLimit } from "./rate.ts";
import { createRoutes } from "./routes.ts";

export type PaddleOptions = {
  /** Keys that are taken. Default `defaultKey`. */
  keys?: string[];
  /** Wait before the second delivery of a notification, doubling. Default 50 ms; Paddle's own begins at a minute. */
  retryMs?: number;
  maxTries?: number;
  endOfDunning?: EndOfDunning;
  /** Default 240, as Paddle. */
  requestsPerMinute?: number;
  /** Where the payment page leads after the payment; `{name}` is filled in from the page's own query. */
  successUrl?: string;
  port?: number;
};

export type PriceSeed = {
  /** `pri_` and 26 characters. */
  id: string;
  name: string;
  unitAmount: number;
  currency?: string;
  /** null: paid once. Default a month. */
  cycle?: Cycle | null;
  trial?: Cycle;
};

export type PaddleSimulator = Simulator & {
  key: string;
  /** Page that opens a checkout: what a seller has at an approved domain. */
  checkoutUrl: string;
  clock: MovableClock & { advance(ms: number): void };
  notifications: Notifications;
  life: Life;
  seedPrice(seed: PriceSeed): Price;
  /** Pays on the payment page. */
  pay(transactionId: string, payment?: Partial<Payment>): Transaction;
  /** As if somebody had bought it somewhere: a recurring price begins a subscription, another completes a payment. */
  buy(input: BuyInput): Transaction;
  subscription(id: string): Subscription;
  subscriptions(): Subscription[];
  adjust(transactionId: string, action: Adjustment["action"], amount?: string): Adjustment;
  /** Adds a notification destination; returns its secret. */
  addDestination(url: string): string;
  /** A second secret beside the first, as during a rotation. */
  rotateSecret(url: string): string;
};

export type BuyInput = {
  priceId: string;
  email: string;
  customData?: Record<string, unknown> | null;
  card?: string;
  quantity?: number;
};

export const defaultKey = "pdl_sdbx_apikey_01sandbox0000000000000000_simulated0000000000_AAA";
const goodCard = "4242424242424242";

export async function startPaddle(options: PaddleOptions = {}): Promise<PaddleSimulator> {
  const keys = options.keys ?? [defaultKey];
  const store = createStore();
  const clock = createMovableClock();
  const notifications = createNotifications({
    store,
    clock,
    retryMs: options.retryMs ?? 50,
    maxTries: options.maxTries ?? 6,
  });
  const life = createLife({ store, clock, notifications, endOfDunning: options.endOfDunning ?? "canceled" });
  const rate = createRateLimit(options.requestsPerMinute ?? 240);
  let origin = "";
  const checkout = createCheckout({
    store,
    clock,
    life,
    notifications,
    defaultPage: () => `${origin}/checkout`,
  });

  const app = new Hono<SimulatorEnv>();
  app.onError((error, c) => {
    if (!(error instanceof PaddleRefusal)) throw error;
    return c.json(error.toBody(), error.status as ContentfulStatusCode);
  });

  app.get("/checkout", (c) => c.html(showPage(new URL(c.req.url))));
  app.post("/checkout", async (c) => {
    const form = await c.req.parseBody();
    const text = (name: string) => (typeof form[name] === "string" ? form[name] : "");
    const url = new URL(c.req.url);
    try {
      checkout.pay(findAsked(url), { card: text("card"), email: text("email"), name: text("name") });
    } catch (error) {
      if (!(error instanceof PaddleRefusal)) throw error;
      return c.html(showPage(url, error.message, text("email")), 402);
    }
    return options.successUrl === undefined
      ? c.text("paid")
      : c.redirect(fill(options.successUrl, url.searchParams), 303);
  });
  app.get("/portal/:id", (c) => c.text("customer portal"));
  app.post("/_sandbox/paddle/advance", async (c) => {
    life.advance((await c.req.json<{ ms: number }>()).ms);
    return c.json({ now: clock.now().toISOString() });
  });

  app.use("*", async (c, next) => {
    const blockedSeconds = rate.take();
    if (blockedSeconds !== undefined) {
      c.header("retry-after", String(blockedSeconds));
      const refusal = new PaddleRefusal(
        429,
        "too_many_requests",
        "You have exceeded the allowed rate limit.",
      );
      return c.json(refusal.toBody(), 429);
    }
    const given = /^Bearer (.+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    if (given === undefined)
      throw new PaddleRefusal(401, "authentication_missing", "Authentication header is missing.");
    if (!keys.includes(given)) throw new PaddleRefusal(403, "invalid_token", "Invalid or revoked API key.");
    await next();
    return undefined;
  });
  app.route("/", createRoutes({ store, clock, life, checkout, notifications, origin: () => origin }));
  app.notFound((c) => c.json(new PaddleRefusal(404, "not_found", `no ${c.req.path}`).toBody(), 404));

  function findAsked(url: URL): Transaction {
    return checkout.find(url.searchParams.get("_ptxn") ?? "");
  }

  function showPage(url: URL, error?: string, email = "") {
    const { items, status, details, currency_code } = findAsked(url);
    const open = status === "draft" || status === "ready";
    const amount = `${(Number(details.totals.total) / 100).toFixed(2)} ${currency_code}`;
    return renderPaymentPage({
      service: "Paddle",
      action: `/checkout${url.search}`,
      cancelUrl: undefined,
      lines: [{ name: items[0]?.price.name ?? "", amount }],
      email,
      error: error ?? (open ? undefined : "This payment page is no longer open."),
      trialDays: 0,
    });
  }

  const simulator = await startSimulator({
    name: "paddle",
    app,
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  origin = simulator.origin;

  return {
    ...simulator,
    key: keys[0] ?? "",
    checkoutUrl: `${origin}/checkout`,
    clock: { ...clock, advance: (ms) => life.advance(ms) },
    notifications,
    life,
    seedPrice({
      id,
      name,
      unitAmount,
      currency = "EUR",
      cycle = { interval: "month", frequency: 1 },
      trial,
    }) {
      const product = { ...dated(clock, newId("pro")), name, status: "active", tax_category: "saas" };
      store.products.set(product.id, { ...product, type: "standard" });
      const price: Price = {
        ...dated(clock, id),
        product_id: product.id,
        type: "standard",
        name,
        description: name,
        billing_cycle: cycle,
        trial_period: trial ?? null,
        unit_price: { amount: String(unitAmount), currency_code: currency },
        quantity: { minimum: 1, maximum: 1 },
        custom_data: null,
        status: "active",
      };
      store.prices.set(id, price);
      return price;
    },
    pay: (transactionId, payment = {}) =>
      checkout.pay(checkout.find(transactionId), {
        card: goodCard,
        email: "customer@example.com",
        ...payment,
      }),
    buy({ priceId, email, customData = null, card = goodCard, quantity = 1 }) {
      const items = [{ price_id: priceId, quantity }];
      return checkout.pay(checkout.create({ items, customData }), { card, email });
    },
    subscription(id) {
      const found = store.subscriptions.get(id);
      if (!found) throw new Error(`no subscription ${id}`);
      return found;
    },
    subscriptions: () => [...store.subscriptions.values()],
    adjust: (transactionId, action, amount) => checkout.adjust(checkout.find(transactionId), action, amount),
    addDestination(url) {
      const secret = newSecret();
      const id = newId("ntfset");
      store.destinations.set(id, { id, destination: url, active: true, secrets: [secret] });
      return secret;
    },
    rotateSecret(url) {
      const secret = newSecret();
      for (const one of store.destinations.values()) if (one.destination === url) one.secrets.push(secret);
      return secret;
    },
  };
}

function newSecret(): string {
  return newId("pdl_ntfset");
}

function fill(template: string, query: URLSearchParams): string {
  return template.replaceAll(/\{(\w+)\}/g, (_whole, name: string) =>
    encodeURIComponent(query.get(name) ?? ""),
  );
}
