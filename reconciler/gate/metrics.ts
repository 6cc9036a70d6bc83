/** What operators see of request budgets and of what is blocked. Labels are closed sets: clouds, configured accounts, outcomes. */
import { Counter, Gauge, type Registry } from "prom-client";
import type { Sql } from "postgres";
import { countBlocked } from "../db/blocks.ts";
import { listBudgets, type BudgetSeen } from "../db/rate-budgets.ts";
import { blockers } from "../errors.ts";
import { breakerStates } from "./breaker.ts";

export function createGateMetrics(registry: Registry, sql: Sql) {
  const registers = [registry];
  const budgetLabels = ["cloud", "account"];
  const requests = new Counter({
    name: "clawfleet_cloud_requests_total",
    help: "Requests of this process to the clouds by what became of them; held-back ones were not sent.",
    labelNames: ["cloud", "outcome"],
    registers,
  });
  /** Gauges are collected at the same time: one statement for all of them. */
  let reading: Promise<BudgetSeen[]> | undefined;
  const read = (): Promise<BudgetSeen[]> => {
    reading ??= listBudgets(sql).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  const limit = new Gauge({
    name: "clawfleet_rate_budget_limit",
    help: "Requests in a full budget, as last learned.",
    labelNames: budgetLabels,
    registers,
    async collect() {
      for (const seen of await read()) this.set({ cloud: seen.cloud, account: nameOf(seen) }, seen.limit);
    },
  });
  const remaining = new Gauge({
    name: "clawfleet_rate_budget_remaining",
    help: "Requests left in the budget that all workers share.",
    labelNames: budgetLabels,
    registers,
    async collect() {
      for (const seen of await read())
        this.set({ cloud: seen.cloud, account: nameOf(seen) }, Math.floor(seen.remaining));
    },
  });
  const breaker = new Gauge({
    name: "clawfleet_breaker_state",
    help: "1 for the state that the breaker before this cloud is in.",
    labelNames: [...budgetLabels, "state"],
    registers,
    async collect() {
      for (const seen of await read())
        for (const state of breakerStates)
          this.set({ cloud: seen.cloud, account: nameOf(seen), state }, Number(state === seen.breaker));
    },
  });
  const blocked = new Gauge({
    name: "clawfleet_instances_blocked",
    help: "Instances that wait for an outside system, by which.",
    labelNames: ["by"],
    registers,
    async collect() {
      for (const by of blockers) this.set({ by }, 0);
      for (const { blockedBy, count } of await countBlocked(sql)) this.set({ by: blockedBy }, count);
    },
  });
  return { requests, remaining, limit, breaker, blocked };
}

/** Accounts that share a token share a budget. */
function nameOf({ accounts }: BudgetSeen): string {
  return accounts.join("+");
}
