/** The request budget of one project: a bucket that refills one by one, and the headers that tell of it. */

export type RateLimit = {
  /** Requests per hour, which is also the size of the bucket. Hetzner: 3600. */
  perHour: number;
};

export const officialRateLimit: RateLimit = { perHour: 3600 };

export type RateBucket = {
  /** Takes one request out; false when the bucket is empty (then nothing is taken). */
  take(): boolean;
  headers(): Record<string, string>;
  remaining(): number;
  /** Sets what is left, e.g. 0 to meet a budget that others have used up. */
  setRemaining(count: number): void;
};

/** Refills `perHour / 3600` per second of `now`, never above `perHour`. */
export function createRateBucket(limit: RateLimit, now: () => Date): RateBucket {
  const perMs = limit.perHour / 3_600_000;
  let level = limit.perHour;
  let filledAt = now().getTime();

  function refill(): void {
    const time = now().getTime();
    if (time > filledAt) level = Math.min(limit.perHour, level + (time - filledAt) * perMs);
    filledAt = time;
  }

  return {
    take() {
      refill();
      if (level < 1) return false;
      level -= 1;
      return true;
    },
    headers() {
      refill();
      const fullAt = filledAt + (limit.perHour - level) / perMs;
      return {
        "RateLimit-Limit": String(limit.perHour),
        "RateLimit-Remaining": String(Math.floor(level)),
        "RateLimit-Reset": String(Math.ceil(fullAt / 1000)),
      };
    },
    remaining() {
      refill();
      return Math.floor(level);
    },
    setRemaining(count) {
      refill();
      level = Math.min(limit.perHour, count);
    },
  };
}
