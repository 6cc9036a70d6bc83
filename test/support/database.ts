/** A fresh database for a test file, on the server that global-setup.ts started. */
import { randomBytes } from "node:crypto";
import type { Sql } from "postgres";
import { inject } from "vitest";
import { openDatabase } from "../../reconciler/db/database.ts";
import { templateName, toUrl } from "./global-setup.ts";

export type TestDatabase = {
  url: string;
  sql: Sql;
  /** Ends `sql`, throws other connections out and drops the database. */
  close(): Promise<void>;
};

export type TestDatabaseOptions = {
  /** False: an empty database, for tests of the migrations themselves. */
  migrated?: boolean;
  /** Most connections of `sql`. */
  max?: number;
};

export async function createTestDatabase(options: TestDatabaseOptions = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const serverUrl = inject("databaseUrl");
  const template = options.migrated === false ? "template1" : templateName;
  await onServer(serverUrl, (admin) => admin`create database ${admin(name)} template ${admin(template)}`);
  const url = toUrl(serverUrl, name);
  const sql = openDatabase(url, { max: options.max ?? 10, name });
  return {
    url,
    sql,
    close: async () => {
      await sql.end({ timeout: 5 });
      await onServer(serverUrl, (admin) => admin`drop database if exists ${admin(name)} with (force)`);
    },
  };
}

async function onServer(url: string, statement: (admin: Sql) => Promise<unknown>): Promise<void> {
  const admin = openDatabase(url, { max: 1 });
  try {
    await statement(admin);
  } finally {
    await admin.end({ timeout: 5 });
  }
}
