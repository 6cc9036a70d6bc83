/** Pulumi's PostgreSQL backend looked at from beside: states and locks are rows of one table (backend/diy/postgres). */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Sql } from "postgres";
import { z } from "zod";
import { stackStateSchema, type StackState } from "../../infra/runner-protocol.ts";
import { openDatabase } from "../db/database.ts";
import { stateResourceSchema, type StateResource } from "../drift/objects.ts";
import { ClawfleetError, messageOf } from "../errors.ts";
import type { Lock } from "./locks.ts";
import { unreadableRemedy } from "./remedies.ts";

export type StoredLock = Lock & { key: string; content: string };

export type StateStore = {
  readLocks(stack: string): Promise<StoredLock[]>;
  /** This lock as it was read, and no other. */
  removeLock(lock: StoredLock): Promise<void>;
  /** Empty when the stack has none yet. @throws ClawfleetError recovery_failed when there is one and it cannot be read. */
  readState(stack: string): Promise<StackState>;
  /** As `pulumi stack export` gives it. undefined: there is none. */
  exportState(stack: string): Promise<{ version: 3; deployment: unknown } | undefined>;
  /** Where every stack's state is, and what changes each time that it is written. */
  listVersions(): Promise<StateVersion[]>;
  /** By key, what these states remember of their resources, or why one cannot be read. Secrets stay ciphertext. */
  readResources(keys: readonly string[]): Promise<Map<string, ResourcesReading>>;
  /** Of what was done to a stack, with its state after each time, the newest stay. */
  trimHistory(stack: string): Promise<void>;
  /** Keys are looked up by their beginning, by the engine too, which an index finds only in some collations. */
  prepare(): Promise<void>;
  close(): Promise<void>;
};

export type ResourcesReading = { resources: StateResource[] } | { unreadable: string };
export type StateVersion = { stack: string; key: string; version: string };

const project = "clawfleet";
const resourcesSchema = z.object({
  resources: z
    .array(stateResourceSchema)
    .nullish()
    .transform((value) => value ?? []),
});
/** Updates of a stack whose history is kept. Each holds a copy of the state, about 100 KB. */
const keptUpdates = 10;
/** Without `latest` as long as no run has saved anything: `stack init` and nothing more. */
const checkpointSchema = z.object({ checkpoint: z.object({ latest: z.unknown().optional() }) });
const lockSchema = z.object({
  pid: z.number(),
  username: z.string(),
  hostname: z.string(),
  timestamp: z.coerce.date(),
});

/** Undefined for a backend that is not PostgreSQL. `sql` is taken where the states are in our own database. */
export function openStateStore(
  sql: Sql,
  urls: { backend: string; database: string },
): StateStore | undefined {
  const backend = new URL(urls.backend);
  if (!backend.protocol.startsWith("postgres")) return undefined;
  const table = backend.searchParams.get("table") ?? "pulumi_state";
  // The backend takes the URL's path for a folder too, although it is the database's name (backend/diy/backend.go).
  const root = `${decodeURIComponent(backend.pathname).replace(/^\/+/, "")}/.pulumi`;
  if (isSameDatabase(backend, new URL(urls.database))) return createStateStore(sql, table, root);
  backend.searchParams.delete("table");
  const own = openDatabase(backend.href, { max: 1, name: "clawfleet-recovery" });
  return { ...createStateStore(own, table, root), close: () => own.end({ timeout: 5 }) };
}

function isSameDatabase(one: URL, other: URL): boolean {
  return one.host === other.host && one.pathname === other.pathname && one.username === other.username;
}

function createStateStore(sql: Sql, table: string, root: string): StateStore {
  const name = sql(table);
  const isThere = async () => {
    const [row] = await sql<{ there: boolean }[]>`select to_regclass(${table}) is not null as there`;
    return row?.there === true;
  };
  const readRows = async (stack: string) => {
    if (!(await isThere())) return [];
    const base = `${root}/stacks/${project}/${stack}.json`;
    return await sql<{ key: string; content: string }[]>`
      select key, data ->> 'data' as content from ${name} where key in (${base}, ${`${base}.gz`}, ${`${base}.zst`})`;
  };
  return {
    async readLocks(stack) {
      if (!(await isThere())) return [];
      const folder = `${root}/locks/organization/${project}/${stack}/`;
      const rows = await sql<{ key: string; content: string }[]>`
        select key, data ->> 'data' as content from ${name} where starts_with(key, ${folder})`;
      return rows.map(toLock);
    },
    async removeLock({ key, content }) {
      await sql`delete from ${name} where key = ${key} and data ->> 'data' = ${content}`;
    },
    async readState(stack) {
      const rows = await readRows(stack);
      try {
        return toState(rows);
      } catch (error) {
        throw unreadable(stack, table, rows, error);
      }
    },
    async exportState(stack) {
      const [row] = await readRows(stack);
      return row && { version: 3, deployment: toLatest(row) ?? {} };
    },
    async listVersions() {
      if (!(await isThere())) return [];
      const folder = `${root}/stacks/${project}/`;
      const rows = await sql<{ key: string; version: string }[]>`
        select key, updated_at::text as version from ${name} where starts_with(key, ${folder})`;
      return rows.flatMap(({ key, version }) => {
        const stack = /^([^/]+)\.json(?:\.gz|\.zst)?$/.exec(key.slice(folder.length))?.[1];
        return stack === undefined ? [] : [{ stack, key, version }];
      });
    },
    async readResources(keys) {
      const rows = await sql<{ key: string; content: string }[]>`
        select key, data ->> 'data' as content from ${name} where key = any(${[...keys]}::text[])`;
      return new Map(rows.map((row) => [row.key, toResources(row)]));
    },
    async trimHistory(stack) {
      if (!(await isThere())) return;
      const folder = `${root}/history/${project}/${stack}/`;
      // Names hold the time in nanoseconds, of one length until the year 2286; two files an update.
      await sql`
        delete from ${name} where key in (
          select key from ${name} where starts_with(key, ${folder})
          order by key collate "C" desc offset ${2 * keptUpdates}
        )`;
    },
    async prepare() {
      if (!(await isThere())) return;
      await sql`create index if not exists ${sql(`${table}_key_prefix`)} on ${name} (key text_pattern_ops)`;
    },
    close: async () => undefined,
  };
}

function toLock(row: { key: string; content: string }): StoredLock {
  const { timestamp, ...owner } = lockSchema.parse(JSON.parse(decode(row.content).toString("utf8")));
  return { ...row, ...owner, takenAt: timestamp };
}

/** @throws when there are several copies or none can be read: a state that is not understood is not an empty one. */
function toState(rows: readonly { key: string; content: string }[]): StackState {
  const [row, second] = rows;
  if (!row) return stackStateSchema.parse({});
  if (second) throw new Error(`the state is there twice: ${row.key} and ${second.key}`);
  return stackStateSchema.parse(toLatest(row) ?? {});
}

function toResources(row: { key: string; content: string }): ResourcesReading {
  try {
    return resourcesSchema.parse(toLatest(row) ?? {});
  } catch (error) {
    return { unreadable: wordReason(error) };
  }
}

function toLatest(row: { key: string; content: string }): unknown {
  const bytes = decode(row.content);
  const text = (
    row.key.endsWith(".gz") ? gunzipSync(bytes) : row.key.endsWith(".zst") ? zstdDecompressSync(bytes) : bytes
  ).toString("utf8");
  return checkpointSchema.parse(JSON.parse(text)).checkpoint.latest;
}

function unreadable(
  stack: string,
  table: string,
  rows: readonly { key: string }[],
  cause: unknown,
): ClawfleetError {
  return new ClawfleetError({
    code: "recovery_failed",
    message: `the state of ${stack} cannot be read: ${wordReason(cause)}`,
    remedy: unreadableRemedy(
      stack,
      table,
      rows.map(({ key }) => key),
    ),
    retry: { kind: "permanent" },
    cause,
  });
}

function wordReason(cause: unknown): string {
  return cause instanceof z.ZodError ? z.prettifyError(cause).replaceAll(/\s+/g, " ") : messageOf(cause);
}

function decode(content: string): Buffer {
  return Buffer.from(content, "base64");
}
