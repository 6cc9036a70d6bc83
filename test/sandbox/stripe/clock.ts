/** The simulator's own time: real time plus whatever it was moved by. */

export type StripeClock = {
  now(): Date;
  /** Unix seconds, as the API shows times. */
  seconds(): number;
  moveBy(ms: number): void;
};

export function createStripeClock(): StripeClock {
  let offsetMs = 0;
  const now = () => new Date(Date.now() + offsetMs);
  return {
    now,
    seconds: () => Math.floor(now().getTime() / 1000),
    moveBy(ms) {
      offsetMs += ms;
    },
  };
}

export const daySeconds = 86_400;

/** One billing interval later, in Stripe's calendar sense. */
export function addInterval(seconds: number, interval: string, count: number): number {
  const date = new Date(seconds * 1000);
  if (interval === "month") date.setUTCMonth(date.getUTCMonth() + count);
  else if (interval === "year") date.setUTCFullYear(date.getUTCFullYear() + count);
  else return seconds + count * (interval === "week" ? 7 : 1) * daySeconds;
  return Math.floor(date.getTime() / 1000);
}
