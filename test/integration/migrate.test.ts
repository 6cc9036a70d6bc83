/** Proves the migrations against a real PostgreSQL. Cannot prove that a migration keeps the data of a real installation. */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkSchema, migrate, readMigrations } from "../../reconciler/db/migrate.ts";
import { createTestDatabase } from "../support/database.ts";

let dir: string;
const databases: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), "clawfleet-migrations-"));
});
afterAll(async () => {
  await Promise.all(databases.map((database) => database.close()));
  await rm(dir, { recursive: true, force: true });
});

async function emptyDatabase() {
  const database = await createTestDatabase({ migrated: false });
  databases.push(database);
  return database.sql;
}

async function migrationsDir(files: Record<string, string>): Promise<string> {
  const made = await mkdtemp(join(dir, "set-"));
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(made, name), text)));
  return made;
}

test("the migrations of this code apply once and then never again", async () => {
  const sql = await emptyDatabase();
  expect((await migrate(sql)).applied[0]).toBe("0001_init.sql");
  expect((await migrate(sql)).applied).toEqual([]);
});

test("processes that migrate at once apply each file once between them", async () => {
  const sql = await emptyDatabase();
  const results = await Promise.all([migrate(sql), migrate(sql), migrate(sql), migrate(sql)]);
  const applied = results.flatMap((result) => result.applied);
  expect(applied.length).toBeGreaterThan(0);
  expect(new Set(applied).size).toBe(applied.length);
});

test("a file that was changed after it was applied stops the start", async () => {
  const sql = await emptyDatabase();
  const files = await migrationsDir({ "0001_a.sql": "create table a (x int)" });
  await migrate(sql, files);
  await writeFile(join(files, "0001_a.sql"), "create table a (x bigint)");
  await expect(migrate(sql, files)).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringContaining("0001_a.sql was changed"),
  });
});

test("a database newer than the code stops the start", async () => {
  const sql = await emptyDatabase();
  const newer = await migrationsDir({ "0001_a.sql": "select 1", "0002_b.sql": "select 2" });
  await migrate(sql, newer);
  const older = await mkdtemp(join(dir, "older-"));
  await cp(join(newer, "0001_a.sql"), join(older, "0001_a.sql"));
  await expect(migrate(sql, older)).rejects.toMatchObject({
    message: expect.stringContaining("database is newer than this code: it has migration 0002_b.sql"),
  });
});

test("a failing migration leaves nothing of itself, and the ones before it stand", async () => {
  const sql = await emptyDatabase();
  const files = await migrationsDir({
    "0001_a.sql": "create table kept (x int)",
    "0002_b.sql": "create table half (x int); insert into nowhere values (1)",
  });
  await expect(migrate(sql, files)).rejects.toMatchObject({
    message: expect.stringContaining("0002_b.sql failed and was rolled back"),
  });
  const tables = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables where table_schema = 'public'`;
  expect(tables.map((table) => table.name)).toEqual(["kept"]);
  await writeFile(join(files, "0002_b.sql"), "create table half (x int)");
  expect((await migrate(sql, files)).applied).toEqual(["0002_b.sql"]);
});

test("two files of one number are refused before anything is applied, and so is a file without a number", async () => {
  const sql = await emptyDatabase();
  const twice = await migrationsDir({ "0001_a.sql": "select 1", "0001_c.sql": "select 3" });
  await expect(migrate(sql, twice)).rejects.toMatchObject({ message: expect.stringContaining("0001_c.sql") });
  const nameless = await migrationsDir({ "0001_a.sql": "select 1", "next.sql": "select 3" });
  await expect(migrate(sql, nameless)).rejects.toMatchObject({ message: expect.stringContaining("next.sql") });
});

test("numbers may be left out, and what comes in between later is applied then", async () => {
  const sql = await emptyDatabase();
  const files = await migrationsDir({ "0001_a.sql": "select 1", "0009_c.sql": "select 3" });
  expect((await migrate(sql, files)).applied).toEqual(["0001_a.sql", "0009_c.sql"]);
  await writeFile(join(files, "0005_b.sql"), "create table between_them (x int)");
  expect((await migrate(sql, files)).applied).toEqual(["0005_b.sql"]);
});

test("a process that runs is told when another one has brought the database further", async () => {
  const sql = await emptyDatabase();
  const files = await migrationsDir({ "0001_a.sql": "select 1" });
  const ours = await readMigrations(files);
  await migrate(sql, files);
  await checkSchema(sql, ours);
  await writeFile(join(files, "0002_b.sql"), "select 2");
  await migrate(sql, files);
  await expect(checkSchema(sql, ours)).rejects.toMatchObject({
    code: "config_invalid",
    message: expect.stringContaining("newer than this code: it has migration 0002_b.sql"),
  });
});
