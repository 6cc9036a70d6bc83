/** How long to wait before the next try: doubling, at most some minutes, spread so that nobody comes in step. Pure. */

const longestMs = 10 * 60_000;

/** `failures`: tries in a row that failed, 1 or more; `random`: 0 to 1; `firstMs`: after the first failure. */
export function backoffMs(failures: number, random: number, firstMs: number): number {
  const base = Math.min(longestMs, firstMs * 2 ** Math.min(20, Math.max(0, failures - 1)));
  return Math.round(base * (0.75 + random * 0.5));
}
