/** The service put together from a configuration: database, queue, billing, workers, HTTP; and taken apart again. */
import { hostname } from "node:os";
import { serve, type ServerType } from "@hono/node-server";
import { destination, pino, type Logger } from "pino";
import { createApp } from "./app.ts";
import { createStripeBilling } from "./billing/stripe.ts";
import { createCloudflare } from "./cloud/cloudflare.ts";
import { createHetzner } from "./cloud/hetzner.ts";
import type { Config } from "./config.ts";
import { startConvergeWorker, startRetryClock } from "./converge/worker.ts";
import { openDatabase, startDatabase } from "./db/database.ts";
import { countFleet } from "./db/fleet.ts";
import { migrate } from "./db/migrate.ts";
import { syncCells } from "./desired/cells.ts";
import { readStackFiles, type StackFiles } from "./desired/stack-files.ts";
import { createRunnerPool } from "./engine/runner-pool.ts";
import { ClawfleetError } from "./errors.ts";
import { handleHint } from "./hints.ts";
import type { RaiseAlert } from "./messages/alerts.ts";
import { createMessages } from "./messages/messages.ts";
import { createMetrics } from "./metrics.ts";
import { createOperators } from "./operators/operators.ts";
import { createRedact } from "./operations/redact.ts";
import { createOperationWatch } from "./operations/watch.ts";
import { createOrders } from "./orders/orders.ts";
import { createQueue } from "./queue/queue.ts";
import { createAdminRoutes } from "./routes/admin.ts";
import { createHealthRoutes } from "./routes/health.ts";
import { createOrderRoutes } from "./routes/orders.tsx";
import { createWebhookRoutes } from "./routes/webhooks.ts";
import { sweep } from "./sweep.ts";
import { backendEnvironment } from "../infra/backend.ts";

export type Service = {
  url: string;
  databaseUrl: string;
  /** What hand-run commands need beside the configuration: where database and states are. */
  environment: Record<string, string>;
  /** Takes nothing new, lets runs end for `graceMs`, then ends them; resolves when every connection is closed. */
  stop(graceMs: number): Promise<void>;
};

const retryIntervalMs = 2000;
const poolSize = 20;

export function createLogger(config: Pick<Config, "logLevel" | "secretValues">): Logger {
  const redact = createRedact(config.secretValues);
  const out = destination({ dest: 1, sync: false });
  // The finished line is cleaned: no field of no object can carry a known secret past this.
  const stream = { write: (line: string) => void out.write(redact(line)) };
  return pino({ level: config.logLevel, base: { service: "clawfleet" } }, stream);
}

export async function startService(config: Config, log: Logger): Promise<Service> {
  const database = await startDatabase({ url: config.databaseUrl, dataDir: config.dataDir });
  const sql = openDatabase(database.url, { max: poolSize, name: "clawfleet" });
  await migrate(sql);
  const clock = { now: () => new Date() };
  const redact = createRedact(config.secretValues);
  const metrics = createMetrics(() => countFleet(sql));
  const queue = createQueue({ sql, connectionString: database.url, log });
  await queue.start();

  const billing = createStripeBilling({
    secretKey: config.stripe.secretKey,
    webhookSecrets: config.stripe.webhookSecrets,
    apiUrl: config.stripe.apiUrl,
  });
  const messages = createMessages({
    sql,
    clock,
    log,
    redact,
    settings: config.messages,
    publicUrl: config.publicUrl,
    plans: () => files.last().plans,
    onAlert: (kind) => metrics.alerts.inc({ kind }),
    onMessage: (channel, outcome) => metrics.messages.inc({ channel, outcome }),
  });
  const files = createFilesReader(config.stacksDir, log, messages.raise);
  await files();
  const apply = {
    sql,
    queue,
    clock,
    log,
    masterKey: config.masterKey,
    files,
    onAlert: messages.raise,
  };
  await syncCells(apply);
  messages.start();

  const environment = {
    DATABASE_URL: database.url,
    ...backendEnvironment({
      ...config.engineEnvironment,
      DATABASE_URL: database.url,
      CLAWFLEET_MASTER_KEY: config.masterKey,
    }),
  };
  const pool = createRunnerPool({ log, environment: { ...config.engineEnvironment, ...environment } });
  const operation = {
    sql,
    pool,
    clock,
    log,
    redact,
    workerName: `${hostname()}-${process.pid}`,
    deadlineMs: config.convergeDeadlineMs,
    onOperation: ({ kind, outcome, seconds }: { kind: string; outcome: string; seconds: number }) =>
      metrics.converges.observe({ kind, outcome }, seconds),
  };
  startConvergeWorker(
    {
      ...operation,
      queue,
      plans: () => files.last().plans,
      cloudsOf: (account) => createClouds(config, account),
      random: Math.random,
      retryFirstMs: config.retryFirstMs,
    },
    { concurrency: config.workers },
  );
  queue.work("billing-hint", { concurrency: 2 }, (job) =>
    handleHint({ ...apply, providers: [billing] }, job.data),
  );
  queue.work("sweep", { concurrency: 1 }, async (_job, signal) => {
    await syncCells(apply);
    const deps = {
      ...apply,
      providers: [billing],
      intervalMs: config.sweepIntervalMs,
      deleteCap: config.deleteCap,
    };
    const result = await sweep(deps, signal);
    metrics.sweeps.inc({ outcome: result.outcome });
    log.info(result, "sweep");
  });
  queue.scheduleSweeps(config.sweepIntervalMs);
  const stopRetries = startRetryClock({ sql, queue, clock, log }, retryIntervalMs);

  const watch = createOperationWatch(sql, log);
  let draining = false;
  const zone = () => [...files.last().cells.values()].find((cell) => cell.open)?.zone;
  const app = createApp({
    log,
    metrics,
    adminKey: config.adminKey,
    checkoutOrigin:
      config.stripe.apiUrl === "https://api.stripe.com"
        ? "https://checkout.stripe.com"
        : config.stripe.apiUrl,
    health: createHealthRoutes({
      checks: [{ name: "database", check: async () => (await sql`select 1`).length === 1 }],
      registry: metrics.registry,
      isDraining: () => draining,
    }),
    webhooks: createWebhookRoutes({
      sql,
      queue,
      clock,
      log,
      provider: billing,
      onWebhook: (outcome) => metrics.webhooks.inc({ provider: billing.name, outcome }),
    }),
    orders: createOrderRoutes({
      ...createOrders({
        sql,
        clock,
        billing,
        watch,
        masterKey: config.masterKey,
        publicUrl: config.publicUrl,
        zone,
        plans: () => files.last().plans,
      }),
      log,
      zone,
    }),
    admin: createAdminRoutes({ sql, ...createOperators(apply) }),
  });
  const server = await listen(app.fetch, config.listen);
  const url = `http://${config.listen.hostname}:${config.listen.port}`;
  log.info({ url, workers: config.workers }, "listening");

  return {
    url,
    databaseUrl: database.url,
    environment,
    async stop(graceMs) {
      draining = true;
      stopRetries();
      await queue.stop(graceMs);
      await messages.stop();
      await watch.stop();
      await pool.stop();
      await closeServer(server);
      await sql.end({ timeout: 5 });
      await database.stop();
    },
  };
}

type FilesReader = (() => Promise<StackFiles>) & { last(): StackFiles };

/** Files are read anew each time; while the plans cannot be read, the last good ones stand. */
function createFilesReader(stacksDir: string, log: Logger, raise: RaiseAlert): FilesReader {
  let last: StackFiles | undefined;
  const read = async (): Promise<StackFiles> => {
    try {
      last = await readStackFiles(stacksDir);
    } catch (error) {
      if (!last) throw error;
      log.error(
        { err: error, alert: "broken_file" },
        "stacks/ cannot be read; the last good state of it stands",
      );
      const message = error instanceof Error ? error.message : String(error);
      raise({ kind: "broken_file", about: "stacks/", message });
    }
    return last;
  };
  return Object.assign(read, {
    last: () => {
      if (!last) throw new Error("stacks/ has not been read yet");
      return last;
    },
  });
}

function createClouds(config: Config, account: string) {
  const tokens = config.accounts[account] ?? config.accounts["default"];
  if (!tokens) {
    throw new ClawfleetError({
      code: "config_invalid",
      message: `there are no tokens for the account ${account}`,
      remedy: `set HCLOUD_TOKEN_${account.toUpperCase()} and CLOUDFLARE_API_TOKEN_${account.toUpperCase()}`,
      retry: { kind: "permanent" },
    });
  }
  return {
    hetzner: createHetzner({ baseUrl: config.hetznerUrl, token: tokens.hcloudToken, fetch }),
    cloudflare: createCloudflare({ baseUrl: config.cloudflareUrl, token: tokens.cloudflareToken, fetch }),
  };
}

function listen(
  fetchHandler: Parameters<typeof serve>[0]["fetch"],
  address: Config["listen"],
): Promise<ServerType> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: fetchHandler, ...address }, () => resolve(server));
    server.once("error", reject);
  });
}

function closeServer(server: ServerType): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Followers of an order hold theirs for minutes.
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
}
