/** Times of the same thing done several times, in rounds that alternate between what is compared: a noisy machine is noisy for all. */

export type Samples = {
  /** Seconds that `work` took, kept under this name. */
  time(name: string, work: () => Promise<unknown>): Promise<number>;
  /** @throws RangeError when nothing of this name was timed. */
  median(name: string): number;
};

/** `now`: ms of a clock that never goes back. */
export function createSamples(now: () => number = () => performance.now()): Samples {
  const seconds = new Map<string, number[]>();
  return {
    async time(name, work) {
      const started = now();
      await work();
      const took = (now() - started) / 1000;
      seconds.set(name, [...(seconds.get(name) ?? []), took]);
      return took;
    },
    median(name) {
      const sorted = (seconds.get(name) ?? []).toSorted((a, b) => a - b);
      const middle = sorted.length / 2;
      const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
      if (low === undefined || high === undefined) throw new RangeError(`${name} was never timed`);
      return (low + high) / 2;
    },
  };
}
