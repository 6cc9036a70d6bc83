/**
 * Proves how Stripe's subscriptions become our readings, page by page, and that a failing answer is never taken for an empty
 * one. The answers are canned, so it cannot prove that Stripe gives them: sandbox-stripe.test.ts looks at that side.
 */
import { afterEach, beforeEach, describe, expect, it, test } from "vitest";
import { findPlanItem } from "../../reconciler/billing/plan-item.ts";
import type { SubscriptionReading } from "../../reconciler/billing/provider.ts";
import { listOf, startCannedStripe, type CannedStripe } from "../support/canned-stripe.ts";

let stripe: CannedStripe;

beforeEach(async () => {
  stripe = await startCannedStripe();
});

afterEach(async () => {
  await stripe.close();
});

const seconds = (iso: string) => Date.parse(iso) / 1000;

function subscription(change: object = {}): object {
  return {
    id: "sub_1",
    object: "subscription",
    customer: { id: "cus_1", object: "customer", email: "anna@example.com" },
    metadata: { slug: "anna", order: "order-1-of-a-customer" },
    items: {
      data: [
        {
          price: { id: "price_1", lookup_key: "starter-monthly" },
          current_period_end: seconds("2026-12-01T00:00:00Z"),
        },
      ],
    },
    status: "active",
    created: seconds("2026-11-01T00:00:00Z"),
    cancel_at: null,
    ended_at: null,
    trial_end: null,
    ...change,
  };
}

const reading: SubscriptionReading = {
  id: "sub_1",
  customerId: "cus_1",
  email: "anna@example.com",
  slug: "anna",
  orderId: "order-1-of-a-customer",
  priceKeys: ["starter-monthly"],
  status: "active",
  createdAt: new Date("2026-11-01T00:00:00Z"),
  periodEnd: new Date("2026-12-01T00:00:00Z"),
  cancelAt: null,
  endedAt: null,
  trialEnd: null,
};

async function all(signal?: AbortSignal): Promise<SubscriptionReading[]> {
  const pages = await Array.fromAsync(stripe.billing.listSubscriptions(signal));
  return pages.flat();
}

test("an add-on in front of the plan says nothing about how many assistants are paid for", () => {
  const items = [
    { key: "support", quantity: 5 },
    { key: "starter-monthly", quantity: 2 },
  ];
  const keyOf = ({ key }: { key: string }) => key;
  expect(findPlanItem(items, keyOf, (key) => key === "starter-monthly")?.quantity).toBe(2);
  expect(findPlanItem(items, keyOf)?.quantity).toBe(5);
});

describe("a subscription", () => {
  const item = (price: object, current_period_end = 0) => ({ price, current_period_end });
  it.each<[string, object, Partial<SubscriptionReading>]>([
    ["is read with all that we need", {}, {}],
    [
      "is paused while nothing is collected because nothing can be given",
      { pause_collection: { behavior: "void", resumes_at: null } },
      { status: "paused" },
    ],
    [
      "goes on where the seller gives it for free",
      { pause_collection: { behavior: "mark_uncollectible", resumes_at: null } },
      {},
    ],
    [
      "of nothing is not paid for",
      { items: { data: [{ ...item({ id: "price_1", lookup_key: "starter-monthly" }), quantity: 0 }] } },
      { status: "paused", quantity: 0, periodEnd: new Date(0) },
    ],
    ["may have its customer as an id", { customer: "cus_2" }, { customerId: "cus_2", email: null }],
    [
      "may belong to a customer who was deleted",
      { customer: { id: "cus_3", deleted: true } },
      { customerId: "cus_3", email: null },
    ],
    ["may be of a hand other than ours", { metadata: {} }, { slug: null, orderId: null }],
    [
      "names a price without lookup key by its id, each item once",
      {
        items: {
          data: [item({ id: "price_9", lookup_key: null }, 5), item({ id: "price_8", lookup_key: "x" }, 9)],
        },
      },
      { priceKeys: ["price_9", "x"], periodEnd: new Date(9000) },
    ],
    ["may have no items", { items: { data: [] } }, { priceKeys: [], periodEnd: null }],
    [
      "says when it will end",
      { cancel_at: seconds("2026-12-24T00:00:00Z") },
      { cancelAt: new Date("2026-12-24T00:00:00Z") },
    ],
    [
      "says when it ended",
      { status: "canceled", ended_at: seconds("2026-11-10T00:00:00Z") },
      { status: "canceled", endedAt: new Date("2026-11-10T00:00:00Z") },
    ],
    ["keeps a status that nobody knows yet", { status: "brand_new" }, { status: "brand_new" }],
  ])("%s", async (_what, change, expected) => {
    stripe.answer = () => listOf([subscription(change)]);
    expect(await all()).toEqual([{ ...reading, ...expected }]);
  });
});

describe("the list of all subscriptions", () => {
  it("is read page by page in every state, until Stripe says that there is no more", async () => {
    stripe.answer = (_method, _path, query) =>
      query.get("starting_after") === null
        ? listOf([subscription({ id: "sub_1" }), subscription({ id: "sub_2" })], true)
        : listOf([subscription({ id: "sub_3" })]);
    const pages = await Array.fromAsync(stripe.billing.listSubscriptions());
    expect(pages.map((page) => page.map(({ id }) => id))).toEqual([["sub_1", "sub_2"], ["sub_3"]]);
    const query = "GET /v1/subscriptions?status=all&limit=100&expand[0]=data.customer";
    expect(stripe.asked).toEqual([query, `${query}&starting_after=sub_2`]);
  });

  it("may be empty", async () => {
    stripe.answer = () => listOf([]);
    expect(await all()).toEqual([]);
  });

  it.each([500, 429, 401, 403])(
    "never ends as if it were whole when Stripe answers %i on a later page",
    async (status) => {
      stripe.answer = (_method, _path, query) =>
        query.get("starting_after") === null
          ? listOf([subscription()], true)
          : { status, body: { error: { type: "api_error", message: "sk_test_1 is wrong" } } };
      await expect(all()).rejects.toMatchObject({
        code: "billing_unavailable",
        retry: { kind: "retryable" },
        message: expect.not.stringContaining("sk_test_1") as unknown,
      });
    },
  );

  it("stops when it is told to", async () => {
    stripe.answer = () => listOf([subscription()], true);
    await expect(all(AbortSignal.abort(new Error("stop")))).rejects.toThrow("stop");
    expect(stripe.asked).toEqual([]);
  });
});

describe("one customer's subscriptions", () => {
  it("are read in every state over all pages", async () => {
    stripe.answer = (_method, _path, query) =>
      query.get("starting_after") === null
        ? listOf([subscription()], true)
        : listOf([subscription({ id: "sub_2", status: "canceled" })]);
    const found = await stripe.billing.readCustomerSubscriptions("cus_1");
    expect(found.map(({ id, status }) => [id, status])).toEqual([
      ["sub_1", "active"],
      ["sub_2", "canceled"],
    ]);
    expect(stripe.asked[0]).toContain("customer=cus_1&status=all");
  });

  it("are none for a customer whom Stripe does not know", async () => {
    expect(await stripe.billing.readCustomerSubscriptions("cus_nobody")).toEqual([]);
  });

  it.each([
    ["fails", 500, { type: "api_error" }],
    ["takes our question for wrong", 400, { type: "invalid_request_error", code: "parameter_unknown" }],
    ["does not know our key", 401, { type: "invalid_request_error" }],
  ])("are not none when Stripe %s", async (_what, status, error) => {
    stripe.answer = () => ({ status, body: { error } });
    await expect(stripe.billing.readCustomerSubscriptions("cus_1")).rejects.toMatchObject({
      code: "billing_unavailable",
    });
  });
});
