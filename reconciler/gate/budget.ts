/** This process's share in the request budgets of all accounts. */
import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { exchange, listBudgets, type BudgetKey } from "../db/rate-budgets.ts";
import type { Reason } from "../queue/jobs.ts";
import { every } from "../turns.ts";
import type { Verdict } from "./breaker.ts";
import { settlingMs } from "./level.ts";
import { createPool, type Pool, type Taken } from "./pool.ts";

export type Budget = {
  /** A token for one request to this cloud with this account's token. */
  take(key: BudgetKey, reason: Reason, options: { waitMs: number; signal: AbortSignal }): Promise<Taken>;
  /** Reports what was used and gives everything back. */
  close(): Promise<void>;
};

export type BudgetDeps = {
  sql: Sql;
  log: Logger;
  random(): number;
  /** One cheap request, past the budget. */
  probe(key: BudgetKey): Promise<Verdict>;
  /** This process found out that the cloud is well again. */
  onHealed(key: BudgetKey): void;
  /** What this process calls the account of this token; empty when it has no such token. */
  namesOf(key: BudgetKey): string[];
};

const lookMs = 2_000;

export function createBudget(deps: BudgetDeps): Budget {
  const process = randomUUID();
  const pools = new Map<string, Pool>();

  function poolOf(key: BudgetKey, reason: Reason): Pool {
    const name = `${key.cloud} ${key.tokenKey} ${reason}`;
    const known = pools.get(name);
    if (known) return known;
    const pool = createPool(
      {
        exchange: (input) => exchange(deps.sql, key, { ...input, accounts: deps.namesOf(key) }),
        probe: () => deps.probe(key),
        onHealed: () => deps.onHealed(key),
        random: () => deps.random(),
        holder: `${process} ${reason}`,
        log: deps.log.child({ cloud: key.cloud, accounts: deps.namesOf(key) }),
      },
      reason,
    );
    pools.set(name, pool);
    return pool;
  }

  /** So that a breaker closes although nobody has a request to try it with. */
  async function lookAfterBreakers(): Promise<void> {
    for (const { cloud, tokenKey, breaker } of await listBudgets(deps.sql)) {
      const key = { cloud, tokenKey };
      if (breaker !== "closed" && deps.namesOf(key).length > 0) await poolOf(key, "paid").look();
    }
  }

  const problem = "request budgets cannot be looked after";
  const turns = [
    every(deps, settlingMs, problem, () => Promise.all([...pools.values()].map((pool) => pool.tidy()))),
    every(deps, lookMs, problem, lookAfterBreakers),
  ];

  return {
    take: (key, reason, { waitMs, signal }) => poolOf(key, reason).take(waitMs, signal),
    async close() {
      await Promise.all(turns.map((one) => one.stop()));
      await Promise.all([...pools.values()].map((pool) => pool.close()));
    },
  };
}
