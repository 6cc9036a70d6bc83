/** Orders about what is left as it is for now: nothing would follow from them, and whoever waited would wait for ever. */
import type { Query } from "../db/database.ts";
import type { InstanceRow } from "../db/instances.ts";
import { everybody, listPausesOf } from "../db/pauses.ts";
import { held, refused } from "./problems.ts";

/** @throws conflict when its override holds it, or an operator has paused it or everybody */
export async function refuseWhileLeftAlone(
  sql: Query,
  { slug, override }: Pick<InstanceRow, "slug" | "override">,
): Promise<void> {
  if (override.hold === true) throw held(slug);
  await refuseWhilePaused(sql, slug);
}

/** @throws conflict */
export async function refuseWhilePaused(sql: Query, slug: string): Promise<void> {
  const scopes = await listPausesOf(sql, slug);
  if (scopes.includes(everybody)) throw refused(`${slug} is paused with the whole fleet`, "fleet resume");
  if (scopes.length > 0) throw refused(`${slug} is paused`, `fleet resume ${slug}`);
}
