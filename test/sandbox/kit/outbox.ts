/** Webhooks of a simulated service: asynchronous, tried again, and out of order, twice or not at all when told so. */
import { setTimeout as sleep } from "node:timers/promises";

export type Outbox<Message extends { id: string }> = {
  /** Sends to every receiver that wants it, or keeps it while held. */
  send(message: Message): void;
  /** Sends an old one again, held or not. */
  sendAgain(message: Message): void;
  /** Keeps what comes until `release`. */
  hold(): void;
  /** `order` rearranges what was held. */
  release(order?: (messages: Message[]) => Message[]): void;
  /** Every message is delivered this many times. */
  setCopies(copies: number): void;
  /** The next n messages are never delivered. */
  dropNext(count: number): void;
  /** Resolves when nothing is under way or waiting for another try; false when that took longer. */
  idle(timeoutMs?: number): Promise<boolean>;
  attempts(): readonly { eventId: string; status: number }[];
};

export type OutboxOptions<Message> = {
  /** One function for each receiver that wants the message: posts it, answers the HTTP status, 0 without an answer. */
  receivers(message: Message): ((message: Message) => Promise<number>)[];
  onDelivered?(message: Message): void;
  /** Wait before the second try, doubling. */
  retryMs: number;
  maxTries: number;
};

export function createOutbox<Message extends { id: string }>(
  options: OutboxOptions<Message>,
): Outbox<Message> {
  const attempts: { eventId: string; status: number }[] = [];
  let pending = 0;
  let held: Message[] | undefined;
  let copies = 1;
  let drop = 0;

  async function deliver(message: Message, post: (message: Message) => Promise<number>): Promise<void> {
    pending += 1;
    try {
      for (let attempt = 0; attempt < options.maxTries; attempt += 1) {
        const status = await post(message).catch(() => 0);
        attempts.push({ eventId: message.id, status });
        if (status >= 200 && status < 300) return options.onDelivered?.(message);
        await sleep(options.retryMs * 2 ** attempt);
      }
    } finally {
      pending -= 1;
    }
  }

  function sendAgain(message: Message): void {
    if (drop > 0) {
      drop -= 1;
      return;
    }
    for (const post of options.receivers(message)) {
      for (let copy = 0; copy < copies; copy += 1) void deliver(message, post);
    }
  }

  return {
    send(message) {
      if (held) held.push(message);
      else sendAgain(message);
    },
    sendAgain,
    hold() {
      held ??= [];
    },
    release(order = (messages) => messages) {
      const messages = order(held ?? []);
      held = undefined;
      for (const message of messages) sendAgain(message);
    },
    setCopies(count) {
      copies = count;
    },
    dropNext(count) {
      drop = count;
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

/** Posts a signed body as a billing service does. */
export async function postWebhook(
  url: string,
  headers: Record<string, string>,
  body: string,
): Promise<number> {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body,
    signal: AbortSignal.timeout(20_000),
  });
  await answer.arrayBuffer();
  return answer.status;
}
