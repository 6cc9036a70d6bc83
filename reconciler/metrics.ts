/** Prometheus metrics of one process. Labels are closed sets: no slug, no id. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { FleetCounts } from "./db/fleet.ts";

export type Metrics = ReturnType<typeof createMetrics>;

export function createMetrics(readFleet: () => Promise<FleetCounts[]>) {
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
  const instances = new Gauge({
    name: "clawfleet_instances",
    help: "Instances by status and desired phase.",
    labelNames: ["status", "phase"],
    registers: [registry],
    async collect() {
      this.reset();
      for (const { status, phase, count } of await readFleet()) this.set({ status, phase }, count);
    },
  });

  return { registry, instances, requests, converges, webhooks, sweeps, alerts, messages };
}
