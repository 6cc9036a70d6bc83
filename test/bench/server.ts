/** A PostgreSQL of a bench's own, with as many migrated databases as it asks for. */
import type { Sql } from "postgres";
import { openDatabase, startDatabase } from "../../reconciler/db/database.ts";
import { migrate } from "../../reconciler/db/migrate.ts";
import { toUrl } from "../support/global-setup.ts";

export type BenchDatabase = { url: string; sql: Sql };

export async function withServer<T>(
  work: (createDatabase: (name: string) => Promise<BenchDatabase>) => Promise<T>,
): Promise<T> {
  const server = await startDatabase({});
  const admin = openDatabase(server.url, { max: 1 });
  const opened: Sql[] = [];
  try {
    return await work(async (name) => {
      await admin`create database ${admin(name)}`;
      const url = toUrl(server.url, name);
      const sql = openDatabase(url, { max: 10, name });
      opened.push(sql);
      await migrate(sql);
      return { url, sql };
    });
  } finally {
    await Promise.all([admin, ...opened].map((sql) => sql.end({ timeout: 5 })));
    await server.stop();
  }
}
