/** Proves that what is counted from rows is counted: every gauge answers on a real database, with what is in it. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Hono } from "hono";
import { createMetrics } from "../../reconciler/metrics.ts";
import { answerError } from "../../reconciler/routes/errors.ts";
import { createHealthRoutes } from "../../reconciler/routes/health.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";

let api: AdminApp;
beforeAll(async () => {
  api = await startAdminApp();
});
afterAll(() => api?.close());

test("instances, queue, drift and conditions are told as they are in the database", async () => {
  const { sql } = api.database;
  await api.request("POST", "/api/v1/instances", { body: { slug: "ada", plan: "starter" } });
  await sql`
    insert into clawfleet.drift_findings
      (subject, account, class, action, differences, first_seen, last_seen)
    values ('server:1', 'default', 'leak', 'ask', '[]', now(), now())`;
  await sql`
    insert into clawfleet.drift_scans (account, actor, started_at, ended_at, outcome)
    values ('default', 'clock', now(), to_timestamp(1700000000), 'complete')`;
  await sql`
    insert into clawfleet.cells (name, account, settings, secrets, created_at)
    select 'fresh', 'second', settings, secrets, to_timestamp(1600000000) from clawfleet.cells limit 1`;
  await sql`insert into clawfleet.git_state (commit, applied_at) values ('a', now())`;
  await sql`insert into clawfleet.git_pushes (commit, basis, outcome) values ('b', 'a', 'refused')`;
  const lines = (await createMetrics(sql).registry.metrics()).split("\n");
  for (const line of [
    'clawfleet_instances{status="pending",phase="running"} 1',
    'clawfleet_queue_jobs{queue="converge",state="waiting"} 2',
    'clawfleet_drift_findings{class="leak",action="ask"} 1',
    'clawfleet_drift_scan_timestamp_seconds{account="default"} 1700000000',
    // Nobody has looked yet: the alert counts from its begin.
    'clawfleet_drift_scan_timestamp_seconds{account="second"} 1600000000',
    'clawfleet_condition{kind="drift"} 1',
    'clawfleet_condition{kind="push_refused"} 1',
  ])
    expect(lines).toContain(line);
  expect(
    lines.find((line) => line.startsWith('clawfleet_queue_oldest_seconds{queue="converge"}')),
  ).toBeDefined();
});

test("what is in the database is read at most every fifteen seconds, whoever asks", async () => {
  const { sql } = api.database;
  let nowMs = 0;
  const { registry } = createMetrics(sql, () => nowMs);
  const findings = async () => (await registry.metrics()).match(/clawfleet_drift_findings\{.*/g);
  const before = await findings();
  await sql`update clawfleet.drift_findings set action = 'ignore'`;
  nowMs = 14_999;
  expect(await findings()).toEqual(before);
  nowMs = 15_000;
  expect(await findings()).toEqual(['clawfleet_drift_findings{class="leak",action="ignore"} 1']);
});

test("with a key of their own they are for who has it", async () => {
  const { registry } = createMetrics();
  const metricsKey = "m".repeat(32);
  const health = createHealthRoutes({ checks: [], registry, metricsKey, isDraining: () => false });
  const app = new Hono().route("/", health).onError((error, c) => answerError(c, error, api.apply.log));
  const ask = async (headers: Record<string, string>) => (await app.request("/metrics", { headers })).status;
  expect(await ask({})).toBe(401);
  expect(await ask({ authorization: `Bearer ${"n".repeat(32)}` })).toBe(401);
  expect(await ask({ authorization: `Bearer ${metricsKey}` })).toBe(200);
  expect((await app.request("/healthz")).status).toBe(200);
});
