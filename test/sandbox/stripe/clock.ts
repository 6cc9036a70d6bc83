/** Time as Stripe shows it: whole seconds. */
import { addInterval as addToDate, createMovableClock, type MovableClock } from "../kit/clock.ts";

export type StripeClock = MovableClock & {
  /** Unix seconds, as the API shows times. */
  seconds(): number;
};

export function createStripeClock(): StripeClock {
  const clock = createMovableClock();
  return { ...clock, seconds: () => Math.floor(clock.now().getTime() / 1000) };
}

export const daySeconds = 86_400;

/** One billing interval later, in Stripe's calendar sense. */
export function addInterval(seconds: number, interval: string, count: number): number {
  return Math.floor(addToDate(new Date(seconds * 1000), interval, count).getTime() / 1000);
}
