/** Gives instances a cell and an address; those that find no room wait in the order in which they were paid for. */
import { createHash } from "node:crypto";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { overrideSchema, type Override, type Phase } from "../../infra/config.ts";
import { zoneOf } from "../../components/hosts.ts";
import { planSchema, type Plan } from "../../infra/plans.ts";
import { listPlaces, type Place } from "../converge/placement.ts";
import type { Query } from "../db/database.ts";
import { listAddresses, listCells, type CellRow } from "../db/cells.ts";
import { lockUnplaced, placeInstance } from "../db/instances.ts";
import type { ConvergeJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";
import { findFreeAddress } from "./addresses.ts";
import { firstPlace, rankCells, type NoRoom } from "./rooms.ts";

export type Room = { cell: string; privateIp: string; place: Place };

/** One at a time, until the transaction ends: two that look at once would see the same free place. Taken before a slug's lock. */
export async function lockPlacement(tx: Query): Promise<void> {
  await tx`select pg_advisory_xact_lock(hashtext('clawfleet.placement'))`;
}

/** Under `lockPlacement`. */
export async function findRoom(
  deps: { log: Logger },
  tx: Query,
  places: readonly Place[],
  { customDomain }: Pick<Override, "customDomain">,
): Promise<Room | NoRoom> {
  const ranked = rankCells(await listCells(tx), places);
  if (!Array.isArray(ranked)) return ranked;
  const serves = ({ settings }: CellRow) =>
    customDomain !== undefined && zoneOf(customDomain, settings.customZones) !== undefined;
  for (const cell of ranked.toSorted((a, b) => Number(serves(b)) - Number(serves(a)))) {
    const place = firstPlace(places, cell);
    const taken = new Set(await listAddresses(tx, cell.name));
    const privateIp = findFreeAddress(cell.settings.subnetRange, taken, cell.settings.backendPrivateIp);
    if (place && privateIp !== undefined) return { cell: cell.name, privateIp, place };
    deps.log.warn({ cell: cell.name }, "a cell has capacity but no free address in its subnetRange");
  }
  return { kind: "cells_full", detail: "no cell has room; it goes on when one has" };
}

/** Brings those that wait for room into cells, oldest first, and queues them. Returns how many. */
export async function placeWaiting(deps: { sql: Sql; queue: Queue; log: Logger }): Promise<number> {
  return await deps.sql.begin(async (tx) => {
    await lockPlacement(tx);
    const jobs: ConvergeJob[] = [];
    for (const row of await lockUnplaced(tx)) {
      const plan = planSchema.parse(row.planSettings);
      const override = overrideSchema.parse(row.override);
      const room = await findRoom(deps, tx, listPlaces(plan, override), override);
      // Others may have a plan that fits where this one does not.
      if ("kind" in room) continue;
      const desiredHash = hashDesired({
        planId: row.plan,
        plan,
        phase: row.phase,
        override,
        place: room.place,
      });
      await placeInstance(tx, {
        id: row.id,
        cell: room.cell,
        privateIp: room.privateIp,
        ...room.place,
        desiredHash,
      });
      deps.log.info({ stack: row.slug, cell: room.cell }, "there is room now");
      jobs.push({
        stack: row.slug,
        instanceId: row.id,
        cell: room.cell,
        kind: "converge",
        reason: "paid",
        actor: "there is room now",
      });
    }
    if (jobs.length > 0) await deps.queue.enqueueConverge(tx, jobs);
    return jobs.length;
  });
}

/** Of everything that the program would apply: a change is a new generation. */
export function hashDesired(desired: {
  planId: string;
  plan: Plan;
  phase: Phase;
  override: Override;
  place: { serverType: string; location: string };
}): string {
  const { planId, plan, phase, override, place } = desired;
  const text = JSON.stringify([planId, plan, phase, override, place.serverType, place.location]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
