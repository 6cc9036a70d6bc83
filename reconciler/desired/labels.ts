/** DNS labels that overrides and customers ask for: one that somebody else has is not given a second time. */
import type { Override } from "../../infra/config.ts";
import { isReservedSlug } from "../../components/naming.ts";
import { listLabels, type TakenLabel } from "../db/labels.ts";
import type { Query } from "../db/database.ts";

export type SettledLabels = {
  /** Without the addresses that cannot be had: who asked for one keeps the one that they have. */
  overrides: Map<string, Override>;
  refused: ReadonlyMap<string, string>;
};

export async function settleLabels(
  sql: Query,
  overrides: ReadonlyMap<string, Override>,
): Promise<SettledLabels> {
  const wanted = [...overrides].flatMap(([slug, { address }]) =>
    address === undefined || address === slug ? [] : [{ slug, address }],
  );
  if (wanted.length === 0) return { overrides: new Map(overrides), refused: new Map() };
  const taken = await listLabels(
    sql,
    wanted.map(({ address }) => address),
    wanted.map(({ slug }) => slug),
  );
  return settle(overrides, wanted, taken);
}

/** With what these customers chose for themselves; what a file says is stronger. Pure. */
export function addChosen(
  overrides: ReadonlyMap<string, Override>,
  rows: readonly { slug: string; chosenAddress: string | null }[],
): Map<string, Override> {
  const all = new Map(overrides);
  for (const { slug, chosenAddress } of rows) {
    const override = all.get(slug);
    if (chosenAddress !== null && override?.address === undefined)
      all.set(slug, { ...override, address: chosenAddress });
  }
  return all;
}

/** Of two that ask for the same the one who has it keeps it, else the first by name. Pure. */
export function settle(
  overrides: ReadonlyMap<string, Override>,
  wanted: readonly { slug: string; address: string }[],
  taken: readonly TakenLabel[],
): SettledLabels {
  const owners = new Map(taken.map(({ label, slug }) => [label, slug]));
  const settled = new Map(overrides);
  const refused = new Map<string, string>();
  for (const { slug, address } of wanted.toSorted((a, b) => a.slug.localeCompare(b.slug))) {
    const owner = isReservedSlug(address) ? "the service itself" : owners.get(address);
    if (owner === undefined || owner === slug) {
      owners.set(address, slug);
      continue;
    }
    const before = taken.find((one) => one.slug === slug && one.label !== slug)?.label;
    const { address: _refused, ...rest } = overrides.get(slug) ?? {};
    settled.set(slug, before === undefined ? rest : { ...rest, address: before });
    refused.set(slug, `the override of ${slug} asks for the address ${address}, which ${owner} has`);
  }
  return { overrides: settled, refused };
}
