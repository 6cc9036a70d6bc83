/** Proves which hint each of Paddle's events becomes, and what is refused. That a hint is acted upon is shown elsewhere. */
import { describe, expect, it } from "vitest";
import { createPaddleBilling } from "../../reconciler/billing/paddle.ts";
import { sign } from "../sandbox/paddle/notifications.ts";

const now = new Date("2026-11-20T12:00:00Z");

function make(apiKey = "pdl_sdbx_apikey_1") {
  return createPaddleBilling({
    apiKey,
    webhookSecrets: ["pdl_ntfset_old", "pdl_ntfset_new"],
    apiUrl: "http://127.0.0.1:1",
    checkoutUrl: "https://pay.example.com/",
    fetch: () => Promise.reject(new Error("a webhook asks nobody")),
    clock: { now: () => now },
    wait: async () => undefined,
  });
}

async function hintOf(event: unknown, secret = "pdl_ntfset_new") {
  const body = typeof event === "string" ? event : JSON.stringify(event);
  return await make().verifyWebhook(body, new Headers({ "paddle-signature": sign(body, [secret], now) }));
}

const event = (event_type: string, data: object) => ({
  event_id: "evt_1",
  event_type,
  occurred_at: "2026-11-20T11:59:59Z",
  notification_id: "ntf_1",
  data,
});
const subscription = { id: "sub_1", status: "active", customer_id: "ctm_1" };

describe("an event", () => {
  const ofSubscriptions = "created activated trialing updated canceled past_due paused resumed imported";
  it.each(ofSubscriptions.split(" "))("subscription.%s is a hint at its customer", async (what) => {
    expect(await hintOf(event(`subscription.${what}`, subscription))).toEqual({
      eventId: "evt_1",
      type: `subscription.${what}`,
      customerId: "ctm_1",
      objectId: "sub_1",
      livemode: false,
      account: null,
    });
  });

  it.each<[string, object, object]>([
    [
      "transaction.completed",
      { id: "txn_1", customer_id: "ctm_1" },
      { customerId: "ctm_1", objectId: "txn_1" },
    ],
    ["transaction.created", { id: "txn_1", customer_id: null }, { customerId: null, objectId: "txn_1" }],
    ["adjustment.updated", { id: "adj_1", customer_id: "ctm_1" }, { customerId: "ctm_1" }],
    ["customer.updated", { id: "ctm_7", email: "new@example.com" }, { customerId: "ctm_7" }],
    ["price.updated", { id: "pri_1" }, { customerId: null, objectId: "pri_1" }],
    ["brand.new", {}, { customerId: null, objectId: null }],
  ])("%s %j is taken", async (type, data, expected) => {
    expect(await hintOf(event(type, data))).toMatchObject({ type, ...expected });
  });

  it("counts as of the mode of our key: it does not say its own", async () => {
    const body = JSON.stringify(event("subscription.updated", subscription));
    const headers = new Headers({ "paddle-signature": sign(body, ["pdl_ntfset_old"], now) });
    expect(await make("pdl_live_apikey_1").verifyWebhook(body, headers)).toMatchObject({ livemode: true });
  });
});

it.each<[string, unknown]>([
  ["no JSON", "{"],
  ["without an id", { ...event("a.b", {}), event_id: undefined }],
  ["with an empty id", { ...event("a.b", {}), event_id: "" }],
  ["without data", { ...event("a.b", {}), data: undefined }],
  ["of Paddle Classic", "alert_name=subscription_created&p_signature=x"],
  ["of ids that are none", event("a.b", { id: 7 })],
])("a signed body %s is refused", async (_what, body) => {
  await expect(hintOf(body)).rejects.toMatchObject({ code: "input_invalid" });
});

it("a signature of another destination is refused, with what to look at", async () => {
  const refusal = hintOf(event("subscription.updated", subscription), "pdl_ntfset_of_somebody");
  await expect(refusal).rejects.toMatchObject({
    code: "input_invalid",
    remedy: expect.stringContaining("PADDLE_WEBHOOK_SECRET"),
  });
});
