/** Reads what stacks remember of their cloud objects, straight from Pulumi's PostgreSQL backend and without a CLI process. */
import type { Sql } from "postgres";
import { z } from "zod";
import type { StateResource } from "../drift/objects.ts";

const rowSchema = z.object({
  stack: z.string(),
  resources: z.array(
    z.object({ urn: z.string(), type: z.string(), id: z.string().default(""), outputs: z.unknown() }),
  ),
});

export type StackState = { stack: string; resources: StateResource[] };

const batch = 200;

/**
 * Every stack's objects at Hetzner and Cloudflare. The database takes the documents apart (a row holds a checkpoint as base64 in
 * JSON: pulumi 3.259.0, backend/diy/postgres), so that only what can be compared travels; secrets stay ciphertext.
 */
export async function* readStackStates(sql: Sql): AsyncGenerator<StackState> {
  const rows = sql`
    select substring(s.key from '/stacks/clawfleet/([^/]+)\\.json$') as stack, coalesce(r.resources, '[]') as resources
    from public.pulumi_state s
    cross join lateral (
      select jsonb_agg(jsonb_build_object('urn', e -> 'urn', 'type', e -> 'type', 'id', e -> 'id',
        'outputs', (e -> 'outputs') - '{userData,certificate,csr,__pulumi_raw_state_delta}'::text[])) as resources
      from jsonb_path_query(
        convert_from(decode(s.data ->> 'data', 'base64'), 'UTF8')::jsonb,
        '$.checkpoint.latest.resources[*] ? (@.type starts with "hcloud:" || @.type starts with "cloudflare:")'
      ) as e
    ) r
    where s.key ~ '/stacks/clawfleet/[^/]+\\.json$'`.cursor(batch);
  for await (const some of rows) for (const row of some) yield rowSchema.parse(row);
}
