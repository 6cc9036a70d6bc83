/**
 * Proves what happens to Paddle's webhooks on a real PostgreSQL, with events that the simulated Paddle really signs and sends:
 * once, thrice, backwards, late, forged, of another account. Cannot prove that the real Paddle sends the same.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createPaddleBilling } from "../../reconciler/billing/paddle.ts";
import { newId } from "../sandbox/paddle/model.ts";
import { sign } from "../sandbox/paddle/notifications.ts";
import { startPaddle } from "../sandbox/paddle/paddle.ts";
import { paddlePrices, startBillingSide, type BillingSide } from "../support/billing.ts";

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

const rows = async () => (await side.instances()).map(({ slug, plan, phase }) => [slug, plan, phase]);

function post(body: string, signature: string): Promise<Response> {
  return fetch(side.paddleUrl, { method: "POST", body, headers: { "paddle-signature": signature } });
}

/** A body as Paddle would write it, of our making. */
function eventOf(type: string, data: object): string {
  const occurred_at = new Date().toISOString();
  return JSON.stringify({
    event_id: newId("evt"),
    event_type: type,
    occurred_at,
    notification_id: newId("ntf"),
    data,
  });
}

describe("what is sold at Paddle", () => {
  test("becomes one desired row and one job, beside what is sold at Stripe", async () => {
    side.subscribe("amy");
    side.subscribeAtPaddle("bob");
    side.buyOnce("lea");
    await side.settle();
    expect(await rows()).toEqual([
      ["amy", "starter", "running"],
      ["bob", "starter", "running"],
      ["lea", "lifetime", "running"],
    ]);
    expect(await side.waitingConverges()).toEqual(["amy", "bob", "cell.lab", "lea"]);
    const [bob] = await side.database.sql`
      select provider, customer_id, email from clawfleet.instances where slug = 'bob'`;
    expect(bob).toMatchObject({ provider: "paddle", email: "bob@example.com" });
  });

  test("follows a life of pauses, late payments and ends", async () => {
    const { id } = side.subscribeAtPaddle("bob");
    const phaseAfter = async (step: () => void) => {
      step();
      await side.settle();
      return (await side.instances())[0]?.phase;
    };
    const of = () => side.paddle.subscription(id);
    const { life } = side.paddle;
    await side.settle();
    expect(await phaseAfter(() => life.pause(of(), "immediately"))).toBe("suspended");
    expect(await phaseAfter(() => life.resume(of()))).toBe("running");
    expect(await phaseAfter(() => life.change(of(), { status: "past_due" }, "subscription.past_due"))).toBe(
      "running",
    );
    expect(await phaseAfter(() => life.cancel(of(), "next_billing_period"))).toBe("running");
    expect(await phaseAfter(() => side.paddle.clock.advance(40 * 86_400_000))).toBe("suspended");
    expect(of().status).toBe("canceled");
  });

  test("once, ends when all of its money was given back", async () => {
    const id = side.buyOnce("lea");
    await side.settle();
    side.paddle.adjust(id, "refund", "100");
    await side.settle();
    expect(await rows()).toEqual([["lea", "lifetime", "running"]]);
    side.paddle.adjust(id, "refund", "2800");
    await side.settle();
    expect(await rows()).toEqual([["lea", "lifetime", "suspended"]]);
  });

  test("at a price that no plan has makes nothing, and raises an alert", async () => {
    side.subscribeAtPaddle("bob", "unknown");
    await side.settle();
    expect(await rows()).toEqual([]);
    expect(side.alerts).toContain("price_without_plan");
  });

  test("and changed to a price that no plan has takes nothing away", async () => {
    const { id, items } = side.subscribeAtPaddle("bob");
    await side.settle();
    const unknown = side.paddle.seedPrice({ id: newId("pri"), name: "odd", unitAmount: 1 });
    const [item] = items;
    if (item) side.paddle.life.change(side.paddle.subscription(id), { items: [{ ...item, price: unknown }] });
    await side.settle();
    expect(await rows()).toEqual([["bob", "starter", "running"]]);
    expect(side.alerts).toContain("price_without_plan");
  });
});

describe("webhooks of Paddle", () => {
  test("that come thrice and again later change nothing more", async () => {
    side.paddle.notifications.setCopies(3);
    side.subscribeAtPaddle("bob");
    await side.settle();
    const stored = await side.events();
    expect(new Set(stored.map(({ id }) => id)).size).toBe(stored.length);
    expect(side.outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(stored.length * 2);
    const before = await side.instances();
    side.paddle.notifications.setCopies(1);
    for (const { id } of stored) side.paddle.notifications.replay(id);
    await side.settle();
    expect(await side.instances()).toEqual(before);
    expect(new Set(side.paddle.notifications.attempts().map(({ status }) => status))).toEqual(new Set([200]));
  });

  test("that come backwards lead to the same row, since none carries truth", async () => {
    side.paddle.notifications.hold();
    const subscription = side.subscribeAtPaddle("bob");
    side.paddle.life.pause(subscription, "immediately");
    side.paddle.life.resume(subscription);
    side.paddle.notifications.release((held) => held.toReversed());
    await side.settle();
    expect(await rows()).toEqual([["bob", "starter", "running"]]);
  });

  test("of what was true a year ago bring nobody back", async () => {
    const subscription = side.subscribeAtPaddle("bob");
    await side.settle();
    const old = await side.events();
    side.paddle.life.cancel(subscription, "immediately");
    await side.settle();
    const before = await side.instances();
    expect(before[0]?.phase).toBe("suspended");
    for (const { id } of old) side.paddle.notifications.replay(id);
    // The same events, told anew under other ids.
    for (const status of ["active", "trialing"])
      await post(...signed(eventOf("subscription.updated", { ...subscription, status })));
    await side.settle();
    expect(await side.instances()).toEqual(before);
  });

  test("of every kind are answered 200 and recorded", async () => {
    const kinds = ["product.updated", "report.created", "api_key.expiring", "payout.paid", "brand.new"];
    for (const kind of kinds) side.paddle.notifications.emit(kind, { id: newId("any") });
    side.paddle.notifications.emit("business.imported", {});
    await side.settle();
    expect(await side.events()).toHaveLength(kinds.length + 1);
    expect(new Set(side.paddle.notifications.attempts().map(({ status }) => status))).toEqual(new Set([200]));
    expect(await rows()).toEqual([]);
  });

  test("signed with any secret of a rotation are taken", async () => {
    const next = side.paddle.rotateSecret(side.paddleUrl);
    side.subscribeAtPaddle("bob");
    await side.settle();
    expect(await rows()).toHaveLength(1);
    const body = eventOf("customer.updated", { id: "ctm_1" });
    expect((await post(body, sign(body, [next, side.paddleSecret]))).status).toBe(200);
    expect((await post(eventOf("customer.updated", {}), sign(body, [next]))).status).toBe(400);
  });

  test.each<[string, (body: string) => string]>([
    ["of another destination", (body) => sign(body, ["pdl_ntfset_other"])],
    ["of other bytes", (body) => sign(`${body} `, [side.paddleSecret])],
    ["older than five minutes", (body) => sign(body, [side.paddleSecret], new Date(Date.now() - 301_000))],
    ["of Stripe's secret", (body) => sign(body, [side.secret])],
    ["absent", () => ""],
  ])("with a signature %s are refused with 400, and nothing is stored", async (_what, header) => {
    const body = eventOf("subscription.created", { id: "sub_1", customer_id: "ctm_1" });
    const answer = await post(body, header(body));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: "input_invalid" } });
    expect(await side.events()).toEqual([]);
    expect(side.outcomes).toEqual(["refused"]);
  });

  test("of another account or mode, under our secret, lead to an empty reading and to nothing", async () => {
    const mine = side.subscribeAtPaddle("bob");
    await side.settle();
    const before = await side.instances();
    const other = await startPaddle({ keys: ["pdl_live_apikey_other"] });
    try {
      other.seedPrice({ id: paddlePrices.starter, name: "the same", unitAmount: 1 });
      const order = { priceId: paddlePrices.starter, email: "x@example.com", customData: { slug: "bob" } };
      const theirs = other.subscription(other.buy(order).subscription_id ?? "");
      await post(...signed(eventOf("subscription.created", theirs)));
      // Only the object is named: it is asked for, and not found.
      await post(...signed(eventOf("subscription.canceled", { id: theirs.id })));
      await post(...signed(eventOf("subscription.canceled", { ...mine, customer_id: theirs.customer_id })));
    } finally {
      await other.close();
    }
    await side.settle();
    expect(await side.instances()).toEqual(before);
    expect(await side.waitingConverges()).toEqual(["bob", "cell.lab"]);
  });

  test("while our key is refused are kept, and handled when it is right again", async () => {
    const refusal = { error: { type: "request_error", code: "invalid_token" }, meta: { request_id: "r" } };
    side.paddle.faults.add({
      path: "^/subscriptions",
      times: 2,
      effect: { kind: "answer", status: 403, body: refusal },
    });
    side.subscribeAtPaddle("bob");
    await side.settle();
    expect(await rows()).toEqual([["bob", "starter", "running"]]);
  });
});

test("a customer's new address is read with the next event of theirs", async () => {
  const { customer_id: customerId } = side.subscribeAtPaddle("bob");
  await side.settle();
  await fetch(`${side.paddle.origin}/customers/${customerId}`, {
    method: "PATCH",
    headers: { authorization: `Bearer ${side.paddle.key}` },
    body: JSON.stringify({ email: "new@example.com" }),
  });
  await side.settle();
  const [row] = await side.database.sql`select email from clawfleet.subscriptions where slug = 'bob'`;
  expect(row).toEqual({ email: "new@example.com" });
});

test("where no Paddle is configured, its address is none of ours", async () => {
  const nobody = createPaddleBilling({
    apiKey: "pdl_sdbx_apikey_1",
    webhookSecrets: [],
    apiUrl: side.paddle.origin,
    checkoutUrl: side.paddle.checkoutUrl,
    fetch,
    clock: { now: () => new Date() },
    wait: async () => undefined,
  });
  const body = eventOf("subscription.created", {});
  const headers = new Headers({ "paddle-signature": sign(body, [side.paddleSecret]) });
  await expect(nobody.verifyWebhook(body, headers)).rejects.toMatchObject({ code: "input_invalid" });
});

test("nothing that is logged holds a key, a secret or an address of a customer", async () => {
  side.subscribeAtPaddle("bob");
  await side.settle();
  await side.sweep();
  const text = JSON.stringify(side.lines);
  expect(text).toContain("billing webhook");
  for (const secret of [side.paddle.key, side.paddleSecret, "bob@example.com"])
    expect(text).not.toContain(secret);
});

function signed(body: string): [string, string] {
  return [body, sign(body, [side.paddleSecret])];
}
