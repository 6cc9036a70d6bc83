/** A quantity above one pays for as many assistants: each is read as a subscription of its own. Pure. */
import type { SubscriptionReading } from "./provider.ts";

/** More than that in one subscription is a mistake of somebody's. */
export const mostSeats = 50;

const mark = "#";

/** The first has the subscription's own id, name and order; the others get generated names, which stay with their number. */
export function toSeats(reading: SubscriptionReading, quantity: number): SubscriptionReading[] {
  // Nothing is paid for; what had been is kept as with any other subscription that is paused.
  if (quantity < 1)
    return [{ ...reading, quantity, status: reading.endedAt === null ? "paused" : reading.status }];
  const count = Math.min(mostSeats, Math.floor(quantity));
  const more = Array.from({ length: count - 1 }, (_, index) => ({
    ...reading,
    id: `${reading.id}${mark}${index + 2}`,
    slug: null,
    orderId: null,
  }));
  return [quantity === 1 ? reading : { ...reading, quantity }, ...more];
}

/** 1 for the one with the subscription's own id. */
export function seatNumberOf(seatId: string): number {
  return Number(seatId.split(mark)[1] ?? 1);
}

/** By which the provider knows it. */
export function subscriptionOf(seatId: string): string {
  return seatId.split(mark)[0] ?? seatId;
}

export function isFurtherSeat(id: string): boolean {
  return id.includes(mark);
}
