/** Orders about what is left as it is for now: nothing would follow from them, and whoever waited would wait for ever. */
import { cellStack } from "../../components/naming.ts";
import type { Query } from "../db/database.ts";
import type { InstanceRow } from "../db/instances.ts";
import type { ClawfleetError } from "../errors.ts";
import { everybody, listPausesOf } from "../db/pauses.ts";
import { held, refused } from "./problems.ts";

/** @throws conflict when its override holds it, or an operator has paused it or everybody */
export async function refuseWhileLeftAlone(
  sql: Query,
  row: Pick<InstanceRow, "slug" | "override">,
): Promise<void> {
  const refusal = await whyLeftAlone(sql, row);
  if (refusal) throw refusal;
}

/** @throws conflict */
export async function refuseWhilePaused(sql: Query, slug: string): Promise<void> {
  const refusal = await whyPaused(sql, slug);
  if (refusal) throw refusal;
}

/** undefined: a run may change it. */
export async function whyLeftAlone(
  sql: Query,
  { slug, override }: Pick<InstanceRow, "slug" | "override">,
): Promise<ClawfleetError | undefined> {
  return override.hold === true ? held(slug) : await whyPaused(sql, slug);
}

/** A cell's stack belongs to everybody in it. @throws conflict */
export async function refuseWhileFleetPaused(sql: Query, cell: string): Promise<void> {
  if ((await listPausesOf(sql, cellStack(cell))).includes(everybody))
    throw refused(`the cell ${cell} is paused with the whole fleet`, "fleet resume");
}

async function whyPaused(sql: Query, slug: string): Promise<ClawfleetError | undefined> {
  const scopes = await listPausesOf(sql, slug);
  if (scopes.includes(everybody)) return refused(`${slug} is paused with the whole fleet`, "fleet resume");
  return scopes.length > 0 ? refused(`${slug} is paused`, `fleet resume ${slug}`) : undefined;
}
