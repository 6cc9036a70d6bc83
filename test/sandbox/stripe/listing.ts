/** Lists with cursors, and expansion of ids into objects. */
import { invalid, missing } from "./errors.ts";
import type { Store, StripeObject } from "./store.ts";

export function page(url: string, all: readonly StripeObject[], query: URLSearchParams) {
  const limit = Number(query.get("limit") ?? 10);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw invalid("Invalid integer: limit must be between 1 and 100", "limit");
  const after = query.get("starting_after");
  const before = query.get("ending_before");
  let start = 0;
  if (after !== null) start = indexOf(all, after, "starting_after") + 1;
  if (before !== null) start = Math.max(0, indexOf(all, before, "ending_before") - limit);
  const data = all.slice(start, start + limit);
  return { object: "list", url, has_more: start + limit < all.length, data };
}

function indexOf(all: readonly StripeObject[], id: string, param: string): number {
  const index = all.findIndex((object) => object.id === id);
  if (index === -1) throw missing("object", id, param);
  return index;
}

/** Replaces ids by objects along each path, such as `data.customer` or `items.data.price.product`; returns a copy. */
export function expand(store: Store, answer: unknown, paths: readonly string[]): unknown {
  if (paths.length === 0) return answer;
  const copy: unknown = structuredClone(answer);
  for (const path of paths) {
    const parts = path.split(".");
    if (parts.length > 4) throw invalid("You cannot expand more than 4 levels of a property", "expand");
    expandAt(store, copy, parts);
  }
  return copy;
}

function expandAt(store: Store, value: unknown, parts: readonly string[]): void {
  const [head, ...rest] = parts;
  if (head === undefined || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const member of value) expandAt(store, member, parts);
    return;
  }
  const owner = value as Record<string, unknown>;
  const current = owner[head];
  if (typeof current === "string") {
    const found = findAny(store, current);
    if (found) owner[head] = structuredClone(found);
  }
  expandAt(store, owner[head], rest);
}

function findAny(store: Store, id: string): StripeObject | undefined {
  for (const collection of Object.values(store)) {
    const found = collection.find(id);
    if (found) return found;
  }
  return undefined;
}

const endedStatuses: readonly string[] = ["canceled", "incomplete_expired"];

/** Without a filter canceled ones are left out. */
export function matchesStatus(status: string, wanted: string | null): boolean {
  if (wanted === null) return status !== "canceled";
  if (wanted === "all") return true;
  return wanted === "ended" ? endedStatuses.includes(status) : status === wanted;
}
