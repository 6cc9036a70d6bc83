/** What Hetzner's server types are: disk and processor decide which of them can take over another's disk. */
import { z } from "zod";
import { listObjects } from "./hetzner-pages.ts";
import type { CloudHttp } from "./http.ts";

export type ServerType = {
  name: string;
  architecture: "x86" | "arm";
  diskGb: number;
  /** Net, a month, by location; where it is not sold it is not. */
  prices: Readonly<Record<string, number>>;
  /** Those that there are live on; new ones are not to be had for long. */
  deprecated: boolean;
};

const priceSchema = z.object({ location: z.string(), price_monthly: z.object({ net: z.coerce.number() }) });
const typeSchema = z
  .object({
    name: z.string(),
    architecture: z.enum(["x86", "arm"]),
    disk: z.number(),
    prices: z.array(priceSchema).default([]),
    deprecation: z.unknown(),
  })
  .transform(({ name, architecture, disk, prices, deprecation }) => ({
    name,
    architecture,
    diskGb: disk,
    prices: Object.fromEntries(prices.map((one) => [one.location, one.price_monthly.net])),
    deprecated: deprecation !== null && deprecation !== undefined,
  }));

/** Deprecated ones too: servers of theirs live on. */
export async function readServerTypes(http: CloudHttp): Promise<ServerType[]> {
  return await listObjects(http, "server_types", typeSchema);
}
