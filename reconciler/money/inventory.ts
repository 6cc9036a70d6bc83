/** Keeps what is known of each account's servers and prices young. Done by whoever has the tokens, once for all. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import type { Hetzner } from "../cloud/hetzner.ts";
import { listStale, storeInventory } from "../db/inventories.ts";
import { every, type Turns } from "../turns.ts";

export type InventoryDeps = {
  sql: Sql;
  clock: { now(): Date };
  log: Logger;
  hetznerOf(account: string): Pick<Hetzner, "readPriceList" | "readStock">;
};

export const inventoryAgeMs = 10 * 60_000;
const lookMs = 60_000;

/** Returns which were read; one that cannot be read stays as it was. */
export async function refreshInventories(
  deps: InventoryDeps,
  accounts: readonly string[],
  ageMs = inventoryAgeMs,
): Promise<string[]> {
  const { sql, clock, log } = deps;
  const done: string[] = [];
  for (const account of await listStale(sql, accounts, new Date(clock.now().getTime() - ageMs))) {
    const readAt = clock.now();
    try {
      const hetzner = deps.hetznerOf(account);
      const [prices, stock] = [await hetzner.readPriceList(), await hetzner.readStock()];
      await storeInventory(sql, { account, readAt, prices, stock });
      done.push(account);
    } catch (error) {
      log.warn({ err: error, account }, "an account's servers and prices could not be read");
    }
  }
  return done;
}

export function startInventory(deps: InventoryDeps, accounts: readonly string[]): Turns {
  const turns = every(deps, lookMs, "inventories could not be looked after", () =>
    refreshInventories(deps, accounts),
  );
  turns.begin();
  return turns;
}
