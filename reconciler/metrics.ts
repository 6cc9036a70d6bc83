/** Prometheus metrics of one process. Labels are closed sets: no slug, no id. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Sql } from "postgres";
import { readConditions } from "./conditions.ts";
import { countFindings, listScanTimes } from "./db/drift.ts";
import { countFleet } from "./db/fleet.ts";
import { countJobs, listOldestJobs } from "./db/jobs.ts";
import { countVerdicts } from "./db/health.ts";
import { registerGauge, type ReadGauge } from "./read-gauge.ts";

export type Metrics = ReturnType<typeof createMetrics>;

/** `sql`: of a process that also says what is in the database; the same numbers from every worker would count twice. */
export function createMetrics(sql?: Sql, nowMs: () => number = () => performance.now()) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: "clawfleet_" });

  const requests = new Histogram({
    name: "clawfleet_http_request_seconds",
    help: "Time to answer, by route pattern and status class.",
    labelNames: ["method", "route", "status"],
    buckets: [0.005, 0.025, 0.1, 0.5, 2, 10],
    registers: [registry],
  });
  const converges = new Histogram({
    name: "clawfleet_converge_seconds",
    help: "Time of one converge, by kind and outcome.",
    labelNames: ["kind", "outcome"],
    buckets: [1, 5, 15, 60, 180, 600, 1800],
    registers: [registry],
  });
  const webhooks = new Counter({
    name: "clawfleet_webhooks_total",
    help: "Billing webhooks by what became of them.",
    labelNames: ["provider", "outcome"],
    registers: [registry],
  });
  const sweeps = new Counter({
    name: "clawfleet_sweeps_total",
    help: "Full readings of billing by outcome.",
    labelNames: ["outcome"],
    registers: [registry],
  });
  const alerts = new Counter({
    name: "clawfleet_alerts_total",
    help: "Conditions that an operator has to look at, by kind.",
    labelNames: ["kind"],
    registers: [registry],
  });
  const messages = new Counter({
    name: "clawfleet_messages_total",
    help: "Messages to customers and operators by channel and what became of them.",
    labelNames: ["channel", "outcome"],
    registers: [registry],
  });
  const readings = new Histogram({
    name: "clawfleet_health_reading_seconds",
    help: "Time of one reading of one machine, by what it said: well, busy, ill.",
    labelNames: ["outcome"],
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 10, 20],
    registers: [registry],
  });
  const steps = new Counter({
    name: "clawfleet_healing_steps_total",
    help: "Steps taken for instances that were ill, by step and outcome.",
    labelNames: ["step", "outcome"],
    registers: [registry],
  });
  const driftInterval = new Gauge({
    name: "clawfleet_drift_interval_seconds",
    help: "How often a look for drift is asked for; 0: never.",
    registers: [registry],
  });
  if (sql) registerFleet(registry, sql, nowMs);

  return {
    registry,
    requests,
    converges,
    webhooks,
    sweeps,
    alerts,
    messages,
    readings,
    steps,
    driftInterval,
  };
}

function registerFleet(registry: Registry, sql: Sql, nowMs: () => number): void {
  const register = <Label extends string>(gauge: ReadGauge<Label>) => registerGauge(registry, gauge, nowMs);
  register({
    name: "clawfleet_instances",
    help: "Instances by status and desired phase.",
    labelNames: ["status", "phase"],
    read: async () => (await countFleet(sql)).map(({ count, ...labels }) => ({ labels, value: count })),
  });
  register({
    name: "clawfleet_instances_by_health",
    help: "Running instances by verdict: unknown, well, ill.",
    labelNames: ["verdict"],
    read: async () => (await countVerdicts(sql)).map(({ count, ...labels }) => ({ labels, value: count })),
  });
  register({
    name: "clawfleet_condition",
    help: "What is wrong now: instances or jobs concerned, by kind; 0 is well.",
    labelNames: ["kind"],
    read: async () =>
      (await readConditions(sql)).map(({ kind, count }) => ({ labels: { kind }, value: count })),
  });
  register({
    name: "clawfleet_drift_findings",
    help: "Open findings of drift by class and by what is done about them.",
    labelNames: ["class", "action"],
    read: async () => (await countFindings(sql)).map(({ count, ...labels }) => ({ labels, value: count })),
  });
  register({
    name: "clawfleet_drift_scan_timestamp_seconds",
    help: "End of the last whole scan for drift, by account; of one that never was scanned, when its first cell was made.",
    labelNames: ["account"],
    read: async () =>
      (await listScanTimes(sql)).map(({ account, endedAt, since }) => ({
        labels: { account },
        value: (endedAt ?? since).getTime() / 1000,
      })),
  });
  register({
    name: "clawfleet_queue_jobs",
    help: "Jobs that wait or run, by queue.",
    labelNames: ["queue", "state"],
    read: async () => (await countJobs(sql)).map(({ count, ...labels }) => ({ labels, value: count })),
  });
  register({
    name: "clawfleet_queue_oldest_seconds",
    help: "How long the oldest job has been due that nobody has taken, by queue.",
    labelNames: ["queue"],
    read: async () =>
      (await listOldestJobs(sql)).map(({ queue, seconds }) => ({ labels: { queue }, value: seconds })),
  });
}
