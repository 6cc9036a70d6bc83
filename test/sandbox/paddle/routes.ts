/** The routes of Paddle's API that a seller's backend uses. */
import { randomUUID } from "node:crypto";
import { Hono, type Context } from "hono";
import { z } from "zod";
import type { MovableClock } from "../kit/clock.ts";
import type { SimulatorEnv } from "../kit/simulator.ts";
import type { Checkout } from "./checkout.ts";
import { badRequest, notFound } from "./errors.ts";
import { moveBilling, previewChange } from "./preview.ts";
import type { Life } from "./life.ts";
import { matches, page, type PageLimits } from "./listing.ts";
import { newId, type Item, type Store, type Subscription, type Transaction } from "./model.ts";
import type { Notifications } from "./notifications.ts";

type Ctx = Context<SimulatorEnv>;
export type RouteDeps = {
  store: Store;
  clock: MovableClock;
  life: Life;
  checkout: Checkout;
  notifications: Notifications;
  origin(): string;
};

const customData = z.record(z.string(), z.unknown()).nullable();
const effective = z.object({
  effective_from: z.enum(["immediately", "next_billing_period"]).default("next_billing_period"),
});
const bodies = {
  transaction: z.object({
    items: z.array(z.object({ price_id: z.string(), quantity: z.int().min(1) })),
    customer_id: z.string().optional(),
    custom_data: customData.default(null),
    collection_mode: z.literal("automatic").default("automatic"),
    checkout: z.object({ url: z.url() }).nullable().default(null),
  }),
  transactionChange: z.object({ status: z.string().optional(), custom_data: customData.optional() }),
  subscription: z.object({
    items: z.array(z.object({ price_id: z.string(), quantity: z.int().min(1) })).optional(),
    custom_data: customData.optional(),
    scheduled_change: z.null().optional(),
    next_billed_at: z.iso.datetime().optional(),
    proration_billing_mode: z.string().optional(),
  }),
  customer: z.object({ email: z.email(), name: z.string().nullable().default(null) }),
  customerChange: z.object({
    email: z.email().optional(),
    status: z.enum(["active", "archived"]).optional(),
  }),
  adjustment: z.object({
    action: z.enum(["refund", "credit"]),
    transaction_id: z.string(),
    reason: z.string(),
  }),
};

/** Source: Paddle API, list operations. */
const limits = {
  usual: { usual: 50, most: 200 },
  transactions: { usual: 30, most: 30 },
  adjustments: { usual: 10, most: 50 },
} satisfies Record<string, PageLimits>;

export function createRoutes(deps: RouteDeps): Hono<SimulatorEnv> {
  const { store, life, checkout, notifications, clock } = deps;
  const api = new Hono<SimulatorEnv>();
  const urlOf = (c: Ctx) => new URL(c.req.path + new URL(c.req.url).search, deps.origin());
  const answer = (c: Ctx, data: object, status: 200 | 201 = 200) =>
    c.json({ data, meta: { request_id: randomUUID() } }, status);

  function list<T extends { id: string }>(
    c: Ctx,
    all: Iterable<T>,
    filters: Record<string, (one: T) => string | null>,
    size: PageLimits = limits.usual,
  ) {
    const url = urlOf(c);
    const wanted = [...all].filter((one) =>
      Object.entries(filters).every(([name, value]) => matches(url.searchParams, name, value(one))),
    );
    return page(url, wanted, size);
  }

  /** A catalogue's lists leave out what is archived unless the status is asked for. */
  function unarchived<T extends { status: string }>(c: Ctx, all: Iterable<T>): T[] {
    return [...all].filter(({ status }) => c.req.query("status") !== undefined || status === "active");
  }

  const id = { id: (one: { id: string }) => one.id };
  const status = { status: (one: { status: string }) => one.status };

  api.get("/products", (c) => c.json(list(c, unarchived(c, store.products.values()), { ...id, ...status })));
  api.get("/prices", (c) =>
    c.json(
      list(c, unarchived(c, store.prices.values()), {
        ...id,
        ...status,
        product_id: (one) => one.product_id,
      }),
    ),
  );
  api.get("/prices/:id", (c) => answer(c, find(store.prices, "price", c)));

  api.get("/customers", (c) =>
    c.json(list(c, unarchived(c, store.customers.values()), { ...id, ...status, email: (one) => one.email })),
  );
  api.post("/customers", async (c) => {
    const { email, name } = await read(c, bodies.customer);
    return answer(c, checkout.addCustomer(email, name), 201);
  });
  api.get("/customers/:id", (c) => answer(c, find(store.customers, "customer", c)));
  api.patch("/customers/:id", async (c) => {
    const customer = find(store.customers, "customer", c);
    Object.assign(customer, await read(c, bodies.customerChange), { updated_at: clock.now().toISOString() });
    notifications.emit("customer.updated", customer);
    return answer(c, customer);
  });
  api.post("/customers/:id/portal-sessions", (c) => {
    const customer = find(store.customers, "customer", c);
    const session = newId("cpls");
    const overview = `${deps.origin()}/portal/${session}`;
    const urls = { general: { overview }, subscriptions: [] };
    return answer(
      c,
      { id: session, customer_id: customer.id, urls, created_at: clock.now().toISOString() },
      201,
    );
  });

  api.get("/subscriptions", (c) =>
    c.json(
      list(c, store.subscriptions.values(), { ...id, ...status, customer_id: (one) => one.customer_id }),
    ),
  );
  api.get("/subscriptions/:id", (c) => answer(c, find(store.subscriptions, "subscription", c)));
  api.patch("/subscriptions/:id", async (c) => {
    const subscription = find(store.subscriptions, "subscription", c);
    if (subscription.status === "canceled")
      throw badRequest("subscription_update_when_canceled", "cannot update subscription, as it is canceled");
    const { items, custom_data, scheduled_change, next_billed_at } = await read(c, bodies.subscription);
    const members: Partial<Subscription> = {
      ...(items ? { items: items.map((one) => toItem(subscription, one)) } : {}),
      ...(next_billed_at === undefined ? {} : moveBilling(subscription, next_billed_at)),
      ...(custom_data === undefined ? {} : { custom_data }),
      ...(scheduled_change === undefined ? {} : { scheduled_change }),
    };
    return answer(c, life.change(subscription, members));
  });
  api.patch("/subscriptions/:id/preview", async (c) => {
    const subscription = find(store.subscriptions, "subscription", c);
    const { items = [] } = await read(c, bodies.subscription);
    const changed = items.map((one) => toItem(subscription, one));
    return answer(c, previewChange(subscription, changed, clock.now()));
  });
  api.post("/subscriptions/:id/cancel", async (c) => {
    const { effective_from } = await read(c, effective);
    return answer(c, life.cancel(find(store.subscriptions, "subscription", c), effective_from));
  });
  api.post("/subscriptions/:id/pause", async (c) => {
    const { effective_from } = await read(c, effective);
    return answer(c, life.pause(find(store.subscriptions, "subscription", c), effective_from));
  });
  api.post("/subscriptions/:id/resume", (c) =>
    answer(c, life.resume(find(store.subscriptions, "subscription", c))),
  );

  api.get("/transactions", (c) => {
    const found = list(
      c,
      store.transactions.values(),
      {
        ...id,
        ...status,
        customer_id: (one) => one.customer_id,
        subscription_id: (one) => one.subscription_id,
      },
      limits.transactions,
    );
    return c.json({ ...found, data: found.data.map((one) => include(c, one)) });
  });
  api.post("/transactions", async (c) => {
    const { items, custom_data, customer_id, checkout: asked } = await read(c, bodies.transaction);
    const order = { items, customData: custom_data, customerId: customer_id, page: asked?.url };
    return answer(c, include(c, checkout.create(order)), 201);
  });
  api.get("/transactions/:id", (c) => answer(c, include(c, checkout.find(c.req.param("id")))));
  api.get("/transactions/:id/invoice", (c) => {
    const { id: transaction } = checkout.find(c.req.param("id"));
    return answer(c, { url: `${deps.origin()}/invoices/${transaction}.pdf` });
  });
  api.patch("/transactions/:id", async (c) => {
    const change = await read(c, bodies.transactionChange);
    const { status: wanted, custom_data } = change;
    return answer(
      c,
      checkout.update(checkout.find(c.req.param("id")), {
        ...(wanted === undefined ? {} : { status: wanted }),
        ...(custom_data === undefined ? {} : { custom_data }),
      }),
    );
  });

  api.get("/adjustments", (c) =>
    c.json(
      list(
        c,
        store.adjustments.values(),
        {
          ...id,
          ...status,
          customer_id: (one) => one.customer_id,
          transaction_id: (one) => one.transaction_id,
        },
        limits.adjustments,
      ),
    ),
  );
  api.post("/adjustments", async (c) => {
    const { action, transaction_id } = await read(c, bodies.adjustment);
    return answer(c, checkout.adjust(checkout.find(transaction_id), action), 201);
  });

  api.get("/events", (c) => {
    const { data, ...rest } = list(c, store.events.values(), {});
    return c.json({ data: data.map(({ id: event_id, ...event }) => ({ event_id, ...event })), ...rest });
  });

  function find<T extends { id: string }>(from: Map<string, T>, kind: string, c: Ctx): T {
    const key = c.req.param("id") ?? "";
    const found = from.get(key);
    if (!found) throw notFound(kind, key);
    return found;
  }

  function toItem(subscription: Subscription, asked: { price_id: string; quantity: number }): Item {
    const price = store.prices.get(asked.price_id);
    const [before] = subscription.items;
    if (!price || !before) throw badRequest("subscription_price_not_found", `no price ${asked.price_id}`);
    return { ...before, price, quantity: asked.quantity, updated_at: clock.now().toISOString() };
  }

  /** `include=customer,adjustment`. */
  function include(c: Ctx, transaction: Transaction): object {
    const asked = (c.req.query("include") ?? "").split(",");
    const adjustments = [...store.adjustments.values()].filter(
      (one) => one.transaction_id === transaction.id,
    );
    return {
      ...transaction,
      ...(asked.includes("customer")
        ? { customer: store.customers.get(transaction.customer_id ?? "") ?? null }
        : {}),
      ...(asked.includes("adjustment") ? { adjustments } : {}),
    };
  }

  return api;
}

async function read<Schema extends z.ZodType>(c: Ctx, schema: Schema): Promise<z.output<Schema>> {
  const text = await c.req.text();
  const parsed = schema.safeParse(text === "" ? {} : JSON.parse(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw badRequest("bad_request", `Invalid request: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
}
