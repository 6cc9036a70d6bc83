/** Connections to PostgreSQL: the one that is given, or one of our own. */
import postgres from "postgres";
import type { ISql, Sql } from "postgres";
import { startEmbedded, type RunningDatabase } from "./embedded.ts";

/** What a statement runs on: the pool, or the transaction of whoever calls. */
export type Query = ISql;

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
