/** Ends a run whose worker is frozen: the claim on its stack may be somebody else's by now. */

export type Watchdog = {
  /** The worker was heard. */
  hear(): void;
  /** Counts only while a run is under way. */
  start(): void;
  stop(): void;
};

/**
 * Counts ticks instead of reading a clock: a runner that was itself too busy to listen finds the messages that waited for it
 * before the next tick, and is not ended for its own slowness.
 */
export function createWatchdog(silence: { tickMs: number; ticks: number }, onSilence: () => void): Watchdog {
  let silent = 0;
  let timer: NodeJS.Timeout | undefined;
  return {
    hear() {
      silent = 0;
    },
    start() {
      silent = 0;
      timer ??= setInterval(() => {
        silent += 1;
        if (silent > silence.ticks) onSilence();
      }, silence.tickMs);
    },
    stop() {
      clearInterval(timer);
      timer = undefined;
    },
  };
}
