/** The part of a process that runs converges: runners, the worker on the queue, its sign of life. */
import { hostname } from "node:os";
import { delimiter } from "node:path";
import type { Sql } from "postgres";
import { tokenVariable } from "../../infra/accounts.ts";
import type { WorkConfig } from "../config.ts";
import { startConvergeWorker } from "../converge/worker.ts";
import { listWithoutTokens } from "../db/workers.ts";
import { checkEngine, type EngineState } from "../engine/engine-check.ts";
import { createRunnerPool } from "../engine/runner-pool.ts";
import { startGate } from "../gate/start-gate.ts";
import { runOnMachine } from "../health/machine-ssh.ts";
import type { Binding, Remit } from "../queue/binding.ts";
import type { Reason } from "../queue/jobs.ts";
import { runnerMark } from "../recovery/local-process.ts";
import { createRecovery } from "../recovery/recovery.ts";
import { openStateStore } from "../recovery/state-store.ts";
import type { ReadinessCheck } from "../routes/health.ts";
import { keepPrices } from "../cloud/hetzner-prices.ts";
import { createClouds } from "./clouds.ts";
import type { Core } from "./core.ts";
import { startInventory } from "../money/inventory.ts";
import { startDriftWorker } from "./drift.ts";
import { startHealthReader } from "./health.ts";
import { startPresence } from "./presence.ts";
import { startSignIns } from "./sign-ins.ts";

export type Converges = {
  checks: ReadinessCheck[];
  /** Takes no more jobs in the eyes of others; the queue's own stop ends those that run. */
  drain(): Promise<void>;
  /** After the queue has stopped. */
  stop(): Promise<void>;
  /** At once and without a word to anybody: every run with all that it started. */
  kill(): void;
};

/** How long an answer about the engine counts; asking takes a second. */
const engineAnswerMs = 30_000;

export async function prepareConverges(core: Core, config: WorkConfig): Promise<PreparedConverges> {
  const environment = { ...config.engineEnvironment, ...core.environment };
  const engine = await checkEngine(environment);
  for (const problem of engine.problems) {
    core.onAlert({ kind: "engine_missing", about: hostname(), message: problem });
  }
  return { environment, engine };
}

export type PreparedConverges = { environment: Record<string, string>; engine: EngineState };

export async function startConverges(
  core: Core,
  config: WorkConfig,
  { environment, engine }: PreparedConverges,
  binding: Binding,
): Promise<Converges> {
  const { sql, queue, clock, log, redact, metrics, onAlert } = core;
  const path = [engine.binFolder ?? "", environment["PATH"] ?? ""].filter(Boolean).join(delimiter);
  const pool = createRunnerPool({
    log,
    environment: { ...environment, PATH: path, [runnerMark]: core.name },
  });
  const store = openStateStore(sql, {
    backend: environment["PULUMI_BACKEND_URL"] ?? core.databaseUrl,
    database: core.databaseUrl,
  });
  await store?.prepare();
  const gate = await startGate(config, { sql, queue, clock, log, registry: metrics.registry });
  const cloudsOf = (account: string, reason: Reason = "operator") =>
    createClouds(config, account, gate.addressesFor({ account, reason }));
  const remit: Remit = { binding, accounts: Object.keys(config.accounts) };
  await warnOfMissingTokens(core, remit);
  const presence = await startPresence(core, { ...remit, slots: config.workers });
  startConvergeWorker(
    {
      sql,
      masterKey: config.masterKey,
      runOnMachine,
      onAlert,
      onStep: (step, outcome) => metrics.steps.inc({ step, outcome }),
      pool,
      gate,
      clock,
      log,
      redact,
      queue,
      workerName: core.name,
      recover: createRecovery({ sql, store, hostname: hostname(), clock, cloudsOf }),
      trimHistory: async (stack) => await store?.trimHistory(stack),
      deadlineMs: config.convergeDeadlineMs,
      onOperation: ({ kind, outcome, seconds }) => metrics.converges.observe({ kind, outcome }, seconds),
      cloudsOf,
      pricesOf: keepPrices(
        (account) => cloudsOf(account, "pull-request").hetzner.readPriceList(),
        () => clock.now(),
      ),
      random: Math.random,
      retryFirstMs: config.retryFirstMs,
    },
    { concurrency: config.workers, remit },
  );
  startDriftWorker(core, config, { gate, store, remit });
  const reader = startHealthReader(
    {
      ...core,
      masterKey: config.masterKey,
      onReading: (outcome, seconds) => metrics.readings.observe({ outcome }, seconds),
    },
    { ...config.probe, binding },
  );
  const hetznerOf = (account: string) => cloudsOf(account, "spare").hetzner;
  const inventory = startInventory({ sql, clock, log, hetznerOf }, remit.accounts);
  const signIns = startSignIns({ ...core, masterKey: config.masterKey }, binding);
  return {
    checks: [createEngineCheck(environment, engine), createTokensCheck(sql, remit)],
    async drain() {
      void inventory.stop();
      await presence.drain();
      await Promise.all([reader.stop(), signIns.stop()]);
    },
    async stop() {
      await pool.stop();
      await gate.close();
      await store?.close();
      await presence.stop();
    },
    kill: () => pool.kill(),
  };
}

/** A worker without a binding may leave an account to others; if nobody has it, alert `no_worker_for_cell` says so. */
async function warnOfMissingTokens({ sql, onAlert }: Core, remit: Remit): Promise<void> {
  if (remit.binding.kind === "public") return;
  for (const { cell, account } of await listWithoutTokens(sql, remit)) {
    const variables = (["hetzner", "cloudflare"] as const).map((cloud) => tokenVariable(cloud, account));
    const problem = `nothing of the cell ${cell} is done by this process: it has no ${variables.join(", ")}`;
    onAlert({ kind: "account_without_tokens", about: `${account}, ${cell}`, message: problem });
  }
}

/** Who was asked for a cell and cannot serve it is not ready; whoever serves all that it can is. */
function createTokensCheck(sql: Sql, remit: Remit): ReadinessCheck {
  return {
    name: "tokens",
    check: async () => remit.binding.kind !== "cells" || (await listWithoutTokens(sql, remit)).length === 0,
  };
}

function createEngineCheck(environment: Record<string, string>, first: EngineState): ReadinessCheck {
  let last = first;
  let askedAt = performance.now();
  return {
    name: "engine",
    async check() {
      if (performance.now() - askedAt > engineAnswerMs) {
        askedAt = performance.now();
        last = await checkEngine(environment);
      }
      return last.problems.length === 0;
    },
  };
}
