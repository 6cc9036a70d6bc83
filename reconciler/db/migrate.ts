/** Brings the database to the version of this code: plain SQL files, forward only. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Sql } from "postgres";
import { ClawfleetError, messageOf } from "../errors.ts";
import type { Query } from "./database.ts";

export type Migration = { id: number; name: string; checksum: string; text: string };

const ownDir = fileURLToPath(new URL("./migrations", import.meta.url));
const fileName = /^(\d{4})_[a-z0-9-]+\.sql$/;
/** Any constant will do that nobody else uses in this database. */
const lockKey = 7_264_189_021;

/**
 * Applies what is missing, each file in one transaction. Any number of processes may do so at once.
 * @throws ClawfleetError config_invalid when the database is newer than the code, an applied file was changed, or one fails.
 */
export async function migrate(sql: Sql, dir: string = ownDir): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(dir);
  return await withMigrationLock(sql, async (connection) => {
    await prepareHistory(connection);
    const missing = chooseMissing(migrations, await listApplied(connection));
    for (const migration of missing) await apply(connection, migration);
    return { applied: missing.map((migration) => migration.name) };
  });
}

/** Holds the lock of migrations on one connection of its own while `run` works; a died holder frees it. */
export async function withMigrationLock<T>(sql: Sql, run: (connection: Sql) => Promise<T>): Promise<T> {
  const connection = await sql.reserve();
  try {
    await connection`select pg_advisory_lock(${lockKey})`;
    try {
      return await run(connection);
    } finally {
      await connection`select pg_advisory_unlock(${lockKey})`;
    }
  } finally {
    connection.release();
  }
}

/**
 * In the order of their numbers. Numbers may be left out: parts that are written side by side get theirs beforehand.
 * @throws ClawfleetError when a file is not called `0001_name.sql` or has another one's number.
 */
export async function readMigrations(dir: string = ownDir): Promise<Migration[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith(".sql")).toSorted();
  return await Promise.all(
    names.map(async (name, index) => {
      const id = Number(fileName.exec(name)?.[1]);
      if (!(id > 0)) throw refuse(`migration ${name} is not called 0001_name.sql`, "rename the file");
      const before = names[index - 1];
      if (before !== undefined && fileName.exec(before)?.[1] === fileName.exec(name)?.[1])
        throw refuse(`migrations ${before} and ${name} have the same number`, "rename one of them");
      const text = await readFile(join(dir, name), "utf8");
      return { id, name, checksum: createHash("sha256").update(text).digest("hex"), text };
    }),
  );
}

type Applied = { id: number; name: string; checksum: string };

async function prepareHistory(sql: Query): Promise<void> {
  await sql`create schema if not exists clawfleet`;
  await sql`
    create table if not exists clawfleet.migrations (
      id integer primary key, name text not null, checksum text not null,
      applied_at timestamptz not null default now()
    )`;
}

async function listApplied(sql: Query): Promise<Applied[]> {
  return await sql<Applied[]>`select id, name, checksum from clawfleet.migrations order by id`;
}

/** Pure. What is still to apply, in order. */
export function chooseMissing(migrations: readonly Migration[], applied: readonly Applied[]): Migration[] {
  for (const done of applied) {
    const known = migrations.find(({ id }) => id === done.id);
    if (!known) throw refuseNewer(done.name);
    if (known.checksum !== done.checksum) {
      throw refuse(
        `migration ${known.name} was changed after it was applied to this database`,
        "restore the file as it was and put the change into a new migration",
      );
    }
  }
  const there = new Set(applied.map(({ id }) => id));
  return migrations.filter(({ id }) => !there.has(id));
}

/**
 * For a process that runs while another one migrates. @throws ClawfleetError config_invalid when the database has been
 * brought to a version that this code does not know, or is not yet at ours.
 */
export async function checkSchema(sql: Query, migrations: readonly Migration[]): Promise<void> {
  const [missing] = chooseMissing(migrations, await listApplied(sql));
  if (missing) throw refuse(`the database lacks migration ${missing.name}`, "start this version anew");
}

function refuseNewer(name: string): ClawfleetError {
  return refuse(
    `the database is newer than this code: it has migration ${name}`,
    "start the version of Clawfleet that made it, or restore the backup taken before it",
  );
}

async function apply(connection: Query, migration: Migration): Promise<void> {
  try {
    await connection`begin`;
    await connection.unsafe(migration.text);
    await connection`
      insert into clawfleet.migrations (id, name, checksum)
      values (${migration.id}, ${migration.name}, ${migration.checksum})`;
    await connection`commit`;
  } catch (cause) {
    await connection`rollback`.catch(() => undefined);
    const reason = messageOf(cause);
    throw refuse(
      `migration ${migration.name} failed and was rolled back: ${reason}`,
      "mend it and start again",
      cause,
    );
  }
}

function refuse(message: string, remedy: string, cause?: unknown): ClawfleetError {
  return new ClawfleetError({
    code: "config_invalid",
    message: `${message}; ${remedy}`,
    remedy,
    retry: { kind: "permanent" },
    cause,
  });
}
