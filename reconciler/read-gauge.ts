/** Gauges whose values are in the database. */
import { Gauge, type Registry } from "prom-client";

export type ReadGauge<Label extends string> = {
  name: string;
  help: string;
  labelNames: readonly Label[];
  read: () => Promise<{ labels: Record<Label, string>; value: number }[]>;
};

/** Who scrapes more often, or from more places, gets the same numbers again. */
const readEveryMs = 15_000;

/** Read anew when somebody asks for the metrics, every 15 s at most; what is not among the answers any more is gone. */
export function registerGauge<Label extends string>(
  registry: Registry,
  { name, help, labelNames, read }: ReadGauge<Label>,
  nowMs: () => number = () => performance.now(),
): void {
  let readAtMs = Number.NEGATIVE_INFINITY;
  registry.registerMetric(
    new Gauge({
      name,
      help,
      labelNames,
      registers: [],
      async collect() {
        if (nowMs() - readAtMs < readEveryMs) return;
        const values = await read();
        readAtMs = nowMs();
        this.reset();
        for (const { labels, value } of values) this.set(labels, value);
      },
    }),
  );
}
