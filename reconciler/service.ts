/**
 * The service put together from a configuration, by role: `start` is everything in one process, `serve` is HTTP, billing
 * and the clocks, `work` runs converges. Any number of each share one PostgreSQL.
 */
import { Hono } from "hono";
import type { Logger } from "pino";
import type { Config, WorkConfig } from "./config.ts";
import { syncCells } from "./desired/cells.ts";
import { placeWaiting } from "./desired/place.ts";
import type { ClawfleetError } from "./errors.ts";
import type { Binding } from "./queue/binding.ts";
import { createHealthRoutes, type ReadinessCheck } from "./routes/health.ts";
import { startClocks } from "./service/clocks.ts";
import { prepareConverges, startConverges, type Converges } from "./service/converges.ts";
import { openCore, type Core } from "./service/core.ts";
import { createProviders } from "./service/billing.ts";
import { createCommitReader, createFilesReader } from "./service/files.ts";
import { createGitops, startGitops } from "./service/gitops.ts";
import { listen, type HttpServer } from "./service/http.ts";
import { openMessages } from "./service/messages.ts";
import { createSite } from "./service/site.ts";

export type Service = {
  /** Where it listens; undefined for a worker that does not. */
  url: string | undefined;
  /** What hand-run commands need beside the configuration: where database and states are. */
  environment: Record<string, string>;
  /** Resolves when the process must not go on: the database has become newer than this code. */
  outdated: Promise<ClawfleetError>;
  /**
   * Takes nothing new, lets runs end for `graceMs` or until `hurry` fires, then interrupts them and hands their jobs back.
   * Resolves when every connection is closed and every child process has ended.
   */
  stop(how: { graceMs: number; hurry: AbortSignal }): Promise<void>;
  /** Ends every run at once and hard. The last thing before the process exits. */
  kill(): void;
};

/** `start` and `serve`. */
export async function startServer(role: "start" | "serve", config: Config, log: Logger): Promise<Service> {
  const core = await openCore(role, config, log);
  const messages = openMessages(core, config, () => files.last().plans);
  const gitops = createGitops(core, config);
  const files = gitops
    ? createCommitReader({ ...core, ...gitops }, log, core.onAlert)
    : createFilesReader(config.stacksDir, log, core.onAlert);
  await files();
  const providers = createProviders(config, { ...core, plans: () => files.last().plans });
  const apply = { ...core, masterKey: config.masterKey, files };
  await syncCells(apply);
  await placeWaiting(apply);

  const state = createState(core);
  const engine = role === "start" ? await prepareConverges(core, config) : undefined;
  const isDraining = () => state.draining;
  const site = createSite(core, config, {
    providers,
    apply,
    files,
    gitops,
    checks: state.checks,
    isDraining,
  });
  state.server = await listen(site.app.fetch, config.listen);
  // From here on jobs are taken, so that a start that failed before holds none.
  const stopClocks = startClocks(core, config, apply, providers, files);
  const stopGitops = startGitops(core, apply, gitops);
  messages.start();
  if (engine) state.add(await startConverges(core, config, engine, { kind: "all" }));
  log.info({ role, url: state.server.url, workers: engine ? config.workers : 0 }, "ready");
  return toService(core, state, {
    stopClocks: () => {
      stopClocks();
      stopGitops();
    },
    stopSite: () => site.stop(),
    stopMessages: () => messages.stop(),
  });
}

/** `work`. */
export async function startWorker(binding: Binding, config: WorkConfig, log: Logger): Promise<Service> {
  const core = await openCore("work", config, log);
  const state = createState(core);
  const engine = await prepareConverges(core, config);
  if (config.listen) {
    const { registry } = core.metrics;
    const health = createHealthRoutes({
      checks: state.checks,
      registry,
      metricsKey: config.metricsKey,
      isDraining: () => state.draining,
    });
    state.server = await listen(new Hono().route("/", health).fetch, config.listen);
  }
  state.add(await startConverges(core, config, engine, binding));
  log.info({ role: "work", binding, url: state.server?.url, workers: config.workers }, "ready");
  return toService(core, state, {});
}

type State = {
  draining: boolean;
  /** Of `/readyz`; grows while the parts start. */
  checks: ReadinessCheck[];
  server: HttpServer | undefined;
  converges: Converges | undefined;
  add(converges: Converges): void;
};

function createState(core: Core): State {
  const state: State = {
    draining: false,
    checks: [...core.checks],
    server: undefined,
    converges: undefined,
    add(converges) {
      state.converges = converges;
      state.checks.push(...converges.checks);
    },
  };
  return state;
}

function toService(
  core: Core,
  state: State,
  parts: { stopClocks?(): void; stopSite?(): Promise<void>; stopMessages?(): Promise<void> },
): Service {
  return {
    url: state.server?.url,
    environment: core.environment,
    outdated: core.schema.outdated,
    async stop({ graceMs, hurry }) {
      state.draining = true;
      parts.stopClocks?.();
      await state.converges?.drain();
      await core.queue.stop(graceMs, hurry);
      await parts.stopMessages?.();
      await parts.stopSite?.();
      await state.converges?.stop();
      await state.server?.close();
      await core.close();
    },
    kill: () => state.converges?.kill(),
  };
}
