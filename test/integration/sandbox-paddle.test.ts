/**
 * Proves that the simulated Paddle behaves as the real one is documented: keys, pages, the life of subscriptions by a moved
 * clock, signed notifications that are tried again, faults, the rate limit. Its receiver is a plain server, not our product.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { findSignatureProblem } from "../../reconciler/billing/paddle-signature.ts";
import { dayMs } from "../sandbox/kit/clock.ts";
import { newId, type Subscription } from "../sandbox/paddle/model.ts";
import { startPaddle, type PaddleSimulator } from "../sandbox/paddle/paddle.ts";
import { eventually } from "../support/poll.ts";

const priceId = "pri_01monthly00000000000000000";
const answerSchema = z.object({
  data: z.unknown().optional(),
  meta: z
    .object({
      pagination: z
        .object({
          next: z.string(),
          has_more: z.boolean(),
          per_page: z.number(),
          estimated_total: z.number(),
        })
        .optional(),
    })
    .optional(),
  error: z.object({ code: z.string() }).optional(),
});

let paddle: PaddleSimulator;
beforeEach(async () => {
  paddle = await startPaddle({ retryMs: 5 });
  paddle.seedPrice({ id: priceId, name: "Monthly", unitAmount: 2900 });
});
afterEach(() => paddle.close());

async function ask(path: string, options: { method?: string; body?: object; key?: string | null } = {}) {
  const { method = "GET", body, key = paddle.key } = options;
  const answer = await fetch(path.startsWith("http") ? path : `${paddle.origin}${path}`, {
    method,
    headers: key === null ? {} : { authorization: `Bearer ${key}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, headers: answer.headers, ...answerSchema.parse(await answer.json()) };
}

const subscribe = (email = "bob@example.com", card?: string): Subscription =>
  paddle.subscription(
    paddle.buy({ priceId, email, ...(card === undefined ? {} : { card }) }).subscription_id ?? "",
  );
const types = async () => {
  const { data } = await ask("/events?per_page=200&order_by=id[ASC]");
  return z
    .array(z.object({ event_type: z.string() }))
    .parse(data)
    .map((event) => event.event_type);
};

test.each([
  ["no key", null, 401, "authentication_missing"],
  ["a key of the other mode", "pdl_live_apikey_x", 403, "invalid_token"],
] as const)("%s is refused", async (_what, key, status, code) => {
  expect(await ask("/subscriptions", { key })).toMatchObject({ status, error: { code } });
});

test("what is not there is a 404, and what is wrong a 400", async () => {
  expect(await ask("/subscriptions/sub_x")).toMatchObject({ status: 404 });
  expect(await ask("/nothing")).toMatchObject({ status: 404 });
  const body = { items: [{ price_id: "pri_x", quantity: 1 }] };
  expect(await ask("/transactions", { method: "POST", body })).toMatchObject({ status: 400 });
});

describe("a list", () => {
  test("is read to its end by the addresses of its pages, in either direction", async () => {
    const made = Array.from({ length: 5 }, (_, index) => subscribe(`c${index}@example.com`).id);
    for (const [order, expected] of [
      ["id[ASC]", made],
      ["id[DESC]", made.toReversed()],
    ] as const) {
      const seen: string[] = [];
      let next: string | undefined = `/subscriptions?per_page=2&order_by=${order}`;
      while (next !== undefined) {
        const { data, meta } = await ask(next);
        seen.push(
          ...z
            .array(z.object({ id: z.string() }))
            .parse(data)
            .map(({ id }) => id),
        );
        expect(meta?.pagination?.estimated_total).toBe(5);
        next = meta?.pagination?.has_more === true ? meta.pagination.next : undefined;
      }
      expect(seen).toEqual(expected);
    }
  });

  test("gives no more than its maximum, and filters by comma and by null", async () => {
    const once = paddle.seedPrice({ id: newId("pri"), name: "Once", unitAmount: 1, cycle: null });
    subscribe();
    const { customer_id: customer, id } = paddle.buy({ priceId: once.id, email: "lea@example.com" });
    expect((await ask("/transactions?per_page=500")).meta?.pagination?.per_page).toBe(30);
    const unrelated = await ask("/transactions?subscription_id=null&status=completed,paid&include=customer");
    expect(unrelated.data).toMatchObject([{ id, customer: { email: "lea@example.com" } }]);
    expect((await ask(`/subscriptions?customer_id=${customer}`)).data).toEqual([]);
  });
});

describe("a subscription", () => {
  const of = (id: string) => paddle.subscription(id);

  test("begins with the payment of its transaction, and has its custom data", async () => {
    const body = { items: [{ price_id: priceId, quantity: 1 }], custom_data: { slug: "bob" } };
    const { status, data } = await ask("/transactions", { method: "POST", body });
    const { id, checkout } = z
      .object({ id: z.string(), checkout: z.object({ url: z.string() }) })
      .parse(data);
    expect([status, checkout.url]).toEqual([201, `${paddle.checkoutUrl}?_ptxn=${id}`]);
    expect(() => paddle.pay(id, { card: "4000 0000 0000 0002" })).toThrow(/declined/);
    paddle.pay(id);
    expect(paddle.subscriptions()).toMatchObject([{ status: "active", custom_data: { slug: "bob" } }]);
    expect(await types()).toEqual([
      "transaction.created",
      "customer.created",
      "transaction.payment_failed",
      "transaction.paid",
      "subscription.created",
      "subscription.activated",
      "transaction.completed",
    ]);
  });

  test("is renewed by time, paused, resumed and canceled over the API", async () => {
    const { id, next_billed_at: first } = subscribe();
    paddle.clock.advance(32 * dayMs);
    expect(of(id).next_billed_at).not.toBe(first);
    const post = (verb: string, body: object) =>
      ask(`/subscriptions/${id}/${verb}`, { method: "POST", body });
    await post("pause", { effective_from: "immediately" });
    expect(of(id)).toMatchObject({ status: "paused", next_billed_at: null });
    await post("resume", { effective_from: "immediately" });
    expect(of(id).status).toBe("active");
    await post("cancel", { effective_from: "next_billing_period" });
    expect(of(id)).toMatchObject({ status: "active", scheduled_change: { action: "cancel" } });
    await ask(`/subscriptions/${id}`, { method: "PATCH", body: { scheduled_change: null } });
    paddle.clock.advance(32 * dayMs);
    expect(of(id)).toMatchObject({ status: "active", scheduled_change: null });
    await post("cancel", {});
    paddle.clock.advance(32 * dayMs);
    expect(of(id)).toMatchObject({ status: "canceled", scheduled_change: null });
    expect(await post("resume", {})).toMatchObject({ status: 400 });
  });

  test("whose card fails is past due, and ends when the retries do", async () => {
    const { id } = subscribe("bob@example.com", "4000000000000341");
    paddle.clock.advance(32 * dayMs);
    expect(of(id).status).toBe("past_due");
    paddle.clock.advance(31 * dayMs);
    expect(of(id).status).toBe("canceled");
  });

  test("of a price with a trial is trialing first", () => {
    const trial = { interval: "day", frequency: 14 };
    const price = paddle.seedPrice({ id: newId("pri"), name: "Trial", unitAmount: 1, trial });
    const bought = paddle.buy({ priceId: price.id, email: "bob@example.com" });
    const { id, status } = of(bought.subscription_id ?? "");
    expect(status).toBe("trialing");
    paddle.clock.advance(15 * dayMs);
    expect(of(id).status).toBe("active");
  });
});

test("a transaction can be canceled when it is ready, and not as a draft or after its payment", async () => {
  const items = [{ price_id: priceId, quantity: 1 }];
  const patch = (id: string) => ask(`/transactions/${id}`, { method: "PATCH", body: { status: "canceled" } });
  const make = async (more: object) => {
    const { data } = await ask("/transactions", { method: "POST", body: { items, ...more } });
    return z.object({ id: z.string() }).parse(data).id;
  };
  const { customer_id } = subscribe();
  const draft = await make({});
  expect(await patch(draft)).toMatchObject({
    status: 400,
    error: { code: "transaction_invalid_status_change" },
  });
  paddle.pay(draft);
  expect((await patch(draft)).status).toBe(400);
  expect((await patch(await make({ customer_id }))).status).toBe(200);
});

test("more requests than the limit are blocked, with how long to wait", async () => {
  const strict = await startPaddle({ requestsPerMinute: 2 });
  const get = () => fetch(`${strict.origin}/prices`, { headers: { authorization: `Bearer ${strict.key}` } });
  const statuses = [await get(), await get(), await get(), await get()];
  expect(statuses.map(({ status }) => status)).toEqual([200, 200, 429, 429]);
  expect(Number(statuses[2]?.headers.get("retry-after"))).toBeGreaterThan(0);
  await strict.close();
});

describe("notifications", () => {
  let server: Server;
  let received: { body: string; signature: string }[];
  let refusals: number;
  let url: string;
  beforeEach(async () => {
    received = [];
    refusals = 0;
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        response.writeHead((refusals -= 1) >= 0 ? 500 : 200).end();
        received.push({ body, signature: String(request.headers["paddle-signature"]) });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  test("are signed with every secret while it is rotated, and tried again until they are taken", async () => {
    const first = paddle.addDestination(url);
    const second = paddle.rotateSecret(url);
    refusals = 2;
    paddle.notifications.emit("customer.updated", { id: "ctm_1" });
    await eventually("it was taken at the third try", () => received.length === 3);
    for (const { body, signature } of received) {
      for (const secret of [first, second]) {
        const given = { header: signature, rawBody: body, secrets: [secret], now: new Date() };
        expect(findSignatureProblem(given)).toBeUndefined();
      }
    }
    const ids = received.map(
      ({ body }) => z.object({ event_id: z.string() }).parse(JSON.parse(body)).event_id,
    );
    expect(new Set(ids).size).toBe(1);
  });

  test("are doubled, lost, held and sent again on demand", async () => {
    paddle.addDestination(url);
    paddle.notifications.setCopies(2);
    const doubled = paddle.notifications.emit("a.doubled", { id: "x_1" });
    await eventually("it came twice", () => received.length === 2);
    paddle.notifications.setCopies(1);
    paddle.notifications.dropNext(1);
    paddle.notifications.emit("a.lost", { id: "x_2" });
    paddle.notifications.hold();
    paddle.notifications.emit("a.first", { id: "x_3" });
    paddle.notifications.emit("a.second", { id: "x_4" });
    paddle.notifications.release((held) => held.toReversed());
    paddle.notifications.replay(doubled.id);
    expect(await paddle.notifications.idle(60_000)).toBe(true);
    const came = received.map(({ body }) => z.object({ event_type: z.string() }).parse(JSON.parse(body)));
    expect(came.map(({ event_type }) => event_type).toSorted()).toEqual(
      ["a.doubled", "a.doubled", "a.doubled", "a.first", "a.second"].toSorted(),
    );
  });
});
