/** Where Pulumi's PostgreSQL backend keeps its rows. */
import type { TestDatabase } from "./database.ts";

/** Begins every key; the database's name is part of it (pulumi: backend/diy/backend.go). */
export function stateRoot(databaseUrl: string): string {
  return `${new URL(databaseUrl).pathname.slice(1)}/.pulumi`;
}

/** A state of this stack that holds these resources, where readers of states find it; the first makes the table. */
export async function putStateOf(
  { sql, url }: Pick<TestDatabase, "sql" | "url">,
  stack: string,
  resources: readonly object[],
): Promise<void> {
  const checkpoint = { stack: `organization/clawfleet/${stack}`, latest: { resources } };
  const state = Buffer.from(JSON.stringify({ version: 3, checkpoint })).toString("base64");
  await sql`
    create table if not exists public.pulumi_state (key text primary key, data jsonb not null, updated_at timestamptz default now())`;
  await sql`
    insert into public.pulumi_state (key, data)
    values (${`${stateRoot(url)}/stacks/clawfleet/${stack}.json`}, ${sql.json({ data: state })})
    on conflict (key) do update set data = excluded.data, updated_at = now()`;
  await sql`delete from clawfleet.drift_states`;
}
