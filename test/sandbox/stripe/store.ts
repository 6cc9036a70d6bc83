/** Objects of the simulated Stripe, as the API shows them, by kind and in the order in which they were made. */
import { randomBytes } from "node:crypto";

export type StripeObject = Record<string, unknown> & { id: string; object: string; created: number };

export type Collection = {
  add(object: StripeObject): StripeObject;
  find(id: string): StripeObject | undefined;
  /** Newest first. */
  newest(): StripeObject[];
  size(): number;
};

export type Store = Record<CollectionName, Collection>;

const names = [
  "products",
  "prices",
  "customers",
  "sessions",
  "subscriptions",
  "items",
  "invoices",
  "events",
  "endpoints",
  "portals",
] as const;
export type CollectionName = (typeof names)[number];

export function createStore(): Store {
  const entries = names.map((name) => [name, createCollection()] as const);
  return Object.fromEntries(entries) as Store;
}

function createCollection(): Collection {
  const byId = new Map<string, StripeObject>();
  return {
    add(object) {
      byId.set(object.id, object);
      return object;
    },
    find: (id) => byId.get(id),
    newest: () => [...byId.values()].toReversed(),
    size: () => byId.size,
  };
}

/** `sub_1Q…`: the prefix and enough of chance. */
export function newId(prefix: string): string {
  return `${prefix}_1S${randomBytes(12).toString("base64url").replaceAll(/[-_]/g, "x")}`;
}
