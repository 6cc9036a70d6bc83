/** What operators see of request budgets and of what is blocked. Labels are closed sets: clouds, configured accounts, outcomes. */
import { Counter, type Registry } from "prom-client";
import type { Sql } from "postgres";
import { countBlocked } from "../db/blocks.ts";
import { listBudgets, type BudgetSeen } from "../db/rate-budgets.ts";
import { blockers } from "../errors.ts";
import { registerGauge } from "../read-gauge.ts";
import { breakerStates } from "./breaker.ts";

export function createGateMetrics(registry: Registry, sql: Sql) {
  /** Gauges are collected at the same time: one statement for all of them. */
  let reading: Promise<BudgetSeen[]> | undefined;
  const read = (): Promise<BudgetSeen[]> => {
    reading ??= listBudgets(sql).finally(() => {
      reading = undefined;
    });
    return reading;
  };
  registerGauge(registry, {
    name: "clawfleet_rate_budget_limit",
    help: "Requests in a full budget, as last learned.",
    labelNames: ["cloud", "account"],
    read: async () => (await read()).map((seen) => ({ labels: labelsOf(seen), value: seen.limit })),
  });
  registerGauge(registry, {
    name: "clawfleet_rate_budget_remaining",
    help: "Requests left in the budget that all workers share.",
    labelNames: ["cloud", "account"],
    read: async () =>
      (await read()).map((seen) => ({ labels: labelsOf(seen), value: Math.floor(seen.remaining) })),
  });
  registerGauge(registry, {
    name: "clawfleet_breaker_state",
    help: "1 for the state that the breaker before this cloud is in.",
    labelNames: ["cloud", "account", "state"],
    read: async () =>
      (await read()).flatMap((seen) =>
        breakerStates.map((state) => ({
          labels: { ...labelsOf(seen), state },
          value: Number(state === seen.breaker),
        })),
      ),
  });
  registerGauge(registry, {
    name: "clawfleet_instances_blocked",
    help: "Instances that wait for an outside system, by which.",
    labelNames: ["by"],
    async read() {
      const counts = new Map((await countBlocked(sql)).map(({ blockedBy, count }) => [blockedBy, count]));
      return blockers.map((by) => ({ labels: { by }, value: counts.get(by) ?? 0 }));
    },
  });
  return {
    requests: new Counter({
      name: "clawfleet_cloud_requests_total",
      help: "Requests of this process to the clouds by what became of them; held-back ones were not sent.",
      labelNames: ["cloud", "outcome"],
      registers: [registry],
    }),
  };
}

/** Accounts that share a token share a budget. */
function labelsOf({ cloud, accounts }: BudgetSeen) {
  return { cloud, account: accounts.join("+") };
}
