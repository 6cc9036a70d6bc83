/** Runners for as many runs at once as there are workers, kept while they are healthy. */
import {
  startRunner,
  type Lease,
  type OnProcess,
  type RunInput,
  type Runner,
  type RunnerOptions,
  type RunOutcome,
} from "./runner.ts";

export type RunnerPool = {
  run(
    input: RunInput,
    onEvent: (event: unknown) => void,
    signal: AbortSignal,
    lease?: Lease,
    onProcess?: OnProcess,
  ): Promise<RunOutcome>;
  /** Ends every runner; runs that are under way end as interrupted. */
  stop(): Promise<void>;
  /** Every process of every runner, now and hard: what the engine holds stays held. For the last way out. */
  kill(): void;
  /** Runners that exist now. */
  size(): number;
};

/** A runner is replaced after this many runs, so that what leaks in it stays small. */
const runsPerRunner = 50;

export function createRunnerPool(options: RunnerOptions): RunnerPool {
  const idle: { runner: Runner; runs: number }[] = [];
  const all = new Set<Runner>();
  let stopped = false;

  function take(): { runner: Runner; runs: number } {
    for (let slot = idle.pop(); slot; slot = idle.pop()) {
      if (slot.runner.isAlive()) return slot;
      all.delete(slot.runner);
    }
    const runner = startRunner(options);
    all.add(runner);
    return { runner, runs: 0 };
  }

  async function giveBack(
    slot: { runner: Runner; runs: number },
    outcome: RunOutcome | undefined,
  ): Promise<void> {
    const healthy = outcome !== undefined && outcome.kind !== "interrupted" && slot.runner.isAlive();
    if (healthy && slot.runs < runsPerRunner && !stopped) {
      idle.push(slot);
      return;
    }
    await slot.runner.stop();
    all.delete(slot.runner);
  }

  return {
    async run(input, onEvent, signal, lease, onProcess) {
      if (stopped) return { kind: "interrupted", why: "the service is stopping" };
      const slot = take();
      slot.runs += 1;
      let outcome: RunOutcome | undefined;
      try {
        outcome = await slot.runner.run(input, onEvent, signal, lease, onProcess);
        return outcome;
      } finally {
        await giveBack(slot, outcome);
      }
    },
    async stop() {
      stopped = true;
      idle.length = 0;
      await Promise.all([...all].map((runner) => runner.stop()));
      all.clear();
    },
    kill() {
      stopped = true;
      for (const runner of all) runner.kill();
    },
    size: () => all.size,
  };
}
