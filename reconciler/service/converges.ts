/** The part of a process that runs converges: runners, the worker on the queue, its sign of life. */
import { hostname } from "node:os";
import { delimiter } from "node:path";
import type { WorkConfig } from "../config.ts";
import { startConvergeWorker } from "../converge/worker.ts";
import { raiseAlert } from "../db/alerts.ts";
import { checkEngine, type EngineState } from "../engine/engine-check.ts";
import { createRunnerPool } from "../engine/runner-pool.ts";
import { startGate } from "../gate/start-gate.ts";
import type { Binding } from "../queue/binding.ts";
import type { Reason } from "../queue/jobs.ts";
import { runnerMark } from "../recovery/local-process.ts";
import { createRecovery } from "../recovery/recovery.ts";
import { openStateStore } from "../recovery/state-store.ts";
import type { ReadinessCheck } from "../routes/health.ts";
import { createClouds } from "./clouds.ts";
import type { Core } from "./core.ts";
import { startPresence } from "./presence.ts";

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
    core.log.error({ alert: "engine_missing" }, problem);
    const alert = { kind: "engine_missing", about: hostname(), message: problem } as const;
    await raiseAlert(core.sql, { ...alert, now: core.clock.now() });
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
  const { sql, queue, clock, log, redact, metrics } = core;
  const path = [engine.binFolder ?? "", environment["PATH"] ?? ""].filter(Boolean).join(delimiter);
  const pool = createRunnerPool({
    log,
    environment: { ...environment, PATH: path, [runnerMark]: core.name },
  });
  const store = openStateStore(sql, {
    backend: environment["PULUMI_BACKEND_URL"] ?? core.databaseUrl,
    database: core.databaseUrl,
  });
  const gate = await startGate(config, { sql, queue, clock, log, registry: metrics.registry });
  const cloudsOf = (account: string, reason: Reason = "operator") =>
    createClouds(config, account, gate.addressesFor({ account, reason }));
  const presence = await startPresence(core, { binding, slots: config.workers });
  startConvergeWorker(
    {
      sql,
      pool,
      gate,
      clock,
      log,
      redact,
      queue,
      workerName: core.name,
      recover: createRecovery({ sql, store, hostname: hostname(), clock, cloudsOf }),
      deadlineMs: config.convergeDeadlineMs,
      onOperation: ({ kind, outcome, seconds }) => metrics.converges.observe({ kind, outcome }, seconds),
      cloudsOf,
      random: Math.random,
      retryFirstMs: config.retryFirstMs,
    },
    { concurrency: config.workers, binding },
  );
  return {
    checks: [createEngineCheck(environment, engine)],
    drain: () => presence.drain(),
    async stop() {
      await pool.stop();
      await gate.close();
      await store?.close();
      await presence.stop();
    },
    kill: () => pool.kill(),
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
