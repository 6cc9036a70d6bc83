/** Pulumi's rows as operators ask for them: a stack's state as `pulumi stack export` gives it. */
import type { Sql } from "postgres";
import { permanent } from "../errors.ts";
import { openStateStore, type StateStore } from "../recovery/state-store.ts";
import { refused } from "./problems.ts";

export type WithStore = <T>(stack: string, ask: (store: StateStore) => Promise<T>) => Promise<T>;

/** `environment`: of the engine, which says where the states are. */
export function createWithStore({
  sql,
  databaseUrl,
  environment,
}: {
  sql: Sql;
  databaseUrl: string;
  environment: Record<string, string>;
}): WithStore {
  return async (stack, ask) => {
    const backend = environment["PULUMI_BACKEND_URL"] ?? databaseUrl;
    const store = openStateStore(sql, { backend, database: databaseUrl });
    if (!store)
      throw refused("the states are not in PostgreSQL", `use Pulumi itself: npm run pulumi -- -s ${stack} …`);
    try {
      return await ask(store);
    } finally {
      await store.close();
    }
  };
}

/** @throws conflict where the states are not in PostgreSQL, not_found */
export function createStateExport(withStore: WithStore): (stack: string) => Promise<unknown> {
  return (stack) =>
    withStore(stack, async (store) => {
      const state = await store.exportState(stack);
      if (state !== undefined) return state;
      throw permanent("not_found", `${stack} has no state`, "fleet list and fleet cells show every name");
    });
}
