/** Everything of ours in one account and what Hetzner asks for it, net and by the month. Reads only. */
import { z } from "zod";
import { carrierLabelKeys, labelKeys, managedBy } from "../../components/naming.ts";
import { listObjects } from "./hetzner-pages.ts";
import type { CloudHttp } from "./http.ts";

/** In cents of `currency`; by type, then location. */
export type PriceList = {
  currency: string;
  serverTypes: Record<string, Record<string, number>>;
  /** Of a server's price. */
  backupShare: number;
  ipv4: Record<string, number>;
  snapshotGb: number;
};

export type StockedServer = {
  id: number;
  name: string;
  /** null: it carries our label and no instance's. */
  instance: string | null;
  type: string;
  location: string;
  backups: boolean;
  ipv4: boolean;
};
export type StockedSnapshot = { id: number; instance: string | null; sizeGb: number };
export type Stock = { servers: StockedServer[]; snapshots: StockedSnapshot[] };

const netSchema = z.object({ net: z.coerce.number() }).transform(({ net }) => net * 100);
const monthlySchema = z.array(z.object({ location: z.string(), price_monthly: netSchema }));
const toLocations = (prices: z.output<typeof monthlySchema>) =>
  Object.fromEntries(prices.map(({ location, price_monthly }) => [location, price_monthly]));

/** Source: Hetzner Cloud API, GET /pricing. */
const pricingSchema = z.object({
  pricing: z.object({
    currency: z.string(),
    image: z.object({ price_per_gb_month: netSchema }),
    server_backup: z.object({ percentage: z.coerce.number() }),
    primary_ips: z.array(z.object({ type: z.string(), prices: monthlySchema })),
    server_types: z.array(z.object({ name: z.string(), prices: monthlySchema })),
  }),
});
const labels = z
  .record(z.string(), z.string())
  .default({})
  .transform((all) => all[labelKeys.instance] ?? all[carrierLabelKeys.instance] ?? null);
const serverSchema = z
  .object({
    id: z.number(),
    name: z.string(),
    labels,
    server_type: z.object({ name: z.string() }),
    location: z.object({ name: z.string() }),
    backup_window: z.string().nullable(),
    public_net: z.object({ ipv4: z.unknown() }),
  })
  .transform((one): StockedServer => ({
    id: one.id,
    name: one.name,
    instance: one.labels,
    type: one.server_type.name,
    location: one.location.name,
    backups: one.backup_window !== null,
    ipv4: one.public_net.ipv4 !== null,
  }));
const imageSchema = z
  .object({ id: z.number(), labels, image_size: z.number().nullable() })
  .transform((one): StockedSnapshot => ({ id: one.id, instance: one.labels, sizeGb: one.image_size ?? 0 }));

export async function readPriceList(http: CloudHttp): Promise<PriceList> {
  const { pricing } = await http.readList("/pricing", pricingSchema);
  return {
    currency: pricing.currency.toLowerCase(),
    serverTypes: Object.fromEntries(
      pricing.server_types.map(({ name, prices }) => [name, toLocations(prices)]),
    ),
    backupShare: pricing.server_backup.percentage / 100,
    ipv4: toLocations(pricing.primary_ips.find(({ type }) => type === "ipv4")?.prices ?? []),
    snapshotGb: pricing.image.price_per_gb_month,
  };
}

export async function readStock(http: CloudHttp): Promise<Stock> {
  const ours = { label_selector: `${managedBy.key}=${managedBy.value}` };
  return {
    servers: await listObjects(http, "servers", serverSchema, ours),
    snapshots: await listObjects(http, "images", imageSchema, { ...ours, type: "snapshot" }),
  };
}
