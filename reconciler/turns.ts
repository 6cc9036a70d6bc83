/** Work that comes round in one process. A turn that fails is said, and the next one comes all the same. */
import type { Logger } from "pino";

export type Turns = {
  /** One now, beside those of the clock. */
  begin(): void;
  /** Cuts off by their signal what is under way, and waits for its end. */
  stop(): Promise<void>;
};

type Work = (signal: AbortSignal) => Promise<unknown>;

/** None begins before the last one has ended. */
export function every({ log }: { log: Logger }, intervalMs: number, problem: string, work: Work): Turns {
  let busy = false;
  return overlapping({ log }, intervalMs, problem, async (signal) => {
    if (busy) return;
    busy = true;
    await work(signal).finally(() => (busy = false));
  });
}

/** The next one begins whether the last one has ended or not. */
export function overlapping(
  { log }: { log: Logger },
  intervalMs: number,
  problem: string,
  work: Work,
): Turns {
  const stopped = new AbortController();
  const running = new Set<Promise<void>>();
  const begin = () => {
    const turn: Promise<void> = work(stopped.signal)
      .catch((error: unknown) => {
        if (!stopped.signal.aborted) log.error({ err: error }, problem);
      })
      .then(() => void running.delete(turn));
    running.add(turn);
  };
  const timer = setInterval(begin, intervalMs);
  return {
    begin,
    async stop() {
      clearInterval(timer);
      stopped.abort();
      await Promise.all(running);
    },
  };
}
