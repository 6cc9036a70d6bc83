/** Webhooks: signed, asynchronous, tried again, and out of order, twice or not at all when told so. */
import { createHmac } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Store, StripeObject } from "./store.ts";

export type Endpoint = StripeObject & { url: string; enabled_events: string[]; status: string };

export type Delivery = {
  /** Sends an event to every endpoint that wants it. */
  send(event: StripeObject): void;
  /** Sends an old event again. */
  redeliver(eventId: string): void;
  /** Keeps what comes until `release`. */
  hold(): void;
  /** `order` rearranges what was held. */
  release(order?: (events: StripeObject[]) => StripeObject[]): void;
  /** Every event is delivered this many times. */
  setCopies(copies: number): void;
  /** The next n events are never delivered. */
  dropNext(count: number): void;
  /** Thin events instead of snapshots. */
  setThin(thin: boolean): void;
  /** Resolves when nothing is under way or waiting for another try; false when that took longer. */
  idle(timeoutMs?: number): Promise<boolean>;
  attempts(): readonly { eventId: string; status: number }[];
};

export type DeliveryOptions = { store: Store; retryMs: number; maxTries: number };

export function createDelivery({ store, retryMs, maxTries }: DeliveryOptions): Delivery {
  const attempts: { eventId: string; status: number }[] = [];
  let pending = 0;
  let held: StripeObject[] | undefined;
  let copies = 1;
  let drop = 0;
  let thin = false;

  async function deliver(event: StripeObject, endpoint: Endpoint): Promise<void> {
    pending += 1;
    try {
      for (let attempt = 0; attempt < maxTries; attempt += 1) {
        const status = await post(event, endpoint);
        attempts.push({ eventId: event.id, status });
        if (status >= 200 && status < 300) {
          event["pending_webhooks"] = Math.max(0, Number(event["pending_webhooks"]) - 1);
          return;
        }
        await sleep(retryMs * 2 ** attempt);
      }
    } finally {
      pending -= 1;
    }
  }

  async function post(event: StripeObject, endpoint: Endpoint): Promise<number> {
    const body = JSON.stringify(thin ? toThin(event) : event);
    const time = Math.floor(Date.now() / 1000);
    const secrets = Array.isArray(endpoint["secrets"]) ? endpoint["secrets"].map(String) : [];
    const signatures = secrets.map(
      (secret) => `v1=${createHmac("sha256", secret).update(`${time}.${body}`).digest("hex")}`,
    );
    try {
      const answer = await fetch(endpoint.url, {
        method: "POST",
        headers: {
          "content-type": "application/json; charset=utf-8",
          "stripe-signature": [`t=${time}`, ...signatures].join(","),
          "user-agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        },
        body,
        signal: AbortSignal.timeout(20_000),
      });
      await answer.arrayBuffer();
      return answer.status;
    } catch {
      return 0;
    }
  }

  function sendNow(event: StripeObject): void {
    if (drop > 0) {
      drop -= 1;
      return;
    }
    for (const endpoint of store.endpoints.newest() as Endpoint[]) {
      const wanted =
        endpoint.enabled_events.includes("*") || endpoint.enabled_events.includes(String(event["type"]));
      if (!wanted || endpoint.status !== "enabled") continue;
      for (let copy = 0; copy < copies; copy += 1) void deliver(event, endpoint);
    }
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

  return {
    send(event) {
      event["pending_webhooks"] = store.endpoints.size();
      if (held) held.push(event);
      else sendNow(event);
    },
    redeliver(eventId) {
      const event = store.events.find(eventId);
      if (event) sendNow(event);
    },
    hold() {
      held ??= [];
    },
    release(order = (events) => events) {
      const events = order(held ?? []);
      held = undefined;
      for (const event of events) sendNow(event);
    },
    setCopies(count) {
      copies = count;
    },
    dropNext(count) {
      drop = count;
    },
    setThin(on) {
      thin = on;
    },
    async idle(timeoutMs = 10_000) {
      const polls = Math.ceil(timeoutMs / 20);
      const isBusy = () => pending > 0;
      for (let poll = 0; poll < polls && isBusy(); poll += 1) await sleep(20);
      return !isBusy();
    },
    attempts: () => attempts,
  };
}
