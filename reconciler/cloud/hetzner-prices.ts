/** What one thing at Hetzner costs a month, net and in cents, by an account's own price list. */
import type { PriceList } from "./hetzner-inventory.ts";

export type PricedServer = { type: string; location: string; backups: boolean; ipv4: boolean };

/** With its backups and its address; traffic is the same for all. undefined: something of it is not on the list. */
export function costOfServer(server: PricedServer, prices: PriceList): number | undefined {
  const machine = prices.serverTypes[server.type]?.[server.location];
  const address = server.ipv4 ? prices.ipv4[server.location] : 0;
  if (machine === undefined || address === undefined) return undefined;
  return machine * (1 + (server.backups ? prices.backupShare : 0)) + address;
}

export function costOfSnapshot(sizeGb: number, prices: PriceList): number {
  return sizeGb * prices.snapshotGb;
}

const keptMs = 60 * 60_000;

/** Reads an account's list at most once an hour. */
export function keepPrices(
  read: (account: string) => Promise<PriceList>,
  now: () => Date,
): (account: string) => Promise<PriceList> {
  const kept = new Map<string, { prices: Promise<PriceList>; until: number }>();
  return async (account) => {
    const known = kept.get(account);
    if (known && known.until > now().getTime()) return await known.prices;
    const prices = read(account);
    kept.set(account, { prices, until: now().getTime() + keptMs });
    prices.catch(() => kept.delete(account));
    return await prices;
  };
}
