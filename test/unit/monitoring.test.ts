/** Proves that alert rules and dashboard are well formed and ask only for metrics that there are. Not that Prometheus takes their expressions. */
import { readdir, readFile } from "node:fs/promises";
import { Registry } from "prom-client";
import { openDatabase } from "../../reconciler/db/database.ts";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { createGateMetrics } from "../../reconciler/gate/metrics.ts";
import { createMetrics } from "../../reconciler/metrics.ts";

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
          annotations: z.object({
            summary: z.string(),
            description: z.string().optional(),
            runbook: z.string().startsWith("docs/incidents.md#"),
          }),
        }),
      ),
    }),
  ),
});

const dashboardSchema = z.looseObject({
  panels: z.array(
    z.looseObject({ title: z.string(), targets: z.array(z.looseObject({ expr: z.string() })).min(1) }),
  ),
});

const folder = new URL("../../docs/monitoring/", import.meta.url);
const read = (name: string) => readFile(new URL(name, folder), "utf8");

async function listMetrics(): Promise<Set<string>> {
  // Nothing is asked of it: only the names count.
  const sql = openDatabase("postgres://nobody@127.0.0.1:9/nothing", { max: 1 });
  const { registry } = createMetrics(sql);
  const gate = new Registry();
  createGateMetrics(gate, sql);
  await sql.end({ timeout: 1 });
  return new Set([...registry.getMetricsAsArray(), ...gate.getMetricsAsArray()].map(({ name }) => name));
}

function listUsed(expressions: readonly string[]): string[] {
  return expressions.flatMap((text) =>
    [...text.matchAll(/clawfleet_\w+/g)].map(([name]) => name.replace(/_(count|bucket)$/, "")),
  );
}

describe("what watches the fleet", () => {
  test.each([
    [
      "alert rules",
      async () => {
        const { groups } = rulesSchema.parse(parse(await read("alerts.yaml")));
        return groups.flatMap(({ rules }) => rules.map(({ expr }) => expr));
      },
    ],
    [
      "dashboard",
      async () => {
        const { panels } = dashboardSchema.parse(JSON.parse(await read("dashboard.json")));
        return panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
      },
    ],
  ])("%s ask for metrics that the processes have", async (_what, list) => {
    const known = await listMetrics();
    const used = listUsed(await list());
    expect(used.length).toBeGreaterThan(8);
    expect(used.filter((name) => !known.has(name))).toEqual([]);
  });

  test("leads to a page for each alert, and everything that the service raises has one", async () => {
    const pages = new Set(
      [
        ...(await readFile(new URL("../../docs/incidents.md", import.meta.url), "utf8")).matchAll(
          /^## (\w+)$/gm,
        ),
      ].map(([, name = ""]) => name.toLowerCase()),
    );
    const { groups } = rulesSchema.parse(parse(await read("alerts.yaml")));
    const rules = groups.flatMap((group) => group.rules);
    expect(rules.map(({ annotations }) => annotations.runbook)).toEqual(
      rules.map(({ alert }) => `docs/incidents.md#${alert.toLowerCase()}`),
    );
    const raised = await listRaised();
    expect(raised.size).toBeGreaterThan(15);
    const named = [...raised, ...rules.map(({ alert }) => alert.toLowerCase())];
    expect(named.filter((name) => !pages.has(name))).toEqual([]);
  });
});

/** Kinds of alerts and conditions, read from the sources: they are words there, not a list. */
async function listRaised(): Promise<Set<string>> {
  const root = new URL("../../reconciler/", import.meta.url);
  const names = (await readdir(root, { recursive: true })).filter((name) => /\.tsx?$/.test(name));
  const texts = await Promise.all(names.map((name) => readFile(new URL(name, root), "utf8")));
  const found = texts.flatMap((text, at) => {
    const isConditions = names[at] === "conditions.ts";
    const words = isConditions
      ? /\bkind: "(\w+)"/g
      : /\balert: "(\w+)"|\bonAlert\??\.?\(\{\s*kind: "(\w+)"|\balerts\.push\(\{\s*kind: "(\w+)"|\balert\(\w+, "(\w+)"|Alert\(\w+, "(\w+)"|(?:disk|memory|load): "(\w+_\w+|overloaded)"/g;
    return [...text.matchAll(words)].map((match) => match.slice(1).find((word) => word !== undefined) ?? "");
  });
  return new Set(found.filter(Boolean));
}
