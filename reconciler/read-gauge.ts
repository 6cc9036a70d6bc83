/** Gauges whose values are in the database. */
import { Gauge, type Registry } from "prom-client";

export type ReadGauge<Label extends string> = {
  name: string;
  help: string;
  labelNames: readonly Label[];
  read: () => Promise<{ labels: Record<Label, string>; value: number }[]>;
};

/** Read anew whenever somebody asks for the metrics; what is not among the answers any more is gone. */
export function registerGauge<Label extends string>(
  registry: Registry,
  { name, help, labelNames, read }: ReadGauge<Label>,
): void {
  registry.registerMetric(
    new Gauge({
      name,
      help,
      labelNames,
      registers: [],
      async collect() {
        const values = await read();
        this.reset();
        for (const { labels, value } of values) this.set(labels, value);
      },
    }),
  );
}
