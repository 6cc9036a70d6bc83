/** Rows of `clawfleet.ledger`: what happened to whom, written once and never changed. One statement a function. */
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type LedgerEntry = {
  at: Date;
  /** `status`: billing's word; `wanted`: the phase that we decided; `reached`: the phase that the clouds and the machine are in. */
  kind: "status" | "wanted" | "reached";
  provider: string;
  subscriptionId: string;
  instanceId: string | null;
  slug: string | null;
  value: string;
  detail: string | null;
};

export async function writeLedger(sql: Query, entries: readonly LedgerEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await sql`
    insert into clawfleet.ledger (at, kind, provider, subscription_id, instance_id, slug, value, detail)
    select at, kind, provider, "subscriptionId", "instanceId", slug, value, detail
    from jsonb_to_recordset(${sql.json(toJson(entries))}) as e(
      at timestamptz, kind text, provider text, "subscriptionId" text, "instanceId" text, slug text, value text, detail text
    )`;
}

/** `wanted` for each phase that an instance came into, `reached` for each that it is seen in: by its own row. */
export async function writeReached(
  sql: Query,
  instanceId: string,
  reached: { phase: string; at: Date; detail?: string },
): Promise<void> {
  await sql`
    insert into clawfleet.ledger (at, kind, provider, subscription_id, instance_id, slug, value, detail)
    select ${reached.at}, 'reached', provider, subscription_id, id, slug, ${reached.phase}, ${reached.detail ?? null}
    from clawfleet.instances where id = ${instanceId}`;
}

export type LedgerRow = LedgerEntry & { id: number };

export async function listLedger(sql: Query, slug: string, limit: number): Promise<LedgerRow[]> {
  return await sql<LedgerRow[]>`
    select id::int as id, at, kind, provider, subscription_id as "subscriptionId", instance_id as "instanceId", slug, value, detail
    from clawfleet.ledger
    where instance_id in (select id from clawfleet.instances where slug = ${slug})
    order by id desc limit ${limit}`;
}
