/** The operators' API on a real database without engine and clouds: the app, a key, and what is behind it. */
import type { Hono } from "hono";
import { createApp, type AppDeps } from "../../reconciler/app.ts";
import { createConsole } from "../../reconciler/console/routes.tsx";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { createMetrics } from "../../reconciler/metrics.ts";
import { createOperationWatch } from "../../reconciler/operations/watch.ts";
import { createApiKeys } from "../../reconciler/operators/api-keys.ts";
import { createMoneyOperators } from "../../reconciler/operators/money.ts";
import { createOperators } from "../../reconciler/operators/operators.ts";
import { readExamined } from "../../reconciler/operators/doctor.ts";
import { createLockOperators } from "../../reconciler/operators/locks.ts";
import { createStateExport, createWithStore } from "../../reconciler/operators/state-export.ts";
import { createQueue } from "../../reconciler/queue/queue.ts";
import { createAdminRoutes } from "../../reconciler/routes/admin.ts";
import { createHealthRoutes } from "../../reconciler/routes/health.ts";
import type { RateRules } from "../../reconciler/routes/rate-limit.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { createTestLog, type LogLine } from "./log.ts";
import { Hono as EmptyRoutes } from "hono";

export type AdminApp = {
  app: Hono;
  /** Of which it is made, to make another one. */
  parts: AppDeps;
  database: TestDatabase;
  rootKey: string;
  apply: ApplyDeps;
  lines: LogLine[];
  /** Of our clock. */
  advance(ms: number): void;
  request(method: string, path: string, options?: RequestOptions): Promise<Answer>;
  /** Its connections are a service's; close() does it too. */
  stopQueue(): Promise<void>;
  close(): Promise<void>;
};

export type RequestOptions = { key?: string; body?: unknown; headers?: Record<string, string> };
export type Answer = { status: number; body: unknown; headers: Headers };

export async function startAdminApp(rate: RateRules = { burst: 1e6, perSecond: 1e6 }): Promise<AdminApp> {
  const database = await createTestDatabase();
  const { sql, url: databaseUrl } = database;
  const { log, lines } = createTestLog();
  let offsetMs = 0;
  const clock = { now: () => new Date(Date.now() + offsetMs) };
  const queue = createQueue({ sql, connectionString: databaseUrl, log });
  await queue.start();
  const files = () => readStackFiles(sandboxStacks);
  const apply: ApplyDeps = { sql, queue, clock, log, masterKey: "0".repeat(64), files };
  await syncCells(apply);
  const zone = { zoneId: "z", zoneName: "claws.example", cloudflareRanges: ["192.0.2.0/24"] };
  const outputs = { networkId: "1", subnetId: "1-10.0.0.0/24", sshKeyId: "1", ...zone };
  await sql`update clawfleet.cells set outputs = ${sql.json(outputs)}, observed_generation = generation`;
  const rootKey = "r".repeat(40);
  const keys = createApiKeys({ sql, clock, rootKey });
  const metrics = createMetrics();
  const withStore = createWithStore({ sql, databaseUrl, environment: {} });
  // Whom nobody answers need not wait.
  const { plans } = await files();
  const operators = {
    ...createOperators({ ...apply, sleep: () => Promise.resolve() }),
    ...createMoneyOperators({ sql, clock, providers: [], plans: () => plans, rates: new Map() }),
  };
  const watch = createOperationWatch(sql, log);
  const parts: AppDeps = {
    log,
    metrics,
    guard: { sql, clock, keys, rate },
    checkoutOrigins: ["https://checkout.stripe.com"],
    health: createHealthRoutes({ checks: [], registry: metrics.registry, isDraining: () => false }),
    webhooks: new EmptyRoutes(),
    orders: new EmptyRoutes(),
    account: new EmptyRoutes(),
    admin: createAdminRoutes({
      sql,
      clock,
      keys,
      examine: () => readExamined({ sql, clock, sweepIntervalMs: 3_600_000, driftIntervalMs: 3_600_000 }),
      exportState: createStateExport(withStore),
      locks: createLockOperators({ sql, withStore }),
      ...operators,
    }),
    console: createConsole({ sql, clock, log, keys, watch, rate, operators }),
  };
  const app = createApp(parts);
  return {
    app,
    parts,
    database,
    rootKey,
    apply,
    lines,
    advance: (ms) => void (offsetMs += ms),
    async request(method, path, { key = rootKey, body, headers = {} } = {}) {
      const answer = await app.request(path, {
        method,
        headers: {
          ...(key === "" ? {} : { authorization: `Bearer ${key}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const text = await answer.text();
      return {
        status: answer.status,
        body: text === "" ? undefined : JSON.parse(text),
        headers: answer.headers,
      };
    },
    stopQueue: () => queue.stop(1000),
    async close() {
      await watch.stop();
      await queue.stop(1000);
      await database.close();
    },
  };
}
