/** Rows of `clawfleet.billing_events`: every webhook event once, without its body. */
import type { Query } from "./database.ts";

export type BillingEventInput = {
  provider: string;
  id: string;
  type: string;
  objectId: string | null;
  customerId: string | null;
  /** Why nothing will follow from it; such an event counts as handled. */
  ignored: string | null;
  receivedAt: Date;
};

/** False when the event was here before. */
export async function insertBillingEvent(sql: Query, event: BillingEventInput): Promise<boolean> {
  const rows = await sql`
    insert into clawfleet.billing_events (provider, id, type, object_id, customer_id, ignored, received_at, handled_at)
    values (
      ${event.provider}, ${event.id}, ${event.type}, ${event.objectId}, ${event.customerId}, ${event.ignored},
      ${event.receivedAt}, ${event.ignored === null ? null : event.receivedAt}
    )
    on conflict do nothing
    returning id`;
  return rows.length === 1;
}

/** The reading that an event asked for was made: also that of every other event of this customer received before it. */
export async function markEventsHandled(
  sql: Query,
  handled: { provider: string; eventId: string; customerId: string | null; receivedBefore: Date; now: Date },
): Promise<void> {
  await sql`
    update clawfleet.billing_events set handled_at = ${handled.now}
    where provider = ${handled.provider} and handled_at is null and (
      id = ${handled.eventId}
      or (customer_id = ${handled.customerId}::text and received_at <= ${handled.receivedBefore})
    )`;
}
