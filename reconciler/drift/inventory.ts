/** Everything that an account's clouds hold, read once for a scan, with the number of requests that it took. */
import type { Sql } from "postgres";
import { listHetzner, listRecords, type CloudAccess } from "../cloud/inventory.ts";
import { listCells } from "../db/cells.ts";
import { keyOf } from "./compare.ts";
import type { SeenObject } from "./objects.ts";

export type Inventory = { seen: Map<string, SeenObject>; requests: number };

/** @throws ClawfleetError when a cloud cannot be read whole. */
export async function readInventory(sql: Sql, account: string, access: CloudAccess): Promise<Inventory> {
  const counter = { requests: 0 };
  const { hetzner, cloudflare } = counting(access, counter);
  const cells = (await listCells(sql)).filter((cell) => cell.account === account);
  const zones = new Set(cells.flatMap(({ zoneId, customZoneIds }) => [zoneId ?? [], customZoneIds].flat()));
  const objects = await listHetzner(hetzner);
  for (const zone of zones) objects.push(...(await listRecords(cloudflare, zone)));
  return { seen: new Map(objects.map((object) => [keyOf(object), object])), requests: counter.requests };
}

function counting(access: CloudAccess, counter: { requests: number }): CloudAccess {
  const wrap = (one: CloudAccess["hetzner"]): CloudAccess["hetzner"] => ({
    ...one,
    fetch: (input, init) => {
      counter.requests += 1;
      return one.fetch(input, init);
    },
  });
  return { hetzner: wrap(access.hetzner), cloudflare: wrap(access.cloudflare) };
}
