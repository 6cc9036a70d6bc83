/**
 * Proves what happens to a billing webhook on a real PostgreSQL, with events that the simulated Stripe really signs and sends:
 * once, twice, late, out of order, thin, forged. What the job then does with the clouds is shown elsewhere.
 */
import Stripe from "stripe";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { eventually } from "../support/poll.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startBillingSide, type BillingSide } from "../support/billing.ts";

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

describe("webhooks", () => {
  test("a paid subscription becomes one desired row with a free address, and one job", async () => {
    side.subscribe("bob");
    side.subscribe("amy");
    await side.settle();
    const made = await side.instances();
    expect(made.map(({ slug, plan, phase }) => [slug, plan, phase])).toEqual([
      ["amy", "starter", "running"],
      ["bob", "starter", "running"],
    ]);
    expect(new Set(made.map(({ ip }) => ip))).toEqual(new Set(["10.0.0.3", "10.0.0.4"]));
    expect(await side.waitingConverges()).toEqual(["amy", "bob", "cell.lab"]);
  });

  test("each event is stored once, however often it comes, and answered 200", async () => {
    side.stripe.delivery.setCopies(3);
    side.subscribe("bob");
    await side.settle();
    const stored = await side.events();
    expect(new Set(stored.map(({ id }) => id)).size).toBe(stored.length);
    expect(side.outcomes.filter((outcome) => outcome === "duplicate")).toHaveLength(stored.length * 2);
    expect(new Set(side.stripe.delivery.attempts().map(({ status }) => status))).toEqual(new Set([200]));
    expect(await side.instances()).toHaveLength(1);
    const before = (await side.instances())[0]?.generation;
    for (const { id } of stored) side.stripe.delivery.redeliver(id);
    await side.settle();
    expect((await side.instances())[0]?.generation).toBe(before);
  });

  test("out of order they lead to the same row, since none carries truth", async () => {
    side.stripe.delivery.hold();
    const subscription = side.subscribe("bob");
    side.stripe.setStatus(subscription.id, "past_due");
    side.stripe.setStatus(subscription.id, "active");
    side.stripe.delivery.release((held) => held.toReversed());
    await side.settle();
    expect((await side.instances()).map(({ slug, phase }) => [slug, phase])).toEqual([["bob", "running"]]);
  });

  test("thin events do the same as snapshots", async () => {
    side.stripe.delivery.setThin(true);
    side.subscribe("bob");
    await side.settle();
    expect((await side.instances()).map(({ slug }) => slug)).toEqual(["bob"]);
  });

  test("an event of a kind that means nothing to us is stored and answered 200", async () => {
    side.stripe.emit("radar.early_fraud_warning.created", {
      id: "issfr_1",
      object: "radar.early_fraud_warning",
      created: 1,
    });
    await eventually("it is stored", async () => (await side.events()).length === 1);
    expect(side.stripe.delivery.attempts().at(-1)?.status).toBe(200);
    expect(await side.instances()).toEqual([]);
  });

  test.each([
    [
      "an unknown signature",
      (body: string) => `t=${Math.floor(Date.now() / 1000)},v1=${"0".repeat(64)}`.concat(body.slice(0, 0)),
    ],
    ["a signature of other bytes", (body: string) => sign(`${body} `, Date.now())],
    ["a signature older than five minutes", (body: string) => sign(body, Date.now() - 301_000)],
    ["no signature", () => ""],
  ])("%s is refused with 400, and nothing is stored", async (_name, header) => {
    const body = JSON.stringify({
      id: "evt_forged",
      object: "event",
      type: "customer.created",
      data: { object: {} },
    });
    const answer = await post(body, header(body));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: "input_invalid" } });
    expect(await side.events()).toEqual([]);
    expect(side.outcomes).toEqual(["refused"]);
  });

  test("while a side.secret is rotated, the old and the new one count", async () => {
    const next = side.stripe.rotateSecret(side.url);
    const rotated = createStripeBilling({
      secretKey: side.stripe.key,
      webhookSecrets: ["whsec_other", next],
      apiUrl: side.stripe.origin,
    });
    const body = JSON.stringify({
      id: "evt_1",
      object: "event",
      type: "customer.created",
      livemode: false,
      data: { object: { id: "cus_1", object: "customer" } },
    });
    for (const key of ["whsec_other", next]) {
      const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret: key });
      await expect(
        rotated.verifyWebhook(body, new Headers({ "stripe-signature": header })),
      ).resolves.toMatchObject({
        eventId: "evt_1",
        customerId: "cus_1",
      });
    }
  });

  test("an event of live mode is not ours while the key is one for tests", async () => {
    const body = JSON.stringify({
      id: "evt_live",
      object: "event",
      type: "customer.created",
      livemode: true,
      data: { object: { id: "cus_9", object: "customer" } },
    });
    expect((await post(body, sign(body, Date.now()))).status).toBe(200);
    expect((await side.events())[0]?.ignored).toContain("live");
  });

  function sign(payload: string, at: number): string {
    return Stripe.webhooks.generateTestHeaderString({
      payload,
      secret: side.secret,
      timestamp: Math.floor(at / 1000),
    });
  }

  function post(body: string, signature: string): Promise<Response> {
    return fetch(side.url, { method: "POST", body, headers: { "stripe-signature": signature } });
  }
});

test("nothing that is logged holds a key", async () => {
  side.subscribe("bob");
  await side.settle();
  const text = JSON.stringify(side.lines);
  expect(text).toContain("billing webhook");
  expect(text).not.toContain(side.secret);
  expect(text).not.toContain(side.stripe.key);
});
