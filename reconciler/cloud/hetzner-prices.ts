/** What servers cost a month, from Hetzner's own list. */
import { z } from "zod";
import { createCloudHttp } from "./http.ts";

const typesPage = z.object({
  server_types: z.array(
    z.object({
      name: z.string(),
      prices: z.array(z.object({ location: z.string(), price_monthly: z.object({ net: z.string() }) })),
    }),
  ),
  meta: z.object({ pagination: z.object({ next_page: z.number().nullable() }) }),
});

/** Net, in the account's currency, by `<type> <location>`. */
export type Prices = ReadonlyMap<string, number>;

const keptMs = 60 * 60_000;

export async function readPrices(access: {
  baseUrl: string;
  token: string;
  fetch: typeof fetch;
}): Promise<Prices> {
  const http = createCloudHttp({ cloud: "hetzner", ...access });
  const prices = new Map<string, number>();
  for (let page: number | null = 1; page !== null;) {
    const path: string = `/server_types?per_page=50&page=${page}`;
    const answer: z.output<typeof typesPage> | undefined = await http.request({
      method: "GET",
      path,
      schema: typesPage,
    });
    for (const { name, prices: places } of answer?.server_types ?? [])
      for (const { location, price_monthly: price } of places)
        prices.set(`${name} ${location}`, Number(price.net));
    page = answer?.meta.pagination.next_page ?? null;
  }
  return prices;
}

/** Reads an account's list at most once an hour. */
export function keepPrices(
  read: (account: string) => Promise<Prices>,
  now: () => Date,
): (account: string) => Promise<Prices> {
  const kept = new Map<string, { prices: Promise<Prices>; until: number }>();
  return async (account) => {
    const known = kept.get(account);
    if (known && known.until > now().getTime()) return await known.prices;
    const prices = read(account);
    kept.set(account, { prices, until: now().getTime() + keptMs });
    prices.catch(() => kept.delete(account));
    return await prices;
  };
}

/** Hetzner's daily backups (source: Hetzner Cloud pricing). */
const backupShare = 0.2;

/** The server with its backups; addresses and traffic are the same for all. undefined: not on the list. */
export function monthlyCost(
  server: { serverType: string; location: string; backups: boolean },
  prices: Prices,
): number | undefined {
  const price = prices.get(`${server.serverType} ${server.location}`);
  return price === undefined ? undefined : price * (server.backups ? 1 + backupShare : 1);
}
