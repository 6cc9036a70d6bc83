/** Under which id an instance is made: found again by a database that has forgotten it (docs/operations.md, section 8). */
import type { Query } from "../db/database.ts";
import { hasInstance } from "../db/instances.ts";
import { deriveInstanceId } from "../secrets.ts";

/** The subscription's first one, or the next after those that are gone. */
export async function findFreeId(
  sql: Query,
  masterKey: string,
  subscription: { provider: string; id: string },
): Promise<string> {
  for (let earlier = 0; ; earlier += 1) {
    const id = deriveInstanceId(masterKey, subscription, earlier);
    if (!(await hasInstance(sql, id))) return id;
  }
}
