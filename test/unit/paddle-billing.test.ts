/**
 * Proves what is asked of Paddle and what becomes of its answers, with canned answers over HTTP: whole lists and half ones,
 * refusals, rate limits, payment pages. Cannot prove that Paddle answers so.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { SubscriptionReading } from "../../reconciler/billing/provider.ts";
import { ClawfleetError } from "../../reconciler/errors.ts";
import { pageOf, startCannedPaddle, type CannedAnswer, type CannedPaddle } from "../support/canned-paddle.ts";

let paddle: CannedPaddle;
beforeEach(async () => {
  paddle = await startCannedPaddle();
});
afterEach(() => paddle.close());

const subscription = (id: string, customer = "ctm_1") => ({
  id,
  status: "active",
  customer_id: customer,
  created_at: "2026-10-12T07:20:50Z",
  canceled_at: null,
  next_billed_at: null,
  current_billing_period: null,
  scheduled_change: null,
  custom_data: null,
  items: [{ price: { id: "pri_1" } }],
});
const transaction = (change: object = {}) => ({
  id: "txn_1",
  status: "draft",
  customer_id: null,
  subscription_id: null,
  created_at: "2026-10-12T07:20:50Z",
  billed_at: null,
  custom_data: { slug: "bob", order: "o1" },
  items: [],
  details: { totals: { total: "0" } },
  checkout: { url: "https://pay.example.com/checkout?_ptxn=txn_1" },
  ...change,
});

/** Answers by path; every other list is empty. */
function answerWith(answers: Record<string, (query: URLSearchParams) => CannedAnswer | "drop">): void {
  paddle.answer = (_method, path, query) => answers[path]?.(query) ?? pageOf([]);
}

async function readAll(signal?: AbortSignal): Promise<SubscriptionReading[]> {
  const all: SubscriptionReading[] = [];
  for await (const page of paddle.billing.listSubscriptions(signal)) all.push(...page);
  return all;
}

async function failureOf(work: Promise<unknown>): Promise<ClawfleetError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof ClawfleetError) return error;
  throw new Error(`it did not fail as it should: ${String(error)}`);
}

describe("the full list", () => {
  it("goes from page to page, asks for the addresses of each, and then for what was paid once", async () => {
    answerWith({
      "/subscriptions": (query) =>
        query.get("after") === null
          ? pageOf([subscription("sub_1"), subscription("sub_2", "ctm_2")], "sub_2")
          : pageOf([subscription("sub_3")]),
      "/customers": () =>
        pageOf([
          { id: "ctm_1", email: "a@example.com" },
          { id: "ctm_2", email: "b@example.com" },
        ]),
    });
    const all = await readAll();
    expect(all.map(({ id, email }) => [id, email])).toEqual([
      ["sub_1", "a@example.com"],
      ["sub_2", "b@example.com"],
      ["sub_3", "a@example.com"],
    ]);
    const order = "order_by=id[ASC]";
    expect(paddle.asked).toEqual([
      `GET /subscriptions?per_page=200&${order}`,
      `GET /customers?id=ctm_1,ctm_2&status=active,archived&per_page=200&${order}`,
      `GET /subscriptions?per_page=200&${order}&after=sub_2`,
      `GET /customers?id=ctm_1&status=active,archived&per_page=200&${order}`,
      `GET /transactions?status=completed&subscription_id=null&include=customer,adjustment&per_page=30&${order}`,
    ]);
  });

  const first = () => pageOf([subscription("sub_1")], "sub_1");
  it.each<[string, CannedAnswer]>([
    ["without what says whether it ends", { body: { data: [] } }],
    [
      "that does not say whether more follows",
      {
        body: {
          data: [],
          meta: { pagination: { next: "https://api.paddle.com/subscriptions?after=sub_1" } },
        },
      },
    ],
    ["without its data", { body: { meta: { pagination: { has_more: false, next: null } } } }],
    ["cut off half way", { body: '{"data":[{"id":"sub_1"' }],
    ["of another kind", { body: "<html>502</html>" }],
    ["with half a subscription", pageOf([{ id: "sub_1" }])],
    ["that is empty and promises more", pageOf([], "sub_9")],
    ["that leads to itself", first()],
  ])("is not whole with a page %s", async (_what, page) => {
    answerWith({ "/subscriptions": (query) => (query.get("after") === null ? first() : page) });
    expect(await failureOf(readAll())).toMatchObject({ code: "billing_unavailable" });
  });

  it("takes nothing but the cursor from the address of the next page", async () => {
    const elsewhere = {
      body: {
        data: [subscription("sub_1")],
        meta: {
          pagination: { next: "https://evil.example/subscriptions?after=sub_1", has_more: true },
        },
      },
    };
    answerWith({ "/subscriptions": (query) => (query.get("after") === null ? elsewhere : pageOf([])) });
    expect(await readAll()).toHaveLength(1);
    expect(paddle.asked.some((line) => line.includes("after=sub_1"))).toBe(true);
  });

  it("waits between pages, so that the rate limit leaves room for others", async () => {
    answerWith({
      "/subscriptions": (query) =>
        query.get("after") === null ? pageOf([subscription("sub_1")], "sub_1") : pageOf([]),
    });
    await readAll();
    expect(paddle.waits).toEqual([600]);
  });

  it.each<[string, CannedAnswer | "drop", number]>([
    [
      "as long as Paddle says when it blocks us",
      { status: 429, body: {}, headers: { "retry-after": "7" } },
      7000,
    ],
    ["a minute when it does not say how long", { status: 429, body: {} }, 60_000],
    ["never longer than two minutes", { status: 429, body: {}, headers: { "retry-after": "9999" } }, 120_000],
    ["a second when Paddle fails", { status: 503, body: "" }, 1000],
    ["a second when nobody answers", "drop", 1000],
  ])("waits %s, and goes on", async (_what, trouble, ms) => {
    let troubles = 1;
    answerWith({
      "/subscriptions": () => ((troubles -= 1) >= 0 ? trouble : pageOf([subscription("sub_1")])),
    });
    expect(await readAll()).toHaveLength(1);
    expect(paddle.waits).toEqual([ms]);
  });

  it("gives up after four tries", async () => {
    answerWith({ "/subscriptions": () => ({ status: 503, body: "" }) });
    expect((await failureOf(readAll())).message).toBe("Paddle: GET /subscriptions: answered 503");
    expect(paddle.asked).toHaveLength(4);
  });

  it("ends when it is told to", async () => {
    const controller = new AbortController();
    answerWith({
      "/subscriptions": () => {
        controller.abort(new Error("stop"));
        return pageOf([subscription("sub_1")], "sub_1");
      },
    });
    await expect(readAll(controller.signal)).rejects.toThrow("stop");
  });
});

describe("a refusal", () => {
  const refusal = {
    status: 403,
    body: {
      error: { type: "request_error", code: "invalid_token", detail: "the key pdl_secret is not valid" },
      meta: { request_id: "req_42" },
    },
  };

  it("is told with its code and request, and without Paddle's own sentence", async () => {
    answerWith({ "/subscriptions": () => refusal });
    const error = await failureOf(readAll());
    expect(error.message).toBe("Paddle: GET /subscriptions: answered 403 invalid_token, request req_42");
    expect(error.retry).toEqual({ kind: "retryable" });
    expect(paddle.asked, "is not tried again").toHaveLength(1);
  });

  it("of one customer's reading is told at once: the queue tries again", async () => {
    answerWith({ "/subscriptions": () => ({ status: 429, body: {} }) });
    await failureOf(paddle.billing.readCustomerSubscriptions("ctm_1"));
    expect(paddle.waits).toEqual([]);
  });
});

describe("the customer of an object", () => {
  it.each<[string, string | null, string[]]>([
    ["ctm_1", "ctm_1", []],
    ["sub_1", "ctm_7", ["GET /subscriptions/sub_1"]],
    ["txn_1", "ctm_8", ["GET /transactions/txn_1"]],
    ["txn_2", null, ["GET /transactions/txn_2"]],
    ["sub_of_another_account", null, []],
    ["sub_9", null, ["GET /subscriptions/sub_9"]],
    ["pri_1", null, []],
    ["sub_../../events", null, []],
  ])("%s is %s", async (objectId, customer, asked) => {
    const missing = { status: 404, body: { error: { code: "not_found" } } };
    paddle.answer = (_method, path) =>
      ({
        "/subscriptions/sub_1": { body: { data: { customer_id: "ctm_7" } } },
        "/transactions/txn_1": { body: { data: { customer_id: "ctm_8" } } },
        "/transactions/txn_2": { body: { data: { customer_id: null } } },
      })[path] ?? missing;
    expect(await paddle.billing.findCustomer(objectId)).toBe(customer);
    expect(paddle.asked).toEqual(asked);
  });
});

describe("a payment page", () => {
  const request = {
    orderId: "o1",
    slug: "bob",
    planId: "starter",
    lookupKey: "pri_1",
    trialDays: 0,
    expiresAt: new Date(),
    successUrl: "https://join.example.com/orders/o1",
    returnToken: "way-back",
    cancelUrl: "https://join.example.com/orders/o1",
  };

  it("is that of a transaction which carries name and order", async () => {
    paddle.answer = () => ({ status: 201, body: { data: transaction() } });
    expect(await paddle.billing.createCheckout(request)).toEqual({
      sessionId: "txn_1",
      url: "https://pay.example.com/checkout?_ptxn=txn_1",
    });
    const [asked = ""] = paddle.asked;
    expect(JSON.parse(asked.slice("POST /transactions ".length))).toEqual({
      items: [{ price_id: "pri_1", quantity: 1 }],
      collection_mode: "automatic",
      custom_data: { slug: "bob", order: "o1" },
      checkout: { url: "https://pay.example.com/checkout?theme=dark&back=way-back" },
    });
  });

  it("that Paddle does not give is a failure, asked for once", async () => {
    paddle.answer = () => ({ body: { data: transaction({ checkout: null }) } });
    await failureOf(paddle.billing.createCheckout(request));
    paddle.answer = () => "drop";
    await failureOf(paddle.billing.createCheckout(request));
    expect(paddle.asked).toHaveLength(2);
  });

  it.each<[string, boolean, string | undefined]>([
    ["draft", true, '{"custom_data":{"order":"o1"}}'],
    ["ready", true, '{"status":"canceled"}'],
    ["canceled", true, undefined],
    ["paid", false, undefined],
    ["completed", false, undefined],
    ["billed", false, undefined],
    ["past_due", false, undefined],
  ])("in state %s is closed: %s", async (status, closed, change) => {
    paddle.answer = (method) => ({
      body: { data: transaction({ status: method === "PATCH" && status === "ready" ? "canceled" : status }) },
    });
    expect(await paddle.billing.expireCheckout("txn_1")).toBe(closed);
    const patches = paddle.asked.filter((line) => line.startsWith("PATCH"));
    expect(patches).toEqual(change === undefined ? [] : [`PATCH /transactions/txn_1 ${change}`]);
  });
});

it("the portal is the customer's overview", async () => {
  paddle.answer = () => ({
    body: { data: { urls: { general: { overview: "https://customer-portal.paddle.com/x" } } } },
  });
  const request = { customerId: "ctm_1", returnUrl: "https://join.example.com/" };
  expect(await paddle.billing.createPortal(request)).toEqual({ url: "https://customer-portal.paddle.com/x" });
  expect(paddle.asked).toEqual(["POST /customers/ctm_1/portal-sessions {}"]);
});

it("prices are asked for by their ids, and none for none", async () => {
  const unit_price = { amount: "2900", currency_code: "EUR" };
  answerWith({
    "/prices": () => pageOf([{ id: "pri_1", unit_price, billing_cycle: null, trial_period: null }]),
  });
  const prices = await paddle.billing.readPrices(["pri_1", "pri_2"]);
  expect([...prices.keys()]).toEqual(["pri_1"]);
  expect(await paddle.billing.readPrices([])).toEqual(new Map());
  expect(paddle.asked).toEqual(["GET /prices?id=pri_1,pri_2&per_page=200&order_by=id[ASC]"]);
});
