/** Readings of a worker's own cells, as often as they are due and as many at once as it may. */
import { adoptInstances, takeDue, type DueProbe } from "../db/health.ts";
import { runOnMachine } from "../health/machine-ssh.ts";
import { readLot, type RoundDeps } from "../health/round.ts";
import type { Binding } from "../queue/binding.ts";

export type HealthReader = {
  /** Cuts off what is being read; nothing is written any more when this resolves. */
  stop(): Promise<void>;
};

export type HealthReaderOptions = {
  binding: Binding;
  /** Between two readings of one instance. */
  intervalMs: number;
  /** Machines read at once. */
  concurrency: number;
};

/** A tick finds what became due since the last one: sixty lots in a minute instead of all at once. */
const ticksAnInterval = 60;
const shortestTickMs = 250;

export function startHealthReader(
  deps: Omit<RoundDeps, "run" | "intervalMs">,
  options: HealthReaderOptions,
): HealthReader {
  const { intervalMs, concurrency, binding } = options;
  const stopped = new AbortController();
  const reading = new Set<Promise<void>>();
  let busy = 0;
  let taking = false;
  let adoptAt = 0;

  async function take(): Promise<DueProbe[]> {
    if (Date.now() >= adoptAt) {
      adoptAt = Date.now() + intervalMs;
      await adoptInstances(deps.sql, binding, intervalMs);
    }
    const limit = concurrency - busy;
    return limit <= 0 ? [] : await takeDue(deps.sql, { binding, limit });
  }

  async function tick(): Promise<void> {
    if (taking) return;
    taking = true;
    const lot = await take().finally(() => (taking = false));
    busy += lot.length;
    await readLot({ ...deps, run: runOnMachine, intervalMs }, lot, stopped.signal).finally(
      () => (busy -= lot.length),
    );
  }

  const timer = setInterval(
    () => {
      const turn = tick()
        .catch((error: unknown) => {
          if (!stopped.signal.aborted) deps.log.error({ err: error }, "cannot read how the instances are");
        })
        .finally(() => reading.delete(turn));
      reading.add(turn);
    },
    Math.max(shortestTickMs, intervalMs / ticksAnInterval),
  );
  return {
    async stop() {
      clearInterval(timer);
      stopped.abort();
      await Promise.all(reading);
    },
  };
}
