/** A bucket of requests for each caller, in this process. Pure but for the clock that it is given. */

export type RateRules = { burst: number; perSecond: number };

export type RateLimit = {
  /** Seconds until there is one again; 0: take it. */
  take(caller: string, nowMs: number): number;
};

/** Callers that have been quiet for so long have a full bucket anyway. */
const forgetMs = 10 * 60_000;
const maxCallers = 10_000;

export function createRateLimit({ burst, perSecond }: RateRules): RateLimit {
  const buckets = new Map<string, { tokens: number; at: number }>();
  function forget(nowMs: number): void {
    for (const [caller, { at }] of buckets) if (nowMs - at > forgetMs) buckets.delete(caller);
    if (buckets.size > maxCallers) buckets.clear();
  }
  return {
    take(caller, nowMs) {
      const known = buckets.get(caller) ?? { tokens: burst, at: nowMs };
      const tokens = Math.min(burst, known.tokens + ((nowMs - known.at) / 1000) * perSecond);
      if (buckets.size >= maxCallers) forget(nowMs);
      const enough = tokens >= 1;
      buckets.set(caller, { tokens: enough ? tokens - 1 : tokens, at: nowMs });
      return enough ? 0 : Math.ceil((1 - tokens) / perSecond);
    },
  };
}
