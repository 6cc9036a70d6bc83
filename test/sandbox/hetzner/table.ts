/** A collection of one project, indexed so that 10,000 objects cost no more to page through than ten. */
import { matchesSelector, type Labels, type Requirement } from "./label-selector.ts";
import type { Row } from "./model.ts";

export type Table<T extends Row> = {
  readonly size: number;
  get(id: number): T | undefined;
  /** First object of that name; only image names are not unique. */
  byName(name: string): T | undefined;
  add(row: T): T;
  remove(row: T): void;
  rename(row: T, name: string): void;
  relabel(row: T, labels: Labels): void;
  /** In order of id. */
  all(): Iterable<T>;
  /** What may match, by the best index there is; still to be filtered by everything else. */
  candidates(name: string | undefined, selector: Requirement[]): T[];
  /** Ids ordered by a field; kept until something in the table changes. */
  sorted(key: string, compare: (a: T, b: T) => number): T[];
};

/** A sweep over one selector is worth keeping; ten thousand different ones are not. */
const MAX_KEPT = 50;

export function createTable<T extends Row>(): Table<T> {
  const rows = new Map<number, T>();
  const names = new Map<string, Set<number>>();
  const labels = new Map<string, Set<number>>();
  /** Answers to earlier questions, all forgotten when anything changes. */
  const orders = new Map<string, T[]>();

  function pick(ids: Set<number> | undefined): T[] {
    return [...(ids ?? [])]
      .toSorted((a, b) => a - b)
      .map((id) => rows.get(id))
      .filter((row) => row !== undefined);
  }

  function index(row: T): void {
    put(names, row.name, row.id);
    for (const [key, value] of Object.entries(row.labels)) put(labels, `${key}=${value}`, row.id);
    orders.clear();
  }

  function unindex(row: T): void {
    drop(names, row.name, row.id);
    for (const [key, value] of Object.entries(row.labels)) drop(labels, `${key}=${value}`, row.id);
    orders.clear();
  }

  return {
    get size() {
      return rows.size;
    },
    get: (id) => rows.get(id),
    byName: (name) => pick(names.get(name))[0],
    add(row) {
      rows.set(row.id, row);
      index(row);
      return row;
    },
    remove(row) {
      if (rows.delete(row.id)) unindex(row);
    },
    rename(row, name) {
      unindex(row);
      row.name = name;
      index(row);
    },
    relabel(row, next) {
      unindex(row);
      row.labels = next;
      index(row);
    },
    all: () => rows.values(),
    candidates(name, selector) {
      if (name !== undefined)
        return pick(names.get(name)).filter((row) => matchesSelector(row.labels, selector));
      const every = (): T[] => this.sorted("id", (a, b) => a.id - b.id);
      if (selector.length === 0) return every();
      const key = `selector ${JSON.stringify(selector)}`;
      const known = orders.get(key);
      if (known) return known;
      const equal = selector.find((requirement) => requirement.op === "equals");
      const some = equal?.op === "equals" ? pick(labels.get(`${equal.key}=${equal.value}`)) : every();
      const found = some.filter((row) => matchesSelector(row.labels, selector));
      if (orders.size < MAX_KEPT) orders.set(key, found);
      return found;
    },
    sorted(key, compare) {
      const known = orders.get(key);
      if (known) return known;
      const order = [...rows.values()].toSorted(compare);
      orders.set(key, order);
      return order;
    },
  };
}

function put(map: Map<string, Set<number>>, key: string, id: number): void {
  const set = map.get(key);
  if (set) set.add(id);
  else map.set(key, new Set([id]));
}

function drop(map: Map<string, Set<number>>, key: string, id: number): void {
  const set = map.get(key);
  set?.delete(id);
  if (set?.size === 0) map.delete(key);
}
