/** Deletes one object that carries our label and that no state knows: only on a person's command, and looked at again before. */
import { readDatabaseTime } from "../db/database.ts";
import { listFindings, listScanned, markDeletion, type FindingRow } from "../db/drift.ts";
import { ClawfleetError, messageOf } from "../errors.ts";
import type { Cloudflare } from "../cloud/cloudflare.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import { keyOf, type Difference } from "./compare.ts";
import { readExpected } from "./expected.ts";
import { readInventory } from "./inventory.ts";
import { belongsHere, listSnapshots } from "./judge.ts";
import type { SeenObject } from "./objects.ts";
import type { ScanDeps } from "./scan.ts";

export type OrphanDeps = ScanDeps & {
  cloudsOf(account: string): { hetzner: Hetzner; cloudflare: Cloudflare };
};

export type OrphanInput = { findingId: number; object: string; actor: string };

/** How it went is in the finding's row; what is gone is closed by the scan that follows. */
export async function deleteOrphan(deps: OrphanDeps, input: OrphanInput): Promise<void> {
  const finding = (await listFindings(deps.sql)).find(({ id }) => id === input.findingId);
  if (!finding) return;
  const note = (error: string | null) =>
    markDeletion(deps.sql, finding.id, {
      actor: input.actor,
      at: deps.clock.now().toISOString(),
      error,
    });
  try {
    const found = await findAgain(deps, finding, input.object);
    if (found) await remove(deps, finding.account, found);
    await note(null);
    deps.log.warn({ object: input.object, actor: input.actor }, "deleted an object that no state knew");
  } catch (error) {
    await note(messageOf(error));
    deps.log.error({ err: error, object: input.object }, "an orphan was not deleted");
  }
}

/** undefined: it is gone by itself. @throws ClawfleetError when it is not what was found any more. */
async function findAgain(
  deps: OrphanDeps,
  finding: FindingRow,
  object: string,
): Promise<SeenObject | undefined> {
  if (!findUnknownDifference(finding, object))
    throw refused(`${object} is no unknown object of finding ${finding.id}`);
  if (!deps.store) throw refused("the states are not in PostgreSQL, so that nobody knows what is unknown");
  const startedAt = await readDatabaseTime(deps.sql);
  const { seen } = await readInventory(deps.sql, finding.account, deps.accessOf(finding.account));
  const now = seen.get(object);
  if (!now) return undefined;
  const { objects: expected, unreadable } = await readExpected(deps.sql, deps.store);
  if ([...expected.values()].flat().some((one) => keyOf(one) === object))
    throw refused(`a state knows ${object} by now`);
  if (now.owner === null) throw refused(`${object} carries our label no longer`);
  const stacks = await listScanned(deps.sql, startedAt);
  const user = stacks.find((one) => listSnapshots(one).some((snapshot) => keyOf(snapshot) === object));
  if (user) throw refused(`${user.stack} is made from ${object} when it comes back`);
  const owner = stacks.find(({ id }) => id === now.owner);
  const living = owner && belongsHere(owner, finding.account, now) ? owner : undefined;
  const why = living && unreadable.get(living.stack);
  if (why !== undefined)
    throw refused(`the state of ${living?.stack} cannot be read, and may know ${object}: ${why}`);
  if (living && !living.resting) throw refused(`${living.stack} is being worked on; try it again afterwards`);
  if ((living?.stack ?? null) !== finding.slug)
    throw refused(`${object} belongs to ${living?.stack ?? "nobody"} now; fleet drift scan looks again`);
  return now;
}

export function findUnknownDifference(finding: FindingRow, object: string): Difference | undefined {
  return finding.differences.find(
    ({ kind, objectId, class: severity }) =>
      keyOf({ kind, id: objectId }) === object && (severity === "leak" || severity === "stateless"),
  );
}

async function remove(deps: OrphanDeps, account: string, { kind, id, zoneId }: SeenObject): Promise<void> {
  const { hetzner, cloudflare } = deps.cloudsOf(account);
  switch (kind) {
    case "server":
      await hetzner.releaseProtection(Number(id));
      return await hetzner.deleteServer(Number(id));
    case "firewall":
      return await hetzner.deleteFirewall(Number(id));
    case "network":
      return await hetzner.deleteNetwork(Number(id));
    case "ssh-key":
      return await hetzner.deleteSshKey(Number(id));
    case "snapshot":
      return await hetzner.deleteSnapshot(id);
    case "record":
      return await cloudflare.deleteRecord(zoneId ?? "", id);
    case "attachment":
    case "subnet":
      throw refused(`a ${kind} cannot be deleted alone: take it away at Hetzner`);
  }
}

function refused(message: string): ClawfleetError {
  return new ClawfleetError({ code: "conflict", message, retry: { kind: "permanent" } });
}
