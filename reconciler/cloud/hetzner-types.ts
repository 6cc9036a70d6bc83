/** What Hetzner's server types are: disk and processor decide which of them can take over another's disk. */
import { z } from "zod";
import { ClawfleetError } from "../errors.ts";
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
const typesSchema = z.object({
  server_types: z.array(typeSchema),
  meta: z.object({ pagination: z.object({ next_page: z.number().nullable() }) }),
});

/** Deprecated ones too: servers of theirs live on. */
export async function readServerTypes(http: CloudHttp): Promise<ServerType[]> {
  const found: ServerType[] = [];
  for (let page: number | null = 1; page !== null;) {
    const answer: z.output<typeof typesSchema> | undefined = await http.request({
      method: "GET",
      path: `/server_types?per_page=50&page=${page}`,
      schema: typesSchema,
    });
    if (!answer) {
      throw new ClawfleetError({
        code: "cloud_unavailable",
        message: "hetzner: GET /server_types gave no list",
        retry: { kind: "blocked", by: "hetzner" },
      });
    }
    found.push(...answer.server_types);
    page = answer.meta.pagination.next_page;
  }
  return found;
}
