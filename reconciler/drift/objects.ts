/** One form for what a state remembers and what a cloud shows, so that both can be compared. Pure. */
import { z } from "zod";

export const objectKinds = ["server", "firewall", "attachment", "record"] as const;
export type ObjectKind = (typeof objectKinds)[number];

type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

/** `id` as the provider has it in the state: an attachment's is `<server>-<network>`. */
export type CloudObject = {
  kind: ObjectKind;
  id: string;
  name: string;
  properties: Readonly<Record<string, Value>>;
};

/** An object of a state, with its logical name in the program. */
export type ExpectedObject = CloudObject & { resource: string };

/** An object of a cloud, with the instance that its label or comment names; null when it names none. */
export type SeenObject = CloudObject & {
  instanceId: string | null;
  /** What it costs a month, net, in the account's currency; absent for what costs nothing. */
  monthlyNet?: string;
};

const labels = z.record(z.string(), z.string()).nullish();
const strings = z.array(z.string()).nullish();

const serverOutputs = z.object({
  name: z.string(),
  serverType: z.string(),
  location: z.string(),
  labels,
  firewallIds: z.array(z.number()).nullish(),
  backups: z.boolean().nullish(),
  deleteProtection: z.boolean().nullish(),
  rebuildProtection: z.boolean().nullish(),
  ipv4Address: z.string(),
  ipv6Address: z.string(),
});
const rule = z.object({
  description: z.string().nullish(),
  direction: z.string(),
  protocol: z.string(),
  port: z.string().nullish(),
  sourceIps: strings,
  destinationIps: strings,
});
const firewallOutputs = z.object({ name: z.string(), labels, rules: z.array(rule).nullish() });
const attachmentOutputs = z.object({ serverId: z.number(), networkId: z.number(), ip: z.string() });
const recordOutputs = z.object({
  name: z.string(),
  type: z.string(),
  content: z.string(),
  proxied: z.boolean().nullish(),
  ttl: z.number(),
  comment: z.string().nullish(),
});

export type StateResource = { urn: string; type: string; id: string; outputs: unknown };

/** undefined: nothing that a bulk list shows (commands, certificates, providers). @throws when its outputs have another shape. */
export function toExpected({ urn, type, id, outputs }: StateResource): ExpectedObject | undefined {
  const resource = urn.slice(urn.lastIndexOf("::") + 2);
  switch (type) {
    case "hcloud:index/server:Server":
      return { resource, ...toServer(id, serverOutputs.parse(outputs)) };
    case "hcloud:index/firewall:Firewall":
      return { resource, ...toFirewall(id, firewallOutputs.parse(outputs)) };
    case "hcloud:index/serverNetwork:ServerNetwork":
      return { resource, ...toAttachment(attachmentOutputs.parse(outputs)) };
    case "cloudflare:index/dnsRecord:DnsRecord":
      return { resource, ...toRecord(id, recordOutputs.parse(outputs)) };
    default:
      return undefined;
  }
}

export function toServer(id: string, server: z.input<typeof serverOutputs>): CloudObject {
  return {
    kind: "server",
    id,
    name: server.name,
    properties: {
      name: server.name,
      serverType: server.serverType,
      location: server.location,
      labels: sortKeys(server.labels ?? {}),
      firewalls: (server.firewallIds ?? []).toSorted((a, b) => a - b),
      backups: server.backups ?? false,
      deleteProtection: server.deleteProtection ?? false,
      rebuildProtection: server.rebuildProtection ?? false,
      ipv4: server.ipv4Address,
      ipv6: server.ipv6Address,
    },
  };
}

export function toFirewall(id: string, firewall: z.input<typeof firewallOutputs>): CloudObject {
  const rules = (firewall.rules ?? []).map((one) => ({
    description: one.description ?? "",
    direction: one.direction,
    protocol: one.protocol,
    port: one.port ?? "",
    sourceIps: (one.sourceIps ?? []).toSorted(),
    destinationIps: (one.destinationIps ?? []).toSorted(),
  }));
  return {
    kind: "firewall",
    id,
    name: firewall.name,
    properties: {
      name: firewall.name,
      labels: sortKeys(firewall.labels ?? {}),
      // Their order means nothing to a firewall.
      rules: rules.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
    },
  };
}

export function toAttachment({ serverId, networkId, ip }: z.input<typeof attachmentOutputs>): CloudObject {
  const id = `${serverId}-${networkId}`;
  return { kind: "attachment", id, name: ip, properties: { ip } };
}

export function toRecord(id: string, record: z.input<typeof recordOutputs>): CloudObject {
  const { name, type, content, ttl } = record;
  return {
    kind: "record",
    id,
    name: `${name} ${type}`,
    properties: {
      name,
      type,
      content,
      ttl,
      proxied: record.proxied ?? false,
      comment: record.comment ?? "",
    },
  };
}

function sortKeys(record: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
