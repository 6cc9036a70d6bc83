/** Stripe's webhooks: signed, snapshot or thin, on the outbox that simulated services share. */
import { createHmac } from "node:crypto";
import { createOutbox, postWebhook, type Outbox } from "../kit/outbox.ts";
import type { Store, StripeObject } from "./store.ts";

export type Endpoint = StripeObject & { url: string; enabled_events: string[]; status: string };

export type Delivery = Omit<Outbox<StripeObject>, "sendAgain"> & {
  /** Sends an old event again. */
  redeliver(eventId: string): void;
  /** Thin events instead of snapshots. */
  setThin(thin: boolean): void;
};

export type DeliveryOptions = { store: Store; retryMs: number; maxTries: number };

export function createDelivery({ store, retryMs, maxTries }: DeliveryOptions): Delivery {
  let thin = false;
  const outbox = createOutbox<StripeObject>({
    receivers: (event) =>
      (store.endpoints.newest() as Endpoint[])
        .filter((endpoint) => wants(endpoint, String(event["type"])))
        .map((endpoint) => (message) => post(message, endpoint)),
    onDelivered(event) {
      event["pending_webhooks"] = Math.max(0, Number(event["pending_webhooks"]) - 1);
    },
    retryMs,
    maxTries,
  });

  async function post(event: StripeObject, endpoint: Endpoint): Promise<number> {
    const body = JSON.stringify(thin ? toThin(event) : event);
    const time = Math.floor(Date.now() / 1000);
    const secrets = Array.isArray(endpoint["secrets"]) ? endpoint["secrets"].map(String) : [];
    const signatures = secrets.map(
      (secret) => `v1=${createHmac("sha256", secret).update(`${time}.${body}`).digest("hex")}`,
    );
    const headers = {
      "stripe-signature": [`t=${time}`, ...signatures].join(","),
      "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
    };
    return await postWebhook(endpoint.url, headers, body);
  }

  return {
    ...outbox,
    send(event) {
      event["pending_webhooks"] = store.endpoints.size();
      outbox.send(event);
    },
    redeliver(eventId) {
      const event = store.events.find(eventId);
      if (event) outbox.sendAgain(event);
    },
    setThin(on) {
      thin = on;
    },
  };
}

function wants(endpoint: Endpoint, type: string): boolean {
  const wanted = endpoint.enabled_events.includes("*") || endpoint.enabled_events.includes(type);
  return wanted && endpoint.status === "enabled";
}

function toThin(event: StripeObject) {
  const data = event["data"] as { object: StripeObject };
  const { id, object } = data.object;
  const plural = object === "checkout.session" ? "checkout/sessions" : `${object}s`;
  return {
    id: event.id,
    object: "v2.core.event",
    type: `v1.${String(event["type"])}`,
    created: new Date(event.created * 1000).toISOString(),
    livemode: event["livemode"],
    context: null,
    reason: null,
    related_object: { id, type: object, url: `/v1/${plural}/${id}` },
  };
}
