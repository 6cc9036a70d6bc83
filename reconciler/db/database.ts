/** Connections to PostgreSQL: the one that is given, or one of our own. */
import type { Logger } from "pino";
import postgres from "postgres";
import type { ISql, Sql } from "postgres";
import { startEmbedded, type RunningDatabase } from "./embedded.ts";

/** What a statement runs on: the pool, or the transaction of whoever calls. */
export type Query = ISql;

/** By the clock of the database alone, cut to what a Date can hold: those of processes differ. */
export async function readDatabaseTime(sql: Query): Promise<Date> {
  const [row] = await sql<{ now: Date }[]>`select date_trunc('milliseconds', clock_timestamp()) as now`;
  if (!row) throw new Error("the database does not say what time it is");
  return row.now;
}

export type DatabaseOptions = {
  /** A PostgreSQL somewhere; nothing is started then. */
  url?: string | undefined;
  /** Without `url`: where the embedded server keeps its data. Absent: nowhere, everything is removed at the end. */
  dataDir?: string | undefined;
};

export async function startDatabase(options: DatabaseOptions): Promise<RunningDatabase> {
  if (options.url !== undefined) return { url: options.url, stop: async () => undefined };
  return await startEmbedded({ dataDir: options.dataDir });
}

export type PoolOptions = {
  /** Most connections at once. Default 10. */
  max?: number;
  /** Shown in pg_stat_activity. Default `clawfleet`. */
  name?: string;
};

/** Connects lazily; `end()` it. `bigint` columns come as numbers: none of ours leaves the safe range. */
export function openDatabase(url: string, options: PoolOptions = {}): Sql {
  const sql = postgres(url, {
    max: options.max ?? 10,
    connect_timeout: 10,
    idle_timeout: 60,
    onnotice: () => undefined,
    connection: { application_name: options.name ?? "clawfleet" },
    types: { int8: { to: 20, from: [20], parse: Number, serialize: String } },
  });
  return sql;
}

/** postgres.js's own codes, and PostgreSQL's classes 08 (connection) and 57P (server is stopped). */
const lostConnection = /^(CONNECTION_|CONNECT_TIMEOUT$|ECONN|EPIPE$|08|57P)/;

/**
 * On a new connection postgres.js asks for the types of arrays, and leaves the answer to nobody: an error there is an unhandled
 * rejection, which ends a process (porsager/postgres, `fetchArrayTypes`). Whatever waited for the connection is told or tries again
 * by itself. Anything else still ends the process.
 */
export function surviveLostConnections(process: NodeJS.EventEmitter, log: Logger): void {
  process.on("unhandledRejection", (error: unknown) => {
    if (!isLostConnection(error)) throw error;
    log.warn({ err: error }, "a connection to the database was lost while it was made");
  });
}

export function isLostConnection(error: unknown): boolean {
  return error instanceof Error && "code" in error && lostConnection.test(String(error.code));
}
