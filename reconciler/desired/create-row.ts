/** A row for a name that has none: paid for, or given away. */
import type { TransactionSql } from "postgres";
import type { Override } from "../../infra/config.ts";
import { listPlaces } from "../converge/placement.ts";
import { insertInstance, isMade } from "../db/instances.ts";
import { writeLedger } from "../db/ledger.ts";
import { lockSlug, markOrderPaid } from "../db/orders.ts";
import { announceOrder } from "../messages/occasions.ts";
import { announceAll } from "../messages/outbox.ts";
import { createInstanceSecrets } from "../secrets.ts";
import { alert, type ApplyDeps, type ApplyScope, type Change } from "./apply-deps.ts";
import { toColumns, toEntry } from "./columns.ts";
import type { Desired } from "./desire.ts";
import { findFreeId } from "./identity.ts";
import { findRoom, lockPlacement } from "./place.ts";

export async function createRow(
  deps: ApplyDeps,
  tx: TransactionSql,
  slug: string,
  desired: Desired,
  override: Override,
  scope: ApplyScope,
): Promise<Change | undefined> {
  // What has ended before it began is not built.
  if (desired.phase !== "running" || override.hold === true) return undefined;
  const places = listPlaces(desired.plan, override);
  const [wanted] = places;
  if (!wanted) return undefined;
  await lockPlacement(tx);
  await lockSlug(tx, slug);
  // Somebody else's reading of the same made it while this one waited; what it says is decided with the row in hand.
  if (await isMade(tx, slug, desired.subscription)) return undefined;
  const room = await findRoom(deps, tx, places, override);
  if ("kind" in room) {
    alert(deps, room.kind, slug, `${slug}: ${room.detail}; add stacks/Pulumi.cell.<name>.yaml`);
    // Whoever gives one away is told at once; who has paid keeps name and place in the line.
    if (isGivenAway(scope)) return undefined;
  }
  const id = await findFreeId(tx, deps.masterKey, desired.subscription);
  const columns = toColumns(desired, override, "kind" in room ? wanted : room.place);
  const secrets = createInstanceSecrets(deps.masterKey, id);
  const now = deps.clock.now();
  await insertInstance(tx, { ...columns, room, id, slug, secrets, now });
  await writeLedger(tx, [toEntry({ id, slug }, columns, now)]);
  await markOrderPaid(tx, { orderId: desired.subscription.orderId, slug, instanceId: id });
  const letter = { instanceId: id, email: columns.email, ...announceOrder(desired.subscription, now) };
  await announceAll(tx, [letter], now);
  if ("kind" in room) return { row: "waits for room" };
  const who = { stack: slug, instanceId: id, cell: room.cell };
  return { job: { ...who, kind: "converge", reason: "paid", actor: scope.actor } };
}

function isGivenAway(scope: ApplyScope): boolean {
  return scope.kind === "slugs" && scope.reason === "operator";
}
