/** A hint from billing: whoever it is about is read again, and what follows from that is applied. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { BillingProvider } from "./billing/provider.ts";
import { markEventsHandled } from "./db/billing-events.ts";
import { beginReading, storeReadings } from "./db/subscriptions.ts";
import { applyDesired } from "./desired/apply.ts";
import type { ApplyDeps } from "./desired/apply-deps.ts";
import type { HintJob } from "./queue/jobs.ts";

export type HintDeps = ApplyDeps & { sql: Sql; log: Logger; providers: readonly BillingProvider[] };

/** @throws ClawfleetError billing_unavailable: the queue tries again. */
export async function handleHint(deps: HintDeps, job: HintJob): Promise<void> {
  const provider = deps.providers.find((one) => one.name === job.provider);
  if (!provider) return;
  const asked = await beginReading(deps.sql, deps.clock.now());
  const customerId =
    job.customerId ?? (job.objectId === null ? null : await provider.findCustomer(job.objectId));
  if (customerId !== null) {
    const readings = await provider.readCustomerSubscriptions(customerId);
    await storeReadings(deps.sql, { provider: provider.name, readings, asked });
    const actor = `${provider.name} ${job.eventId}`;
    const customers = [{ provider: provider.name, customerId }];
    const result = await applyDesired(deps, { kind: "customers", customers, actor });
    deps.log.info(
      { event: job.eventId, customer: customerId, subscriptions: readings.length, ...result },
      "billing hint handled",
    );
  }
  await markEventsHandled(deps.sql, {
    provider: provider.name,
    eventId: job.eventId,
    customerId,
    receivedBefore: asked.at,
    now: deps.clock.now(),
  });
}
