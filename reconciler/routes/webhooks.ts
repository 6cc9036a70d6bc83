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
  /** One address each: `/stripe`, `/paddle`. */
  providers: readonly BillingProvider[];
  onWebhook: (provider: string, outcome: "queued" | "duplicate" | "ignored" | "refused") => void;
};

export function createWebhookRoutes(deps: WebhookDeps): Hono {
  const routes = new Hono();
  for (const provider of deps.providers) addRoute(routes, deps, provider);
  return routes;
}

function addRoute(routes: Hono, deps: Omit<WebhookDeps, "providers">, provider: BillingProvider): void {
  routes.post(`/${provider.name}`, async (c) => {
    const hint = await provider
      .verifyWebhook(await c.req.text(), c.req.raw.headers)
      .catch((error: unknown) => {
        deps.onWebhook(provider.name, "refused");
        throw error;
      });
    const ignored = whyIgnored(hint, provider);
    const fresh = await deps.sql.begin(async (tx) => {
      const { eventId: id, type, objectId, customerId } = hint;
      const event = {
        provider: provider.name,
        id,
        type,
        objectId,
        customerId,
        ignored,
        receivedAt: deps.clock.now(),
      };
      if (!(await insertBillingEvent(tx, event))) return false;
      if (ignored === null)
        await deps.queue.enqueueHint(tx, { provider: provider.name, eventId: id, customerId, objectId });
      return true;
    });
    const outcome = !fresh ? "duplicate" : ignored === null ? "queued" : "ignored";
    deps.onWebhook(provider.name, outcome);
    deps.log.info({ event: hint.eventId, type: hint.type, outcome, ignored }, "billing webhook");
    return c.json({ received: true });
  });
}

/** Recorded and answered like any other, since it would only be sent again. */
function whyIgnored(hint: WebhookHint, provider: BillingProvider): string | null {
  if (hint.livemode !== provider.livemode)
    return `it is of ${hint.livemode ? "live" : "test"} mode and our key is not`;
  if (hint.account !== null) return "it is of another account";
  return hint.customerId === null && hint.objectId === null ? "it is about nobody" : null;
}
