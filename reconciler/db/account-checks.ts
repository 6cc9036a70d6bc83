/** Rows of `clawfleet.account_checks`: what a process with an account's tokens found when it last looked. */
import type { AccountCheck } from "../cloud/account-check.ts";
import type { Query } from "./database.ts";
import { toJson } from "./json.ts";

export type AccountLook = { account: string; lookedAt: Date; checks: AccountCheck[] };

export async function recordLook(sql: Query, look: AccountLook): Promise<void> {
  await sql`
    insert into clawfleet.account_checks (account, looked_at, checks)
    values (${look.account}, ${look.lookedAt}, ${sql.json(toJson(look.checks))})
    on conflict (account) do update set looked_at = excluded.looked_at, checks = excluded.checks`;
}

export async function listLooks(sql: Query): Promise<AccountLook[]> {
  return await sql<AccountLook[]>`
    select account, looked_at as "lookedAt", checks from clawfleet.account_checks order by account`;
}

/** By account, the zones under which its cells give names, those of customers' own domains among them. */
export async function listZones(sql: Query): Promise<Map<string, string[]>> {
  const rows = await sql<{ account: string; zones: string[] }[]>`
    select account, array_agg(distinct zone order by zone) as zones
    from clawfleet.cells, lateral (
      select settings ->> 'zone' as zone
      union
      select jsonb_array_elements_text(coalesce(settings -> 'customZones', '[]'))
    ) named
    where file_gone_at is null group by account order by account`;
  return new Map(rows.map(({ account, zones }) => [account, zones]));
}
