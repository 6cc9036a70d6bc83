/** Prometheus metrics of one process. Labels are closed sets: no slug, no id. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Sql } from "postgres";
import { readConditions } from "./conditions.ts";
import { countFindings, listScanTimes } from "./db/drift.ts";
import { countFleet } from "./db/fleet.ts";
import { countJobs, listOldestJobs } from "./db/jobs.ts";
import { countVerdicts } from "./db/health.ts";

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

/** Who scrapes more often, or from more places, gets the same numbers again. */
const readEveryMs = 15_000;

/** What `read` came to, for so long; two who ask at once wait for the same. A failure is nobody's answer. */
function createKept(nowMs: () => number): <T>(read: () => Promise<T>) => () => Promise<T> {
  return (read) => {
    let kept: { answer: ReturnType<typeof read>; atMs: number } | undefined;
    return () => {
      if (kept && nowMs() - kept.atMs < readEveryMs) return kept.answer;
      const answer = read();
      kept = { answer, atMs: nowMs() };
      answer.catch(() => (kept = undefined));
      return answer;
    };
  };
}

function registerFleet(registry: Registry, sql: Sql, nowMs: () => number): void {
  const keep = createKept(nowMs);
  const rows = {
    fleet: keep(() => countFleet(sql)),
    conditions: keep(() => readConditions(sql)),
    findings: keep(() => countFindings(sql)),
    scans: keep(() => listScanTimes(sql)),
    jobs: keep(() => countJobs(sql)),
    oldest: keep(() => listOldestJobs(sql)),
    verdicts: keep(() => countVerdicts(sql)),
  };
  const instances = new Gauge({
    name: "clawfleet_instances",
    help: "Instances by status and desired phase.",
    labelNames: ["status", "phase"],
    registers: [],
    async collect() {
      this.reset();
      for (const { status, phase, count } of await rows.fleet()) this.set({ status, phase }, count);
    },
  });
  const conditions = new Gauge({
    name: "clawfleet_condition",
    help: "What is wrong now: instances or jobs concerned, by kind; 0 is well.",
    labelNames: ["kind"],
    registers: [],
    async collect() {
      for (const { kind, count } of await rows.conditions()) this.set({ kind }, count);
    },
  });
  const drift = new Gauge({
    name: "clawfleet_drift_findings",
    help: "Open findings of drift by class and by what is done about them.",
    labelNames: ["class", "action"],
    registers: [],
    async collect() {
      this.reset();
      for (const { count, ...labels } of await rows.findings()) this.set(labels, count);
    },
  });
  const scans = new Gauge({
    name: "clawfleet_drift_scan_timestamp_seconds",
    help: "End of the last whole scan for drift, by account; of one that never was scanned, when its first cell was made.",
    labelNames: ["account"],
    registers: [],
    async collect() {
      this.reset();
      for (const { account, endedAt, since } of await rows.scans())
        this.set({ account }, (endedAt ?? since).getTime() / 1000);
    },
  });
  const jobs = new Gauge({
    name: "clawfleet_queue_jobs",
    help: "Jobs that wait or run, by queue.",
    labelNames: ["queue", "state"],
    registers: [],
    async collect() {
      this.reset();
      for (const { count, ...labels } of await rows.jobs()) this.set(labels, count);
    },
  });
  const waiting = new Gauge({
    name: "clawfleet_queue_oldest_seconds",
    help: "How long the oldest job has been due that nobody has taken, by queue.",
    labelNames: ["queue"],
    registers: [],
    async collect() {
      this.reset();
      for (const { queue, seconds } of await rows.oldest()) this.set({ queue }, seconds);
    },
  });
  registry.registerMetric(jobs);
  registry.registerMetric(waiting);
  registry.registerMetric(drift);
  registry.registerMetric(scans);
  const health = new Gauge({
    name: "clawfleet_instances_by_health",
    help: "Running instances by verdict: unknown, well, ill.",
    labelNames: ["verdict"],
    registers: [],
    async collect() {
      this.reset();
      for (const { verdict, count } of await rows.verdicts()) this.set({ verdict }, count);
    },
  });
  registry.registerMetric(health);
  registry.registerMetric(instances);
  registry.registerMetric(conditions);
}
