/** Finds objects at Hetzner by name or label, with what tells whose they are. An answer is certain or an error. */
import { z } from "zod";
import { listObjects } from "./hetzner-pages.ts";
import type { CloudHttp } from "./http.ts";

export const hetznerKinds = ["servers", "firewalls", "networks", "ssh_keys"] as const;
export type HetznerKind = (typeof hetznerKinds)[number];

export type HetznerObject = {
  id: string;
  name: string;
  labels: Record<string, string>;
  createdAt: Date;
  /** Delete protection is on. */
  protected: boolean;
  ipv4: string | undefined;
  ipv6: string | undefined;
  /** Ids of the networks that a server is in. */
  networks: string[];
  /** Ranges of a network's subnets. */
  subnets: string[];
  /** A firewall that stands before a server. */
  applied: boolean;
};

export type FindObjects = (
  kind: HetznerKind,
  filter: { name: string } | { label_selector: string },
) => Promise<HetznerObject[]>;

const address = z.object({ ip: z.string() }).nullish();
const objectSchema = z.object({
  id: z.number(),
  name: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  created: z.coerce.date(),
  protection: z.object({ delete: z.boolean() }).optional(),
  public_net: z.object({ ipv4: address, ipv6: address }).optional(),
  private_net: z.array(z.object({ network: z.number() })).default([]),
  subnets: z.array(z.object({ ip_range: z.string() })).default([]),
  applied_to: z.array(z.unknown()).default([]),
});

export function createObjectFinder(http: CloudHttp): FindObjects {
  return async (kind, filter) => (await listObjects(http, kind, objectSchema, filter)).map(toObject);
}

function toObject(raw: z.output<typeof objectSchema>): HetznerObject {
  const { id, name, labels, created } = raw;
  return {
    id: String(id),
    name,
    labels,
    createdAt: created,
    protected: raw.protection?.delete ?? false,
    ipv4: raw.public_net?.ipv4?.ip,
    ipv6: raw.public_net?.ipv6?.ip,
    networks: raw.private_net.map(({ network }) => String(network)),
    subnets: raw.subnets.map((subnet) => subnet.ip_range),
    applied: raw.applied_to.length > 0,
  };
}
