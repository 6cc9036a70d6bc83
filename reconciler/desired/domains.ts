/** Domains of customers' own that overrides ask for: one that cannot be served, or that somebody else has, is refused with its reason. */
import { isCovered, zoneOf } from "../../components/hosts.ts";
import type { CellSettings, Override } from "../../infra/config.ts";
import { listCells } from "../db/cells.ts";
import { listDomainHolders, type DomainHolder } from "../db/domains.ts";
import type { Query } from "../db/database.ts";

type Zones = Pick<CellSettings, "zone" | "customZones">;

export type DomainFacts = {
  /** Living ones: whoever has one of the domains that are asked for, and whoever asks. */
  holders: readonly DomainHolder[];
  /** As the rows have it: a zone that is in use stays there. */
  cells: ReadonlyMap<string, Zones>;
  /** As their files say it; who asks is judged by this. */
  files: ReadonlyMap<string, Zones>;
};

export type SettledDomains = {
  /** Without the domains that cannot be had: who asked for one keeps the one that they have. */
  overrides: Map<string, Override>;
  refused: Map<string, { kind: "address_taken" | "domain_refused"; message: string }>;
};

export async function settleDomains(
  sql: Query,
  overrides: ReadonlyMap<string, Override>,
  files: ReadonlyMap<string, Zones>,
): Promise<SettledDomains> {
  const wanted = listWanted(overrides);
  if (wanted.length === 0) return { overrides: new Map(overrides), refused: new Map() };
  const cells = new Map((await listCells(sql)).map(({ name, settings }) => [name, settings]));
  const slugs = wanted.map(({ slug }) => slug);
  const holders = await listDomainHolders(sql, { slugs, domains: wanted.map(({ domain }) => domain) });
  return judgeDomains(overrides, { holders, cells, files });
}

/** Of two that ask for the same the one who has it keeps it, else the first by name. Pure. */
export function judgeDomains(
  overrides: ReadonlyMap<string, Override>,
  { holders, cells, files }: DomainFacts,
): SettledDomains {
  const known = new Map<string, Zones>([...cells, ...files]);
  const settled: SettledDomains = { overrides: new Map(overrides), refused: new Map() };
  const living = new Map(holders.map((one) => [one.slug, one]));
  const owners = new Map(holders.flatMap(({ domain, slug }) => (domain === null ? [] : [[domain, slug]])));
  for (const { slug, domain } of listWanted(overrides)) {
    const holder = living.get(slug);
    const owner = owners.get(domain);
    const problem = describeProblem(domain, known, holder?.cell ?? null);
    if (problem === undefined && (owner === undefined || owner === slug)) {
      owners.set(domain, slug);
      continue;
    }
    const { customDomain: _refused, ...rest } = overrides.get(slug) ?? {};
    const before = keepable(holder, cells);
    settled.overrides.set(slug, before === undefined ? rest : { ...rest, customDomain: before });
    settled.refused.set(slug, {
      kind: problem === undefined ? "address_taken" : "domain_refused",
      message: `the override of ${slug} asks for the domain ${domain}, which ${problem ?? `${owner} has`}`,
    });
  }
  return settled;
}

function listWanted(overrides: ReadonlyMap<string, Override>): { slug: string; domain: string }[] {
  return [...overrides]
    .flatMap(([slug, { customDomain: domain }]) => (domain === undefined ? [] : [{ slug, domain }]))
    .toSorted((a, b) => a.slug.localeCompare(b.slug));
}

/** Goes on "the domain x, which ...". Who has no cell yet may still come to any. */
function describeProblem(
  domain: string,
  cells: ReadonlyMap<string, Zones>,
  cell: string | null,
): string | undefined {
  const all = [...cells.values()];
  const own = all.find(({ zone }) => isCovered(domain, zone))?.zone;
  if (own !== undefined) return `is an address of the service's own zone ${own}: use clawfleet:address`;
  const here = cell === null ? all : all.filter((one) => one === cells.get(cell));
  const zones = [...new Set(here.flatMap(({ customZones }) => customZones))].toSorted();
  const zone = zoneOf(domain, zones);
  const where = cell === null ? "any cell" : `the cell ${cell}`;
  if (zone === undefined)
    return `is in no zone that ${where} knows (clawfleet:customZones: ${zones.join(", ") || "none"})`;
  return isCovered(domain, zone)
    ? undefined
    : `is more than one label below ${zone}: Cloudflare's certificate for visitors does not reach so deep`;
}

/** What they have now, as long as their cell can serve it. */
function keepable(holder: DomainHolder | undefined, cells: ReadonlyMap<string, Zones>): string | undefined {
  if (holder === undefined || holder.domain === null) return undefined;
  const zones = cells.get(holder.cell ?? "")?.customZones ?? [];
  return zoneOf(holder.domain, zones) === undefined ? undefined : holder.domain;
}
