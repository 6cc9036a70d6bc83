/** Lists by cursor: `after`, `per_page`, `order_by`, filters by comma, and the address of the next page. */
import { randomUUID } from "node:crypto";
import { badRequest } from "./errors.ts";

export type PageLimits = { usual: number; most: number };

/** More than the maximum gives the maximum, as Paddle does. */
export function page<T extends { id: string }>(url: URL, all: readonly T[], limits: PageLimits) {
  const query = url.searchParams;
  const asked = Number(query.get("per_page") ?? limits.usual);
  if (!Number.isInteger(asked) || asked < 1) throw badRequest("invalid_url", "per_page is not a number");
  const perPage = Math.min(asked, limits.most);
  const order = query.get("order_by") ?? "id[DESC]";
  const sorted = all.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  if (order.endsWith("[DESC]")) sorted.reverse();
  const after = query.get("after");
  const rest = after === null ? sorted : sorted.slice(sorted.findIndex(({ id }) => id === after) + 1);
  if (after !== null && !sorted.some(({ id }) => id === after))
    throw badRequest("invalid_url", "after is not an entity of this list");
  const data = rest.slice(0, perPage);
  const next = new URL(url);
  next.searchParams.set("after", data.at(-1)?.id ?? after ?? "");
  return {
    data,
    meta: {
      request_id: randomUUID(),
      pagination: {
        per_page: perPage,
        next: next.href,
        has_more: rest.length > perPage,
        estimated_total: all.length,
      },
    },
  };
}

/** True where the query does not ask, or asks for this value; `null` asks for none. */
export function matches(query: URLSearchParams, name: string, value: string | null): boolean {
  const wanted = query.get(name);
  if (wanted === null || wanted === "") return true;
  return wanted.split(",").includes(value ?? "null");
}
