/** Waiting for something that happens by itself, with a bound and never for a fixed time. */
import { setTimeout as sleep } from "node:timers/promises";

/** Long: it is for what never happens, and machines are slow when they are shared. */
const defaultTimeoutMs = 120_000;

/** Resolves with the first truthy value. @throws after `timeoutMs`, with the description. */
export async function eventually<T>(
  what: string,
  look: () => Promise<T> | T,
  timeoutMs = defaultTimeoutMs,
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
}
