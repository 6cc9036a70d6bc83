/** Stages of the demo: each is announced, timed, and either holds or stops the story. */
export type StageResult = { name: string; seconds: number; held: boolean };

export type Stages = {
  /** @throws what `work` throws, after recording it. */
  run<T>(name: string, work: (say: (line: string) => void) => Promise<T>): Promise<T>;
  results(): readonly StageResult[];
};

export function createStages(print: (line: string) => void): Stages {
  const results: StageResult[] = [];
  return {
    async run(name, work) {
      print(`\n${name}`);
      const start = performance.now();
      const finish = (held: boolean) => {
        const seconds = (performance.now() - start) / 1000;
        results.push({ name, seconds, held });
        print(`  ${held ? "ok" : "FAILED"} after ${seconds.toFixed(1)} s`);
      };
      try {
        const value = await work((line) => print(`  ${line}`));
        finish(true);
        return value;
      } catch (error) {
        finish(false);
        throw error;
      }
    },
    results: () => results,
  };
}

export function renderStages(results: readonly StageResult[]): string {
  const width = Math.max(...results.map(({ name }) => name.length), 5);
  const rows = results.map(
    ({ name, seconds, held }) =>
      `${name.padEnd(width)}  ${seconds.toFixed(1).padStart(7)}  ${held ? "ok" : "FAILED"}`,
  );
  const total = results.reduce((sum, { seconds }) => sum + seconds, 0);
  return [
    `${"stage".padEnd(width)}  seconds`,
    ...rows,
    `${"all".padEnd(width)}  ${total.toFixed(1).padStart(7)}`,
  ].join("\n");
}
