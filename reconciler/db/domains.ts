/** Which domains of their own customers have, and in which cells those live who ask for one. */
import type { Query } from "./database.ts";

/** A living instance; `cell` is null while it waits for room, `domain` while it has none. */
export type DomainHolder = { slug: string; cell: string | null; domain: string | null };

/** Whoever has one of these domains, and those of `slugs` that live. */
export async function listDomainHolders(
  sql: Query,
  asked: { slugs: readonly string[]; domains: readonly string[] },
): Promise<DomainHolder[]> {
  return await sql<DomainHolder[]>`
    select slug, cell, override ->> 'customDomain' as domain from clawfleet.instances
    where override ->> 'customDomain' = any(${[...asked.domains]}::text[]) and status <> 'gone'
    union
    select slug, cell, override ->> 'customDomain' from clawfleet.instances
    where slug = any(${[...asked.slugs]}::text[]) and status <> 'gone'`;
}

/** Domains that customers of this cell have, those whose deletion is not finished included. */
export async function listDomainsIn(sql: Query, cell: string): Promise<string[]> {
  const rows = await sql<{ domain: string }[]>`
    select override ->> 'customDomain' as domain from clawfleet.instances
    where override ->> 'customDomain' is not null and cell = ${cell} and status <> 'gone'`;
  return rows.map(({ domain }) => domain);
}
