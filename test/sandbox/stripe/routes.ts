/** The routes under /v1, as the official SDK calls them. */
import { Hono, type Context } from "hono";
import type { SimulatorEnv } from "../kit/simulator.ts";
import type { Billing, Subscription } from "./billing.ts";
import type { Checkout } from "./checkout.ts";
import type { StripeClock } from "./clock.ts";
import { invalid, missing, StripeRefusal } from "./errors.ts";
import { listOf, numberOf, objectOf, parseForm, stringsOf, textOf, type Params } from "./form.ts";
import { expand, matchesStatus, page } from "./listing.ts";
import { moveTrial, prorate, toItemChange, type ItemChange } from "./proration.ts";
import { newId, type Collection, type Store, type StripeObject } from "./store.ts";

type Ctx = Context<SimulatorEnv>;
export type RouteDeps = {
  store: Store;
  billing: Billing;
  checkout: Checkout;
  clock: StripeClock;
  livemode: boolean;
  origin(): string;
};

export function createRoutes(deps: RouteDeps): Hono<SimulatorEnv> {
  const { store, billing, checkout, clock } = deps;
  const v1 = new Hono<SimulatorEnv>();

  const bodyOf = async (c: Ctx): Promise<Params> => parseForm(await c.req.text());
  const answer = (c: Ctx, object: unknown, paths: readonly string[] = expandPaths(c)) =>
    c.json(expand(store, object, paths) as object);
  const find = (collection: Collection, kind: string, id: string): StripeObject => {
    const found = collection.find(id);
    if (!found) throw missing(kind, id);
    return found;
  };
  const list = (c: Ctx, all: readonly StripeObject[]) => {
    const url = new URL(c.req.url);
    return answer(c, page(url.pathname, all, url.searchParams));
  };
  const created = (query: URLSearchParams, object: StripeObject): boolean => {
    const tests: Record<string, (limit: number) => boolean> = {
      "created[gt]": (limit) => object.created > limit,
      "created[gte]": (limit) => object.created >= limit,
      "created[lt]": (limit) => object.created < limit,
      "created[lte]": (limit) => object.created <= limit,
    };
    return Object.entries(tests).every(([name, test]) => !query.has(name) || test(Number(query.get(name))));
  };

  const account = newId("acct");
  v1.get("/account", (c) => c.json({ id: account, object: "account", email: "owner@example.com" }));
  v1.get("/prices", (c) => {
    const query = new URL(c.req.url).searchParams;
    const keys = [...query].filter(([name]) => name.startsWith("lookup_keys")).map(([, value]) => value);
    const active = query.get("active");
    if (keys.length > 10)
      throw invalid("Array lookup_keys exceeded maximum 10 allowed elements.", "lookup_keys");
    const matching = store.prices
      .newest()
      .filter((price) => keys.length === 0 || keys.includes(String(price["lookup_key"])))
      .filter((price) => active === null || String(price["active"]) === active);
    return list(c, matching);
  });
  v1.get("/prices/:id", (c) => answer(c, find(store.prices, "price", c.req.param("id"))));
  v1.get("/products", (c) => list(c, store.products.newest()));
  v1.get("/products/:id", (c) => answer(c, find(store.products, "product", c.req.param("id"))));

  v1.post("/customers", async (c) => {
    const params = await bodyOf(c);
    const { email, name } = stringsOf(params);
    return answer(
      c,
      checkout.createCustomer({
        email: email ?? null,
        name: name ?? null,
        metadata: stringsOf(objectOf(params, "metadata")),
      }),
    );
  });
  v1.get("/customers", (c) => list(c, store.customers.newest()));
  v1.post("/customers/:id", async (c) => {
    const customer = find(store.customers, "customer", c.req.param("id"));
    const { email } = stringsOf(await bodyOf(c));
    if (email !== undefined && email !== customer["email"]) {
      const previous = { email: customer["email"] };
      customer["email"] = email;
      billing.emit("customer.updated", customer, previous);
    }
    return answer(c, customer);
  });
  v1.get("/customers/:id", (c) => answer(c, find(store.customers, "customer", c.req.param("id"))));

  v1.post("/checkout/sessions", async (c) => {
    const params = await bodyOf(c);
    return answer(c, checkout.create(params), bodyExpand(params));
  });
  v1.get("/checkout/sessions", (c) => list(c, store.sessions.newest()));
  v1.get("/checkout/sessions/:id", (c) =>
    answer(c, find(store.sessions, "checkout.session", c.req.param("id"))),
  );
  v1.post("/checkout/sessions/:id/expire", (c) =>
    answer(c, checkout.expire(find(store.sessions, "checkout.session", c.req.param("id")))),
  );

  v1.get("/subscriptions", (c) => {
    const query = new URL(c.req.url).searchParams;
    const status = query.get("status");
    const price = query.get("price");
    const customer = query.get("customer");
    const matching = (store.subscriptions.newest() as Subscription[]).filter(
      (subscription) =>
        matchesStatus(subscription.status, status) &&
        (customer === null || subscription.customer === customer) &&
        (price === null || subscription.items.data.some((item) => item.price.id === price)) &&
        created(query, subscription),
    );
    return list(c, matching);
  });
  v1.post("/subscriptions", async (c) => {
    const params = await bodyOf(c);
    const items = listOf(params, "items").map((item) =>
      typeof item === "object" && !Array.isArray(item) ? item : {},
    );
    const customer = textOf(params, "customer") ?? "";
    find(store.customers, "customer", customer);
    return answer(
      c,
      billing.createSubscription({
        customer,
        prices: items.map((item) => ({
          id: textOf(item, "price") ?? "",
          quantity: numberOf(item, "quantity") ?? 1,
        })),
        metadata: stringsOf(objectOf(params, "metadata")),
        trialDays: numberOf(params, "trial_period_days"),
      }),
      bodyExpand(params),
    );
  });
  v1.get("/subscriptions/:id", (c) => answer(c, findSubscription(c)));
  v1.post("/subscriptions/:id", async (c) => {
    const params = await bodyOf(c);
    return answer(c, updateSubscription(findSubscription(c), params), bodyExpand(params));
  });
  v1.delete("/subscriptions/:id", (c) => {
    const subscription = findSubscription(c);
    if (subscription.status === "canceled") throw missing("subscription", subscription.id);
    return answer(c, billing.cancel(subscription));
  });
  v1.post("/subscriptions/:id/resume", (c) =>
    answer(c, billing.change(findSubscription(c), { status: "active" }, "customer.subscription.resumed")),
  );

  v1.get("/invoices", (c) => {
    const query = new URL(c.req.url).searchParams;
    const customer = query.get("customer");
    return list(
      c,
      store.invoices.newest().filter((invoice) => customer === null || invoice["customer"] === customer),
    );
  });
  v1.post("/invoices/create_preview", async (c) => {
    const params = await bodyOf(c);
    const subscription = find(store.subscriptions, "subscription", textOf(params, "subscription") ?? "");
    const details = objectOf(params, "subscription_details");
    const at = numberOf(details, "proration_date") ?? clock.seconds();
    const due = prorate(billing, subscription as Subscription, itemChanges(details), at);
    return answer(c, billing.preview(subscription as Subscription, due));
  });
  v1.get("/invoices/:id", (c) => answer(c, find(store.invoices, "invoice", c.req.param("id"))));

  v1.post("/billing_portal/sessions", async (c) => {
    const params = await bodyOf(c);
    const customer = textOf(params, "customer") ?? "";
    find(store.customers, "customer", customer);
    const id = newId("bps");
    const session = store.portals.add({
      id,
      object: "billing_portal.session",
      configuration: "bpc_sandbox",
      created: clock.seconds(),
      customer,
      flow: null,
      livemode: deps.livemode,
      locale: null,
      on_behalf_of: null,
      return_url: textOf(params, "return_url") ?? null,
      url: `${deps.origin()}/p/session/${id}`,
    });
    return answer(c, session);
  });

  v1.get("/events", (c) => {
    const query = new URL(c.req.url).searchParams;
    const types = [...query]
      .filter(([name]) => name === "type" || name.startsWith("types"))
      .map(([, value]) => value);
    const undelivered = query.get("delivery_success") === "false";
    const matching = store.events
      .newest()
      .filter((event) => types.length === 0 || types.includes(String(event["type"])))
      .filter((event) => !undelivered || Number(event["pending_webhooks"]) > 0)
      .filter((event) => created(query, event));
    return list(c, matching);
  });
  v1.get("/events/:id", (c) => answer(c, find(store.events, "event", c.req.param("id"))));

  v1.post("/webhook_endpoints", async (c) => {
    const params = await bodyOf(c);
    const url = textOf(params, "url");
    if (url === undefined) throw invalid("Missing required param: url.", "url", "parameter_missing");
    const secret = newId("whsec");
    const endpoint = store.endpoints.add({
      id: newId("we"),
      object: "webhook_endpoint",
      api_version: null,
      application: null,
      created: clock.seconds(),
      description: null,
      enabled_events: listOf(params, "enabled_events").map(String),
      livemode: deps.livemode,
      metadata: {},
      status: "enabled",
      url,
    });
    Object.defineProperty(endpoint, "secrets", { value: [secret], writable: true, enumerable: false });
    return c.json({ ...endpoint, secret });
  });
  v1.get("/webhook_endpoints", (c) => list(c, store.endpoints.newest()));
  v1.get("/webhook_endpoints/:id", (c) =>
    answer(c, find(store.endpoints, "webhook endpoint", c.req.param("id"))),
  );

  function findSubscription(c: Ctx): Subscription {
    return find(store.subscriptions, "subscription", c.req.param("id") ?? "") as Subscription;
  }

  function updateSubscription(subscription: Subscription, params: Params): Subscription {
    if (["canceled", "incomplete_expired"].includes(subscription.status)) {
      throw invalid("A canceled subscription can only update its cancellation_details and metadata.");
    }
    const members: Record<string, unknown> = {};
    const atEnd = textOf(params, "cancel_at_period_end");
    if (atEnd !== undefined) {
      members["cancel_at_period_end"] = atEnd === "true";
      members["cancel_at"] = atEnd === "true" ? subscription.items.data[0]?.current_period_end : null;
      members["canceled_at"] = atEnd === "true" ? clock.seconds() : null;
    }
    if (params["metadata"] !== undefined) {
      members["metadata"] = {
        ...(subscription["metadata"] as object),
        ...stringsOf(objectOf(params, "metadata")),
      };
    }
    const trialEnd = numberOf(params, "trial_end");
    if (trialEnd !== undefined) members["trial_end"] = moveTrial(subscription, trialEnd);
    const changes = itemChanges(params);
    if (textOf(params, "proration_behavior") === "always_invoice") {
      const at = numberOf(params, "proration_date") ?? clock.seconds();
      const due = prorate(billing, subscription, changes, at);
      if (due > 0 && Reflect.get(subscription, "failsLater") === true)
        throw new StripeRefusal(402, {
          type: "card_error",
          code: "card_declined",
          message: "Your card was declined.",
        });
      if (due !== 0) billing.bill(subscription, "subscription_update", true, due);
    }
    for (const change of changes) changeItem(subscription, change);
    return billing.change(subscription, members);
  }

  function itemChanges(params: Params): ItemChange[] {
    return listOf(params, "items").flatMap((entry) =>
      typeof entry === "object" && !Array.isArray(entry) ? [toItemChange(entry)] : [],
    );
  }

  function changeItem(subscription: Subscription, { id, price, quantity }: ItemChange): void {
    const item = subscription.items.data.find((one) => one.id === id) ?? subscription.items.data[0];
    if (!item) return;
    if (price !== undefined) item.price = billing.findPrice(price);
    item.quantity = quantity ?? item.quantity;
  }

  return v1;
}

function expandPaths(c: Ctx): string[] {
  return [...new URL(c.req.url).searchParams]
    .filter(([name]) => name.startsWith("expand"))
    .map(([, value]) => value);
}

function bodyExpand(params: Params): string[] {
  return listOf(params, "expand").map(String);
}
