/** Takes due messages from the outbox one by one and sees each to its end. Any number of processes may do so at once. */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import {
  channels,
  claimMessage,
  expireMessages,
  finishMessage,
  markSending,
  recoverMessages,
  releaseMessage,
  skipMessages,
  type Channel,
  type ClaimedMessage,
  type Claim,
  type LostMessage,
} from "../db/outbox.ts";
import { assertNever } from "../errors.ts";
import type { RaiseAlert } from "./alerts.ts";
import type { Commit, Delivery } from "./delivery.ts";

/** Sends one message of its channel. */
export type Carrier = (message: ClaimedMessage, commit: Commit) => Promise<Delivery>;

export type SenderDeps = {
  sql: Sql;
  clock: { now(): Date };
  log: Logger;
  random(): number;
  /** Channels without one are skipped. */
  carriers: Partial<Record<Channel, Carrier>>;
  raise: RaiseAlert;
  onMessage?: (channel: Channel, outcome: Delivery["kind"]) => void;
};

export type Sender = {
  /** Sends what is due now, oldest first. Resolves to how many were handed over. */
  run(signal?: AbortSignal): Promise<number>;
};

/** Longer than any conversation may take; then others may take the message. */
const claimMs = 5 * 60_000;
const firstRetryMs = 60_000;
const longestRetryMs = 60 * 60_000;
const firstPauseMs = 5_000;
const longestPauseMs = 5 * 60_000;
/** Downs in a row after which operators are told. */
const downsBeforeAlert = 3;
const giveUpMs: Record<Channel, number> = {
  mail: 3 * 86_400_000,
  alert_mail: 86_400_000,
  slack: 86_400_000,
  telegram: 86_400_000,
};

export function createSender(deps: SenderDeps): Sender {
  const present = channels.filter((channel) => deps.carriers[channel]);
  const missing = channels.filter((channel) => !deps.carriers[channel]);
  /** A channel that is down is left alone for a while, and nobody loses a place in the order by it. */
  const pauses = new Map<Channel, { until: number; downs: number }>();

  async function prepare(): Promise<void> {
    const now = deps.clock.now();
    for (const lost of await recoverMessages(deps.sql, now)) tellUncertain(lost);
    await expireMessages(deps.sql, now);
    await skipMessages(deps.sql, missing, now);
  }

  async function sendNext(): Promise<"sent" | "not-sent" | "none"> {
    const now = deps.clock.now();
    const open = present.filter((channel) => (pauses.get(channel)?.until ?? 0) <= now.getTime());
    if (open.length === 0) return "none";
    const claim = randomUUID();
    const until = new Date(now.getTime() + claimMs);
    const message = await claimMessage(deps.sql, { channels: open, claim, until, now });
    const carrier = message && deps.carriers[message.channel];
    if (!message || !carrier) return "none";
    const held = { id: message.id, claim };
    const commit = () => markSending(deps.sql, held, new Date(deps.clock.now().getTime() + claimMs));
    const delivery = await carrier(message, commit);
    await settle(message, held, delivery);
    deps.onMessage?.(message.channel, delivery.kind);
    return delivery.kind === "sent" ? "sent" : "not-sent";
  }

  async function settle(message: ClaimedMessage, held: Claim, delivery: Delivery): Promise<void> {
    const now = deps.clock.now();
    const about = { channel: message.channel, subject: message.subject, occasion: message.occasion };
    if (delivery.kind !== "down") pauses.delete(message.channel);
    switch (delivery.kind) {
      case "sent":
        deps.log.info(about, "message sent");
        return await finishMessage(deps.sql, held, { state: "sent", detail: delivery.detail, now });
      case "refused":
        return await giveUp(message, held, delivery.detail);
      case "deferred":
      case "down": {
        if (now.getTime() - message.queuedAt.getTime() > giveUpMs[message.channel])
          return await giveUp(message, held, delivery.detail);
        const { detail } = delivery;
        if (delivery.kind === "down") pause(message.channel, detail);
        const retryAt = delivery.kind === "down" ? null : new Date(now.getTime() + waitMs(message, delivery));
        return await releaseMessage(deps.sql, held, { retryAt, detail });
      }
      case "unknown":
        await finishMessage(deps.sql, held, { state: "uncertain", detail: delivery.detail, now });
        return tellUncertain(message);
      case "withheld":
        return deps.log.warn(about, "a message was not sent: another process took it meanwhile");
      default:
        return assertNever(delivery);
    }
  }

  function waitMs(
    { attempts }: ClaimedMessage,
    { afterMs }: Extract<Delivery, { kind: "deferred" }>,
  ): number {
    return afterMs ?? doubled(firstRetryMs, attempts, longestRetryMs) * (0.75 + deps.random() * 0.5);
  }

  function pause(channel: Channel, detail: string): void {
    const downs = (pauses.get(channel)?.downs ?? 0) + 1;
    pauses.set(channel, {
      until: deps.clock.now().getTime() + doubled(firstPauseMs, downs, longestPauseMs),
      downs,
    });
    deps.log.warn(
      { channel, detail, downs },
      "a channel for messages is down; what waits goes out in order later",
    );
    if (channel === "mail" && downs === downsBeforeAlert) deps.raise({ kind: "mail_down", message: detail });
  }

  async function giveUp(message: ClaimedMessage, held: Claim, detail: string): Promise<void> {
    await finishMessage(deps.sql, held, { state: "given_up", detail, now: deps.clock.now() });
    const { channel, subject, occasion } = message;
    deps.log.error({ channel, subject, occasion, detail }, "a message was given up");
    // An alert about an alert that cannot be told would go the same way.
    if (channel !== "mail") return;
    const about = message.slug ?? subject;
    deps.raise({ kind: "mail_refused", about, message: `"${occasion}" for ${about}: ${detail}` });
  }

  function tellUncertain({ channel, subject, slug, occasion }: LostMessage): void {
    deps.log.error(
      { channel, subject, occasion },
      "nobody knows whether this message was sent; it is not repeated",
    );
    if (channel !== "mail") return;
    const about = slug ?? subject;
    deps.raise({ kind: "mail_uncertain", about, message: `"${occasion}" for ${about}` });
  }

  return {
    async run(signal) {
      await prepare();
      for (let sent = 0; ;) {
        const outcome = signal?.aborted === true ? "none" : await sendNext();
        if (outcome === "none") return sent;
        if (outcome === "sent") sent += 1;
      }
    },
  };
}

function doubled(firstMs: number, times: number, longestMs: number): number {
  return Math.min(longestMs, firstMs * 2 ** Math.min(20, Math.max(0, times - 1)));
}
