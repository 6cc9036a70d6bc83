/** Proves by Prometheus' own tool that every alert rule fires on samples that it is for. Its samples: docs/monitoring/alerts.test.yaml. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { findPromtool } from "../support/promtool.ts";

const folder = new URL("../../docs/monitoring/", import.meta.url);
const read = async (name: string): Promise<unknown> => parse(await readFile(new URL(name, folder), "utf8"));
const rules = z.object({ groups: z.array(z.object({ rules: z.array(z.object({ alert: z.string() })) })) });
const cases = z.object({
  tests: z.array(
    z.object({
      alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })),
    }),
  ),
});

const promtool = findPromtool();

describe("alert rules", () => {
  test("each fire in a case of their own", async () => {
    const { groups } = rules.parse(await read("alerts.yaml"));
    const { tests } = cases.parse(await read("alerts.test.yaml"));
    const firing = tests
      .flatMap((one) => one.alert_rule_test)
      .filter(({ exp_alerts: expected }) => expected.length > 0)
      .map(({ alertname }) => alertname);
    const all = groups.flatMap((group) => group.rules.map(({ alert }) => alert));
    expect(all.filter((alert) => !firing.includes(alert))).toEqual([]);
  });

  test.skipIf(promtool === undefined)("do on samples what they are for", async () => {
    const file = fileURLToPath(new URL("alerts.test.yaml", folder));
    const run = promisify(execFile)(promtool ?? "", ["test", "rules", file]);
    expect((await run).stdout).toContain("SUCCESS");
  });
});
