/** What every role has: database, schema, queue, metrics, and the checks of its readiness. */
import { hostname } from "node:os";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { backendEnvironment } from "../../infra/backend.ts";
import type { WorkConfig } from "../config.ts";
import { poolSize, type Role } from "../db/connections.ts";
import { openDatabase, startDatabase } from "../db/database.ts";
import { checkSchema, migrate, readMigrations } from "../db/migrate.ts";
import { createAlerts, type Alerts, type RaiseAlert } from "../messages/alerts.ts";
import { createMetrics, type Metrics } from "../metrics.ts";
import { createRedact, type Redact } from "../operations/redact.ts";
import { createQueue, type Queue } from "../queue/queue.ts";
import type { ReadinessCheck } from "../routes/health.ts";
import { startTracing } from "./tracing.ts";
import { watchSchema, type SchemaWatch } from "./schema-watch.ts";

export type Core = {
  sql: Sql;
  queue: Queue;
  log: Logger;
  clock: { now(): Date };
  redact: Redact;
  metrics: Metrics;
  alerts: Alerts;
  /** `alerts.raise`, for who needs no more. */
  onAlert: RaiseAlert;
  /** Of this process, in records and among the workers. */
  name: string;
  databaseUrl: string;
  /** What hand-run commands and runners need beside the configuration: where database and states are. */
  environment: Record<string, string>;
  checks: ReadinessCheck[];
  schema: SchemaWatch;
  /** After the queue has stopped. */
  close(): Promise<void>;
};

/** @throws ClawfleetError config_invalid when the database cannot be used, above all when it is newer than this code. */
export async function openCore(
  role: Role,
  config: WorkConfig & { dataDir?: string },
  log: Logger,
): Promise<Core> {
  const stopTracing = await startTracing(config.tracing, role, log);
  const database = await startDatabase({ url: config.databaseUrl, dataDir: config.dataDir });
  const sql = openDatabase(database.url, {
    max: poolSize(role, config.workers),
    name: `clawfleet-${role}`,
  });
  const migrations = await readMigrations();
  await migrate(sql);
  const queue = createQueue({ sql, connectionString: database.url, log });
  await queue.start();
  const metrics = createMetrics(role === "work" ? undefined : sql);
  const redact = createRedact(config.secretValues);
  const clock = { now: () => new Date() };
  const onAlert = (kind: string) => metrics.alerts.inc({ kind });
  const alerts = createAlerts({ sql, clock, log, redact, onAlert });
  const schema = watchSchema(() => checkSchema(sql, migrations), log);
  return {
    sql,
    queue,
    log,
    clock,
    redact,
    metrics,
    alerts,
    onAlert: alerts.raise,
    name: `${hostname()}-${process.pid}`,
    databaseUrl: database.url,
    environment: {
      DATABASE_URL: database.url,
      ...backendEnvironment({
        ...config.engineEnvironment,
        DATABASE_URL: database.url,
        CLAWFLEET_MASTER_KEY: config.masterKey,
      }),
    },
    checks: [
      { name: "database", check: async () => (await sql`select 1`).length === 1 },
      { name: "migrations", check: () => checkSchema(sql, migrations).then(() => true) },
    ],
    schema,
    async close() {
      schema.stop();
      await alerts.settle();
      await sql.end({ timeout: 5 });
      await database.stop();
      await stopTracing();
    },
  };
}
