/**
 * A reading as our rows can hold it. Buyers write some of it themselves, at Paddle in their own browser: what one of them
 * writes must never make the reading of all of them fail. Pure.
 */
import { slugSchema } from "../../infra/config.ts";
import { orderIdSchema } from "../orders/order-id.ts";
import type { SubscriptionReading } from "./provider.ts";

/** Longer than whatever a provider makes; PostgreSQL indexes no more than 2,704 bytes. */
const mostCharacters = 255;
/** Longest address that mail can have (source: RFC 5321, 4.5.3.1). */
const mostEmailCharacters = 320;

/** A name or an order that cannot be ours is none; other texts lose what PostgreSQL does not take. */
export function toStorable(reading: SubscriptionReading): SubscriptionReading {
  return {
    ...reading,
    id: clean(reading.id),
    customerId: clean(reading.customerId),
    email: reading.email !== null && isAddress(reading.email) ? reading.email : null,
    slug: slugSchema.safeParse(reading.slug).data ?? null,
    orderId: orderIdSchema.safeParse(reading.orderId).data ?? null,
    priceKeys: reading.priceKeys.map(clean),
    status: clean(reading.status),
  };
}

/** No character of code zero, and no half of a pair: `text` and `jsonb` refuse them. */
function clean(text: string): string {
  return text.slice(0, mostCharacters).replaceAll("\u0000", "").toWellFormed();
}

/** One that is changed would be somebody else's. */
function isAddress(email: string): boolean {
  return email.length <= mostEmailCharacters && email.isWellFormed() && !/\p{Cc}/u.test(email);
}
