/** Cloudflare's limit: 1,200 requests in five minutes, then everything is refused for the next five. */

export type RateGate = {
  /** Counts a request. */
  take(): { allowed: boolean; remaining: number; resetSeconds: number };
};

const windowMs = 5 * 60_000;

export function createRateGate(limit: number, now: () => Date): RateGate {
  let start = now().getTime();
  let used = 0;
  let blockedUntil = 0;
  return {
    take() {
      const at = now().getTime();
      if (at < blockedUntil)
        return { allowed: false, remaining: 0, resetSeconds: Math.ceil((blockedUntil - at) / 1000) };
      if (at - start >= windowMs) {
        start = at;
        used = 0;
      }
      used += 1;
      if (used > limit) {
        blockedUntil = at + windowMs;
        return { allowed: false, remaining: 0, resetSeconds: windowMs / 1000 };
      }
      return {
        allowed: true,
        remaining: limit - used,
        resetSeconds: Math.ceil((start + windowMs - at) / 1000),
      };
    },
  };
}
