/**
 * Whom a change of plans.yaml alone concerns is decided about alike: with the same phase on the same server it comes to the same
 * steps. So many of them are previewed, one of each kind at least, and stand for the others. Pure.
 */
import type { PlanCustomerRow } from "../db/plans.ts";

/** As the row is stored; `ownChange`: its override is part of the change, so that it is previewed itself. */
export type Candidate = { row: PlanCustomerRow; ownChange: boolean };

export function chooseExamples(candidates: readonly Candidate[], most: number): PlanCustomerRow[] {
  const groups = new Map<string, PlanCustomerRow[]>();
  for (const { row, ownChange } of candidates) {
    if (ownChange || row.proposal === null) continue;
    const kind = JSON.stringify([row.why, row.current, row.proposal]);
    groups.set(kind, [...(groups.get(kind) ?? []), row]);
  }
  const examples = new Map<string, string>();
  const own = candidates.filter(({ row, ownChange }) => ownChange && row.proposal !== null).length;
  let room = most - own - groups.size;
  for (const rows of groups.values()) {
    const [first, ...others] = rows.toSorted((a, b) => (a.slug < b.slug ? -1 : 1));
    const more = Math.max(0, Math.min(room, others.length));
    room -= more;
    for (const { slug } of others.slice(more)) if (first) examples.set(slug, first.slug);
  }
  return candidates.map(({ row }) => ({ ...row, example: examples.get(row.slug) ?? null }));
}
