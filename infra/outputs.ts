/** The contract of stack outputs: what a cell promises its instances, and an instance its operator. Pure. */
import { z } from "zod";

export const cellOutputsSchema = z.object({
  networkId: z.string(),
  subnetId: z.string(),
  sshKeyId: z.string(),
  zoneId: z.string(),
  zoneName: z.string(),
  /** Ids by name of the zones in which customers may have a domain of their own. */
  customZones: z.record(z.string(), z.string()).default({}),
  /** Cloudflare's own ranges, IPv4 and IPv6, as CIDRs: the only ones that reach an instance on 443. */
  cloudflareRanges: z.array(z.string()).min(1),
});
export type CellOutputs = z.infer<typeof cellOutputsSchema>;

export const instanceOutputsSchema = z.object({
  serverId: z.string(),
  serverType: z.string(),
  location: z.string(),
  ipv4: z.string(),
  ipv6: z.string(),
  privateIp: z.string(),
  /** Public address that people are shown: the customer's own domain, else `https://<slug>.<zone>`. */
  url: z.string(),
  /** Every name that it answers under, its own first; empty in rows from before there were others. */
  hosts: z.array(z.string()).default([]),
  openclawVersion: z.string(),
  /** What the gateway said of itself when it was last checked: "started 2026.9.6". */
  health: z.string(),
});
export type InstanceOutputs = z.infer<typeof instanceOutputsSchema>;

/** Names that an instance answered under when it was last brought up; rows from before there were several have its address alone. */
export function knownHosts({ url, hosts }: InstanceOutputs): string[] {
  return hosts.length > 0 ? hosts : [new URL(url).host];
}
