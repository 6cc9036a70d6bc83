/** Proves that the alert rules are well formed and ask only for metrics that there are. Not that Prometheus takes their expressions. */
import { readFile } from "node:fs/promises";
import { Registry } from "prom-client";
import { openDatabase } from "../../reconciler/db/database.ts";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createGateMetrics } from "../../reconciler/gate/metrics.ts";
import { createMetrics } from "../../reconciler/metrics.ts";

const file = new URL("../../docs/monitoring/alerts.yaml", import.meta.url);
const rulesSchema = z.object({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^Clawfleet/),
          expr: z.string(),
          for: z.string().optional(),
          labels: z.object({ severity: z.enum(["page", "ticket"]) }),
          annotations: z.object({ summary: z.string(), description: z.string().optional() }),
        }),
      ),
    }),
  ),
});

describe("the alert rules", () => {
  test("ask for metrics that the processes have", async () => {
    const { groups } = rulesSchema.parse(parse(await readFile(file, "utf8")));
    // Nothing is asked of it: only the names count.
    const sql = openDatabase("postgres://nobody@127.0.0.1:9/nothing", { max: 1 });
    const { registry } = createMetrics(sql);
    const gate = new Registry();
    createGateMetrics(gate, sql);
    const known = new Set(
      [...registry.getMetricsAsArray(), ...gate.getMetricsAsArray()].map(({ name }) => name),
    );
    const used = groups.flatMap(({ rules }) =>
      rules.flatMap(({ expr }) =>
        [...expr.matchAll(/clawfleet_\w+/g)].map(([name]) => name.replace(/_count$/, "")),
      ),
    );
    expect(used.length).toBeGreaterThan(8);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
    await sql.end({ timeout: 1 });
  });
});
