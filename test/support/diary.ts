/** What is known of one instance at the moment a test gave up on it: the reason of a failure that shows only elsewhere. */
import type { Sandbox } from "../sandbox/start.ts";
import type { TestDatabase } from "./database.ts";

const consoleLines = 8;

export async function readDiary(
  { database, sandbox }: { database: TestDatabase; sandbox: Sandbox },
  slug: string,
): Promise<string> {
  const { sql } = database;
  const rows = await sql<{ line: string }[]>`
    select concat_ws(' ', phase, status, status_detail, 'generation', observed_generation || '/' || generation,
      'failures', failures, 'retry at', retry_at) as line
    from clawfleet.instances where slug = ${slug}
    union all
    (select concat_ws(' ', 'operation', o.id, o.kind, o.outcome, o.started_at, o.ended_at, o.error ->> 'message',
      (select max(message) from clawfleet.operation_events e where e.operation_id = o.id
        and seq = (select max(seq) from clawfleet.operation_events l where l.operation_id = o.id)))
    from clawfleet.operations o where o.stack = ${slug} order by o.id desc limit 3)
    union all
    select concat_ws(' ', 'job', name, state, data ->> 'kind', 'beat', heartbeat_on, 'from', start_after)
    from pgboss.job where state <= 'active' and (singleton_key like ${`${slug}%`} or data ->> 'stack' = ${slug})`;
  const said = await readConsole(sandbox, slug);
  return [...rows.map(({ line }) => line), ...said].join("\n  ");
}

async function readConsole({ hetzner, machines }: Sandbox, slug: string): Promise<string[]> {
  const server = hetzner
    .project()
    .servers()
    .find(({ name }) => name === `cf-${slug}`);
  if (!server || !machines) return ["no machine"];
  const text = await machines.readConsole(server.id).catch(() => "no console");
  return [`server ${server.id} ${server.status}`, ...text.trim().split("\n").slice(-consoleLines)];
}
