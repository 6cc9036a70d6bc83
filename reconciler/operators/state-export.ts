/** A stack's state as `pulumi stack export` gives it, read from Pulumi's rows. */
import type { Sql } from "postgres";
import { ClawfleetError } from "../errors.ts";
import { openStateStore } from "../recovery/state-store.ts";

/** @throws conflict where the states are elsewhere than in our own database */
export function createStateExport({
  sql,
  databaseUrl,
  environment,
}: {
  sql: Sql;
  databaseUrl: string;
  environment: Record<string, string>;
}): (stack: string) => Promise<unknown> {
  return async (stack) => {
    const backend = environment["PULUMI_BACKEND_URL"] ?? databaseUrl;
    const store = openStateStore(sql, { backend, database: databaseUrl });
    if (!store)
      throw fail(
        "conflict",
        "the states are not in PostgreSQL",
        `npm run pulumi -- stack export -s ${stack}`,
      );
    try {
      const state = await store.exportState(stack);
      if (state === undefined)
        throw fail("not_found", `${stack} has no state`, "fleet list shows every name");
      return state;
    } finally {
      await store.close();
    }
  };
}

function fail(code: "conflict" | "not_found", message: string, remedy: string): ClawfleetError {
  return new ClawfleetError({ code, message, remedy, retry: { kind: "permanent" } });
}
