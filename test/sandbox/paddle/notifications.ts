/** Paddle's events and how they reach the seller: signed with every secret of the destination, on the shared outbox. */
import { createHmac } from "node:crypto";
import type { MovableClock } from "../kit/clock.ts";
import { createOutbox, postWebhook, type Outbox } from "../kit/outbox.ts";
import { newId, type Destination, type PaddleEvent, type Store } from "./model.ts";

export type Notifications = Omit<Outbox<PaddleEvent>, "send" | "sendAgain"> & {
  /** Something happened; every active destination is told. */
  emit(type: string, data: object): PaddleEvent;
  /** Sends an old event again, as a new notification. */
  replay(eventId: string): void;
};

export function createNotifications(deps: {
  store: Store;
  clock: MovableClock;
  retryMs: number;
  maxTries: number;
}): Notifications {
  const { store, clock, retryMs, maxTries } = deps;
  const outbox = createOutbox<PaddleEvent>({
    receivers: () =>
      [...store.destinations.values()]
        .filter(({ active }) => active)
        .map((destination) => (event) => post(event, destination)),
    retryMs,
    maxTries,
  });

  return {
    ...outbox,
    emit(type, data) {
      const event: PaddleEvent = {
        id: newId("evt"),
        event_type: type,
        occurred_at: clock.now().toISOString(),
        data: structuredClone(data),
      };
      store.events.set(event.id, event);
      outbox.send(event);
      return event;
    },
    replay(eventId) {
      const event = store.events.get(eventId);
      if (event) outbox.sendAgain(event);
    },
  };
}

/** Each try is signed anew, with the time of the try (source: Paddle, signature verification). */
async function post(event: PaddleEvent, { destination, secrets }: Destination): Promise<number> {
  const { id: event_id, event_type, occurred_at, data } = event;
  const body = JSON.stringify({ event_id, event_type, occurred_at, notification_id: newId("ntf"), data });
  return await postWebhook(
    destination,
    { "paddle-signature": sign(body, secrets), "user-agent": "Paddle" },
    body,
  );
}

/** As Paddle signs it, with as many h1 as there are secrets. */
export function sign(body: string, secrets: readonly string[], at = new Date()): string {
  const ts = Math.floor(at.getTime() / 1000);
  const hashes = secrets.map((secret) => createHmac("sha256", secret).update(`${ts}:${body}`).digest("hex"));
  return [`ts=${ts}`, ...hashes.map((hash) => `h1=${hash}`)].join(";");
}
