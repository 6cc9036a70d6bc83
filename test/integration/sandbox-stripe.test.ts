/**
 * Proves that the official SDK works with the simulated Stripe: orders, lists, errors, idempotency, webhooks, time. What
 * it shows is compared with the official document elsewhere; it cannot prove that Stripe itself behaves so.
 */
import Stripe from "stripe";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { defaultKey, startStripe, type StripeSimulator } from "../sandbox/stripe/stripe.ts";
import { visit } from "../sandbox/customer.ts";
import { createStripeCheck } from "../support/cloud-checks.ts";
import type { ResponseCheck } from "../support/openapi.ts";

let conformity: ResponseCheck;
let stripe: StripeSimulator;
let sdk: Stripe;
beforeEach(async () => {
  conformity = createStripeCheck();
  stripe = await startStripe({ retryMs: 5, check: conformity.check });
  stripe.seedPrice({ lookupKey: "starter", name: "Starter", unitAmount: 2900 });
  sdk = sdkFor(defaultKey);
});
afterEach(async () => {
  await stripe.close();
  if (conformity.violations.length > 0) throw new Error(conformity.violations.join("\n"));
});

function sdkFor(key: string): Stripe {
  return new Stripe(key, { host: "127.0.0.1", port: stripe.port, protocol: "http", maxNetworkRetries: 0 });
}

async function openSession(): Promise<Stripe.Checkout.Session> {
  const prices = await sdk.prices.list({ lookup_keys: ["starter"] });
  return await sdk.checkout.sessions.create({
    mode: "subscription",
    line_items: [{ price: prices.data[0]?.id ?? "", quantity: 1 }],
    subscription_data: { metadata: { slug: "bob" } },
    success_url: `${stripe.origin}/done?session={CHECKOUT_SESSION_ID}`,
    cancel_url: `${stripe.origin}/back`,
  });
}

const card = {
  email: "bob@example.com",
  name: "Bob",
  card: "4242 4242 4242 4242",
  expiry: "12 / 34",
  cvc: "123",
};

describe("Checkout", () => {
  it("turns a paid page into a subscription that carries the order's metadata", async () => {
    const session = await openSession();
    const page = await visit(session.url ?? "");
    expect(page.html).toContain("29.00 EUR");
    const paid = await visit(session.url ?? "", card);
    expect(paid.url).toBe(`${stripe.origin}/done?session=${session.id}`);
    const done = await sdk.checkout.sessions.retrieve(session.id, { expand: ["subscription", "customer"] });
    expect(done).toMatchObject({ status: "complete", payment_status: "paid" });
    expect(done.subscription).toMatchObject({ status: "active", metadata: { slug: "bob" } });
    expect(done.customer).toMatchObject({ email: "bob@example.com" });
  });

  it("keeps the page open and shows the bank's word for a declined card", async () => {
    const session = await openSession();
    const declined = await visit(session.url ?? "", { ...card, card: "4000000000000002" });
    expect(declined.status).toBe(402);
    expect(declined.html).toContain("Your card was declined.");
    expect((await sdk.checkout.sessions.retrieve(session.id)).status).toBe("open");
    expect(stripe.subscriptions()).toHaveLength(0);
  });

  it("expires after a day", async () => {
    const session = await openSession();
    stripe.clock.advance(25 * 3_600_000);
    expect((await sdk.checkout.sessions.retrieve(session.id)).status).toBe("expired");
  });
});

describe("lists", () => {
  it("pages newest first, and leaves canceled ones out unless asked", async () => {
    const made = Array.from({ length: 25 }, (_, index) =>
      stripe.createPaidSubscription({ lookupKey: "starter", email: `c${index}@example.com` }),
    );
    stripe.cancelSubscription(made[3]?.id ?? "");
    const all = await sdk.subscriptions.list({ status: "all", limit: 10 }).autoPagingToArray({ limit: 100 });
    expect(all.map((one) => one.id)).toEqual(made.map((one) => one.id).toReversed());
    expect((await sdk.subscriptions.list({ limit: 100 })).data).toHaveLength(24);
    expect((await sdk.subscriptions.list({ status: "ended" })).data.map((one) => one.id)).toEqual([
      made[3]?.id,
    ]);
  });

  it("expands customers inside a list", async () => {
    stripe.createPaidSubscription({ lookupKey: "starter", email: "x@example.com" });
    const listed = await sdk.subscriptions.list({ expand: ["data.customer"] });
    expect(listed.data[0]?.customer).toMatchObject({ email: "x@example.com" });
  });
});

describe("errors", () => {
  it("refuses an unknown key as Stripe does", async () => {
    await expect(sdkFor("sk_test_wrong").prices.list()).rejects.toMatchObject({
      type: "StripeAuthenticationError",
      statusCode: 401,
    });
  });

  it("says what is missing", async () => {
    await expect(sdk.subscriptions.retrieve("sub_none")).rejects.toMatchObject({
      code: "resource_missing",
      statusCode: 404,
    });
  });

  it("answers a repeated idempotency key with the first answer, and refuses another request under it", async () => {
    const first = await sdk.customers.create({ email: "a@example.com" }, { idempotencyKey: "k1" });
    const again = await sdk.customers.create({ email: "a@example.com" }, { idempotencyKey: "k1" });
    expect(again.id).toBe(first.id);
    await expect(
      sdk.customers.create({ email: "b@example.com" }, { idempotencyKey: "k1" }),
    ).rejects.toMatchObject({ type: "StripeIdempotencyError" });
  });
});

describe("time", () => {
  it("renews, fails, and ends what is not paid for", async () => {
    const good = stripe.createPaidSubscription({ lookupKey: "starter", email: "good@example.com" });
    const session = await openSession();
    stripe.payCheckout(session.id, { card: "4000000000000341" });
    stripe.clock.advance(32 * 86_400_000);
    const bad = stripe.subscriptions().find((one) => one.id !== good.id);
    expect([good.status, bad?.status]).toEqual(["active", "past_due"]);
    stripe.clock.advance(22 * 86_400_000);
    expect([good.status, bad?.status]).toEqual(["active", "canceled"]);
  });

  it("ends at the period's end when that was asked for", async () => {
    const { id } = stripe.createPaidSubscription({ lookupKey: "starter", email: "x@example.com" });
    await sdk.subscriptions.update(id, { cancel_at_period_end: true });
    stripe.clock.advance(20 * 86_400_000);
    expect((await sdk.subscriptions.retrieve(id)).status).toBe("active");
    stripe.clock.advance(20 * 86_400_000);
    expect((await sdk.subscriptions.retrieve(id)).status).toBe("canceled");
  });
});

describe("webhooks", () => {
  type Received = { body: string; signature: string };
  let received: Received[];
  let answers: number[];
  let server: Server;
  let secret: string;
  beforeEach(async () => {
    received = [];
    answers = [];
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        received.push({ body, signature: String(request.headers["stripe-signature"]) });
        response.statusCode = answers.shift() ?? 200;
        response.end();
      });
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    secret = stripe.addEndpoint(`http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  const types = () =>
    received.map(({ body, signature }) => sdk.webhooks.constructEvent(body, signature, secret).type);

  it("signs each event so that the SDK accepts it", async () => {
    stripe.createPaidSubscription({ lookupKey: "starter", email: "x@example.com" });
    expect(await stripe.delivery.idle()).toBe(true);
    expect(types()).toContain("customer.subscription.created");
    const [first] = received;
    expect(() => sdk.webhooks.constructEvent(`${first?.body} `, first?.signature ?? "", secret)).toThrow(
      "signature",
    );
  });

  it("tries again until it is taken", async () => {
    answers = [500, 503];
    stripe.emit(
      "customer.subscription.updated",
      stripe.createPaidSubscription({ lookupKey: "starter", email: "x@example.com" }),
    );
    expect(await stripe.delivery.idle()).toBe(true);
    const statuses = stripe.delivery.attempts().map((attempt) => attempt.status);
    expect(statuses.filter((status) => status >= 500)).toHaveLength(2);
    expect(
      new Set(
        stripe.delivery
          .attempts()
          .filter(({ status }) => status === 200)
          .map(({ eventId }) => eventId),
      ).size,
    ).toBeGreaterThan(3);
  });

  it("holds, doubles and shuffles on demand", async () => {
    stripe.delivery.hold();
    stripe.delivery.setCopies(2);
    stripe.createPaidSubscription({ lookupKey: "starter", email: "x@example.com" });
    expect(received).toHaveLength(0);
    stripe.delivery.release((events) => events.toReversed());
    expect(await stripe.delivery.idle()).toBe(true);
    expect(types().filter((type) => type === "customer.created")).toHaveLength(2);
  });

  it("sends thin events that the SDK parses", async () => {
    stripe.delivery.setThin(true);
    const subscription = stripe.createPaidSubscription({ lookupKey: "starter", email: "x@example.com" });
    expect(await stripe.delivery.idle()).toBe(true);
    const notifications = received.map(({ body, signature }) =>
      sdk.parseEventNotification(body, signature, secret),
    );
    const created = notifications.find((one) => one.type.endsWith("customer.subscription.created"));
    expect(created).toMatchObject({
      type: "v1.customer.subscription.created",
      related_object: { id: subscription.id },
    });
  });
});
