/** Readings of a worker's own cells, as often as they are due and as many at once as it may. */
import { adoptInstances, takeDue, type DueProbe } from "../db/health.ts";
import { runOnMachine } from "../health/machine-ssh.ts";
import { readLot, type RoundDeps } from "../health/round.ts";
import type { Binding } from "../queue/binding.ts";
import { overlapping, type Turns } from "../turns.ts";

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

/** Nothing is written any more when it has stopped. */
export function startHealthReader(
  deps: Omit<RoundDeps, "run" | "intervalMs">,
  options: HealthReaderOptions,
): Turns {
  const { intervalMs, concurrency, binding } = options;
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

  async function tick(signal: AbortSignal): Promise<void> {
    if (taking) return;
    taking = true;
    const lot = await take().finally(() => (taking = false));
    busy += lot.length;
    await readLot({ ...deps, run: runOnMachine, intervalMs }, lot, signal).finally(
      () => (busy -= lot.length),
    );
  }

  const tickMs = Math.max(shortestTickMs, intervalMs / ticksAnInterval);
  return overlapping(deps, tickMs, "cannot read how the instances are", tick);
}
