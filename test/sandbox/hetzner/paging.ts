/** Lists: filters, order and pages, the same for every collection. */
import type { ActionRow } from "./action-log.ts";
import { invalidField } from "./errors.ts";
import { parseSelector, type Requirement } from "./label-selector.ts";
import { productLimits } from "./limits.ts";
import type { Row } from "./model.ts";
import type { Table } from "./table.ts";
import type { Answer, Call } from "./world.ts";

/** Fields that a collection may be sorted by. */
export const sortFields = {
  idNameCreated: ["id", "name", "created"],
  idName: ["id", "name"],
  idCreated: ["id", "created"],
} as const;
type SortField = "id" | "name" | "created";

export type ListOptions<T extends Row> = {
  key: string;
  table: Table<T>;
  sort: readonly SortField[];
  view: (row: T) => unknown;
  /** Filters of this collection beyond name and labels. */
  keep?: (row: T) => boolean;
  /** Rows that every project sees (system images), before the project's own. */
  shared?: T[];
};

/** Serves `GET /<collection>` with name, label_selector, sort, page and per_page. */
export function listRows<T extends Row>(call: Call, options: ListOptions<T>): Answer {
  const name = call.query.get("name") ?? undefined;
  const selector = readSelector(call);
  const own = options.table.candidates(name, selector);
  const shared = (options.shared ?? []).filter(
    (row) => (name === undefined || row.name === name) && selector.length === 0,
  );
  const all = shared.length === 0 ? own : [...shared, ...own];
  const kept = options.keep ? all.filter(options.keep) : all;
  return paginate(call, options.key, order(call, kept, options), options.view);
}

export function readSelector(call: Call): Requirement[] {
  const text = call.query.get("label_selector");
  const selector = text === null ? [] : parseSelector(text);
  if (selector === undefined) throw invalidField("label_selector", "is not a valid label selector");
  return selector;
}

/** Values of a repeatable filter, checked against what the API knows. */
export function readList<V extends string>(call: Call, name: string, allowed: readonly V[]): V[] {
  return call.query.getAll(name).map((text) => {
    const value = allowed.find((candidate) => candidate === text);
    if (value === undefined) throw invalidField(name, `must be one of ${allowed.join(", ")}`);
    return value;
  });
}

type SortKey = { field: string; sign: 1 | -1 };

function readSort(texts: string[], allowed: readonly string[]): SortKey[] {
  return texts.map((text) => {
    const [field = "", direction = "asc", ...rest] = text.split(":");
    const known =
      allowed.includes(field) && (direction === "asc" || direction === "desc") && rest.length === 0;
    if (!known) throw invalidField("sort", `'${text}' is not a valid sort`);
    return { field, sign: direction === "asc" ? 1 : -1 };
  });
}

function order<T extends Row>(call: Call, rows: T[], options: ListOptions<T>): T[] {
  const texts = call.query.getAll("sort");
  const keys = readSort(texts, options.sort);
  const [first, ...rest] = keys;
  // Rows come by id already, which is the default.
  if (first === undefined || (rest.length === 0 && first.field === "id" && first.sign === 1)) return rows;
  const compare = (a: T, b: T): number => {
    for (const key of keys) {
      const sign = compareField(a, b, key.field) * key.sign;
      if (sign !== 0) return sign;
    }
    return a.id - b.id;
  };
  const everything = rows.length === options.table.size && options.shared === undefined;
  return everything ? options.table.sorted(texts.join(), compare) : rows.toSorted(compare);
}

function compareField(a: Row, b: Row, field: string): number {
  if (field === "name") return a.name < b.name ? -1 : Number(a.name > b.name);
  return field === "created" ? a.created.getTime() - b.created.getTime() : a.id - b.id;
}

const ACTION_FIELDS = ["id", "command", "status", "started", "finished"];

export function sortActions(actions: ActionRow[], texts: string[]): ActionRow[] {
  const keys = readSort(texts, ACTION_FIELDS);
  if (keys.length === 0) return actions;
  return actions.toSorted((a, b) => {
    for (const key of keys) {
      const [x, y] = [toSortable(a, key.field), toSortable(b, key.field)];
      if (x !== y) return (x < y ? -1 : 1) * key.sign;
    }
    return 0;
  });
}

function toSortable(action: ActionRow, field: string): string | number {
  switch (field) {
    case "command":
      return action.command;
    case "status":
      return action.status;
    case "started":
      return action.startedAt.getTime();
    case "finished":
      return action.finishedAt?.getTime() ?? Infinity;
    default:
      return action.id;
  }
}

/** One page with `meta.pagination` and the `Link` header. */
export function paginate<T>(call: Call, key: string, rows: readonly T[], view: (row: T) => unknown): Answer {
  const page = readPage(call, "page", 1, Infinity);
  const perPage = readPage(call, "per_page", productLimits.perPageDefault, productLimits.perPageMax);
  const lastPage = Math.max(1, Math.ceil(rows.length / perPage));
  const pages = {
    previous_page: page > 1 ? page - 1 : null,
    next_page: page < lastPage ? page + 1 : null,
    last_page: lastPage,
  };
  const shown = rows.slice((page - 1) * perPage, page * perPage).map(view);
  const pagination = { page, per_page: perPage, ...pages, total_entries: rows.length };
  return {
    status: 200,
    body: { [key]: shown, meta: { pagination } },
    headers: linkHeader(call, { prev: pages.previous_page, next: pages.next_page, last: lastPage }),
  };
}

function readPage(call: Call, name: string, fallback: number, max: number): number {
  const text = call.query.get(name);
  if (text === null || text === "") return fallback;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw invalidField(name, "must be a number greater than 0");
  if (value > max) throw invalidField(name, `must not be greater than ${max}`);
  return value;
}

function linkHeader(call: Call, pages: Record<string, number | null>): Record<string, string> {
  const links = Object.entries(pages).flatMap(([rel, page]) => {
    if (page === null) return [];
    const query = new URLSearchParams(call.query);
    query.set("page", String(page));
    return [`<${call.path}?${query.toString()}>; rel="${rel}"`];
  });
  return { Link: links.join(", ") };
}
