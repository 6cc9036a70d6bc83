/** A simulated service's own time: real time plus whatever it was moved by. */

export type MovableClock = { now(): Date; moveBy(ms: number): void };

export function createMovableClock(): MovableClock {
  let offsetMs = 0;
  return {
    now: () => new Date(Date.now() + offsetMs),
    moveBy(ms) {
      offsetMs += ms;
    },
  };
}

export const dayMs = 86_400_000;

/** So many calendar intervals (`day`, `week`, `month`, `year`) later, as billing services count. */
export function addInterval(from: Date, interval: string, count: number): Date {
  const date = new Date(from);
  if (interval === "month") date.setUTCMonth(date.getUTCMonth() + count);
  else if (interval === "year") date.setUTCFullYear(date.getUTCFullYear() + count);
  else date.setTime(date.getTime() + count * (interval === "week" ? 7 : 1) * dayMs);
  return date;
}
