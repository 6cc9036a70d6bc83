/**
 * Proves what we ask of Stripe for checkout, portal, prices and the owner of an object, and what its answers and refusals
 * become. The answers are canned, so it cannot prove that Stripe gives them: sandbox-stripe.test.ts looks at that side.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { CheckoutRequest } from "../../reconciler/billing/provider.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { listOf, startCannedStripe, type Answer, type CannedStripe } from "../support/canned-stripe.ts";

let stripe: CannedStripe;

beforeEach(async () => {
  stripe = await startCannedStripe();
});

afterEach(async () => {
  await stripe.close();
});

describe("whose an object is", () => {
  it.each([
    ["cus_1", null, "cus_1"],
    ["price_1", null, null],
    ["", null, null],
    ["sub_1", "/v1/subscriptions/sub_1", "cus_9"],
    ["in_1", "/v1/invoices/in_1", "cus_9"],
    ["cs_1", "/v1/checkout/sessions/cs_1", "cus_9"],
  ])("%s: asked at %s, it is %s", async (id, path, customer) => {
    stripe.answer = (_method, at) => ({
      body: { id, object: "x", customer: at === path ? "cus_9" : "wrong" },
    });
    expect(await stripe.billing.findCustomer(id)).toBe(customer);
    expect(stripe.asked).toEqual(path === null ? [] : [`GET ${path}`]);
  });

  it.each([
    ["expanded", { customer: { id: "cus_9" } }, "cus_9"],
    ["nobody's", { customer: null }, null],
  ])("is seen when it is %s", async (_what, body, customer) => {
    stripe.answer = () => ({ body });
    expect(await stripe.billing.findCustomer("cs_1")).toBe(customer);
  });

  it("is nobody's when it is gone", async () => {
    expect(await stripe.billing.findCustomer("sub_gone")).toBeNull();
  });
});

describe("checkout", () => {
  const request: CheckoutRequest = {
    orderId: "o1",
    slug: "anna",
    planId: "starter",
    lookupKey: "starter-monthly",
    trialDays: 0,
    expiresAt: new Date("2026-11-20T12:34:56.789Z"),
    successUrl: "https://join.example/done",
    returnToken: "back",
    cancelUrl: "https://join.example/back",
  };
  const prices = listOf([{ id: "price_1" }]);

  it("asks for one subscription that carries name and order, once for an order", async () => {
    stripe.answer = (method) =>
      method === "GET" ? prices : { body: { id: "cs_1", url: "https://pay.example/1" } };
    expect(await stripe.billing.createCheckout(request)).toEqual({
      sessionId: "cs_1",
      url: "https://pay.example/1",
    });
    expect(stripe.asked[0]).toBe("GET /v1/prices?lookup_keys[0]=starter-monthly&active=true");
    const form = new URLSearchParams(stripe.asked[1]?.split(" ").slice(2).join(" "));
    expect(Object.fromEntries(form)).toEqual({
      mode: "subscription",
      "line_items[0][price]": "price_1",
      "line_items[0][quantity]": "1",
      client_reference_id: "o1",
      "metadata[slug]": "anna",
      "metadata[order]": "o1",
      "subscription_data[metadata][slug]": "anna",
      "subscription_data[metadata][order]": "o1",
      allow_promotion_codes: "true",
      success_url: "https://join.example/done",
      cancel_url: "https://join.example/back",
      expires_at: "1795178096",
    });
    expect(stripe.idempotencyKeys[1]).toBe("order-o1");
  });

  it("leaves tax to Stripe where the operator says so, and keeps what a known customer types", async () => {
    const taxed = await startCannedStripe({ automaticTax: true });
    taxed.answer = (method) =>
      method === "GET" ? prices : { body: { id: "cs_1", url: "https://pay.example/1" } };
    await taxed.billing.createCheckout(request);
    await taxed.billing.createCheckout({ ...request, customerId: "cus_1", attempt: "-2" });
    await taxed.close();
    const [first = "", second = ""] = taxed.asked.filter((one) => one.startsWith("POST"));
    expect(first).toContain("automatic_tax[enabled]=true");
    expect(first).toContain("tax_id_collection[enabled]=true");
    expect(first).not.toContain("customer");
    expect(second).toContain("customer=cus_1");
    expect(second).toContain("customer_update[address]=auto");
    expect(taxed.idempotencyKeys.filter(Boolean)).toEqual(["order-o1", "order-o1-2"]);
  });

  it("gives the plan's trial", async () => {
    stripe.answer = (method) =>
      method === "GET" ? prices : { body: { id: "cs_1", url: "https://pay.example/1" } };
    await stripe.billing.createCheckout({ ...request, trialDays: 14 });
    expect(stripe.asked[1]).toContain("subscription_data[trial_period_days]=14");
  });

  it.each<[string, Answer, Answer, string]>([
    [
      "no price has the key",
      listOf([]),
      { body: {} },
      "Stripe has no active price with the lookup key starter-monthly",
    ],
    [
      "the page has no address",
      prices,
      { body: { id: "cs_1", url: null } },
      "Stripe: the payment page has no address",
    ],
    [
      "Stripe refuses",
      prices,
      { status: 400, body: { error: { type: "invalid_request_error", code: "parameter_invalid" } } },
      "Stripe: StripeInvalidRequestError parameter_invalid",
    ],
  ])("says so when %s", async (_what, priceAnswer, sessionAnswer, message) => {
    stripe.answer = (method) => (method === "GET" ? priceAnswer : sessionAnswer);
    await expect(stripe.billing.createCheckout(request)).rejects.toMatchObject({
      code: "billing_unavailable",
      message,
    });
  });
});

describe("prices", () => {
  it("are found by lookup key; others are absent", async () => {
    stripe.answer = () =>
      listOf([
        {
          id: "price_1",
          lookup_key: "starter-monthly",
          unit_amount: 2900,
          currency: "eur",
          recurring: { interval: "month", interval_count: 3 },
        },
        { id: "price_2", lookup_key: "metered", unit_amount: null, currency: "eur", recurring: null },
        { id: "price_3", lookup_key: null, unit_amount: 1, currency: "eur", recurring: null },
      ]);
    const usual = { currency: "eur", interval: "month", intervalCount: 3 };
    expect(await stripe.billing.readPrices(["starter-monthly", "metered", "none"])).toEqual(
      new Map([
        ["starter-monthly", { lookupKey: "starter-monthly", id: "price_1", unitAmount: 2900, ...usual }],
        [
          "metered",
          {
            lookupKey: "metered",
            id: "price_2",
            unitAmount: null,
            currency: "eur",
            interval: null,
            intervalCount: 1,
          },
        ],
      ]),
    );
  });

  it("of nothing are none, and nobody is asked", async () => {
    expect((await stripe.billing.readPrices([])).size).toBe(0);
    expect(stripe.asked).toEqual([]);
  });
});

describe("the portal", () => {
  it("is opened for one customer", async () => {
    stripe.answer = () => ({ body: { url: "https://portal.example" } });
    const request = { customerId: "cus_1", returnUrl: "https://join.example" };
    expect(await stripe.billing.createPortal(request)).toEqual({ url: "https://portal.example" });
    expect(stripe.asked).toEqual([
      "POST /v1/billing_portal/sessions customer=cus_1&return_url=https://join.example",
    ]);
  });
});

describe("the mode", () => {
  it.each([
    ["sk_test_1", false],
    ["sk_live_1", true],
    ["rk_live_1", true],
    ["rk_test_1", false],
  ])("of the key %s is live: %s", (secretKey, livemode) => {
    const billing = createStripeBilling({ secretKey, webhookSecrets: [], apiUrl: "https://api.stripe.com" });
    expect(billing).toMatchObject({ name: "stripe", livemode });
  });
});
