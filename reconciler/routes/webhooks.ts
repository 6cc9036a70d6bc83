/** Billing webhooks: verified, stored once, a reading queued in the same transaction, answered. */
import { Hono } from "hono";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { BillingProvider, WebhookHint } from "../billing/provider.ts";
import { insertBillingEvent } from "../db/billing-events.ts";
import type { Queue } from "../queue/queue.ts";

export type WebhookDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  provider: BillingProvider;
  onWebhook: (outcome: "queued" | "duplicate" | "ignored" | "refused") => void;
};

export function createWebhookRoutes(deps: WebhookDeps): Hono {
  return new Hono().post(`/${deps.provider.name}`, async (c) => {
    const hint = await deps.provider
      .verifyWebhook(await c.req.text(), c.req.raw.headers)
      .catch((error: unknown) => {
        deps.onWebhook("refused");
        throw error;
      });
    const ignored = whyIgnored(hint, deps.provider);
    const fresh = await deps.sql.begin(async (tx) => {
      const { eventId: id, type, objectId, customerId } = hint;
      const event = {
        provider: deps.provider.name,
        id,
        type,
        objectId,
        customerId,
        ignored,
        receivedAt: deps.clock.now(),
      };
      if (!(await insertBillingEvent(tx, event))) return false;
      if (ignored === null)
        await deps.queue.enqueueHint(tx, { provider: deps.provider.name, eventId: id, customerId, objectId });
      return true;
    });
    const outcome = !fresh ? "duplicate" : ignored === null ? "queued" : "ignored";
    deps.onWebhook(outcome);
    deps.log.info({ event: hint.eventId, type: hint.type, outcome, ignored }, "billing webhook");
    return c.json({ received: true });
  });
}

/** Recorded and answered like any other, since Stripe would only send it again. */
function whyIgnored(hint: WebhookHint, provider: BillingProvider): string | null {
  if (hint.livemode !== provider.livemode)
    return `it is of ${hint.livemode ? "live" : "test"} mode and our key is not`;
  if (hint.account !== null) return "it is of another account";
  return hint.customerId === null && hint.objectId === null ? "it is about nobody" : null;
}
