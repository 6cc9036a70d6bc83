/** Paddle's rate limit: so many requests a minute, then nothing for a minute. */

export type RateLimit = {
  /** Seconds to wait; undefined: go on. */
  take(): number | undefined;
};

const windowMs = 60_000;

export function createRateLimit(perMinute: number): RateLimit {
  let taken: number[] = [];
  let blockedUntil = 0;
  return {
    take() {
      const now = Date.now();
      if (now < blockedUntil) return Math.ceil((blockedUntil - now) / 1000);
      taken = taken.filter((at) => at > now - windowMs);
      taken.push(now);
      if (taken.length <= perMinute) return undefined;
      blockedUntil = now + windowMs;
      taken = [];
      return windowMs / 1000;
    },
  };
}
