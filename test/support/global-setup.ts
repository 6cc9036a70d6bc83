/** One embedded PostgreSQL for all files of a run, with a migrated template from which each file gets its own database. */
import { pino } from "pino";
import type { Sql } from "postgres";
import type { TestProject } from "vitest/node";
import { openDatabase, startDatabase } from "../../reconciler/db/database.ts";
import { migrate } from "../../reconciler/db/migrate.ts";
import { createQueue } from "../../reconciler/queue/queue.ts";

declare module "vitest" {
  export interface ProvidedContext {
    /** Database `clawfleet` of the run's server; nobody keeps anything there. */
    databaseUrl: string;
  }
}

export const templateName = "clawfleet_template";

export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const database = await startDatabase({});
  const admin = openDatabase(database.url, { max: 1 });
  try {
    await admin`create database ${admin(templateName)}`;
    const url = toUrl(database.url, templateName);
    const template = openDatabase(url, { max: 2 });
    await migrate(template);
    await installQueue(template, url);
    await template.end();
  } finally {
    await admin.end();
  }
  project.provide("databaseUrl", database.url);
  return () => database.stop();
}

async function installQueue(sql: Sql, connectionString: string): Promise<void> {
  const queue = createQueue({ sql, connectionString, log: pino({ level: "silent" }) });
  await queue.start();
  await queue.stop();
}

export function toUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
