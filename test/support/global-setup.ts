/** One embedded PostgreSQL for all files of a run, with a migrated template from which each file gets its own database. */
import type { TestProject } from "vitest/node";
import { openDatabase, startDatabase } from "../../reconciler/db/database.ts";
import { migrate } from "../../reconciler/db/migrate.ts";

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
    const template = openDatabase(toUrl(database.url, templateName), { max: 2 });
    await migrate(template);
    await template.end();
  } finally {
    await admin.end();
  }
  project.provide("databaseUrl", database.url);
  return () => database.stop();
}

export function toUrl(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.href;
}
