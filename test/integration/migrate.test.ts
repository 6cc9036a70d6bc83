/** Proves the migrations against a real PostgreSQL. Cannot prove that a migration keeps the data of a real installation. */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrate } from "../../reconciler/db/migrate.ts";
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

test("a gap in the numbers is refused before anything is applied", async () => {
  const sql = await emptyDatabase();
  const files = await migrationsDir({ "0001_a.sql": "select 1", "0003_c.sql": "select 3" });
  await expect(migrate(sql, files)).rejects.toMatchObject({ message: expect.stringContaining("0003_c.sql") });
});
