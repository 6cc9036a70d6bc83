/** One form for what a state remembers and what a cloud shows, so that both can be compared. Pure. */
import { z } from "zod";
import type { PricedServer } from "../cloud/hetzner-prices.ts";

export const objectKinds = [
  "server",
  "firewall",
  "attachment",
  "record",
  "network",
  "subnet",
  "ssh-key",
  "snapshot",
] as const;
export type ObjectKind = (typeof objectKinds)[number];

type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

/** `id` as the provider has it in the state: an attachment's is `<server>-<network>`. */
export type CloudObject = {
  kind: ObjectKind;
  id: string;
  name: string;
  properties: Readonly<Record<string, Value>>;
};

export type ExpectedObject = CloudObject & {
  /** Replaced already and on its way out, so that it may be there or not. */
  leaving?: true;
  /** Why its outputs cannot be read, as of a server that was made by halves: only that it is there is known. */
  unread?: string;
};

/** An object of a cloud. `owner`: what its label or comment names, an instance's id or a cell's stack; null for a stranger's. */
export type SeenObject = CloudObject & {
  owner: string | null;
  /** What it is paid by; absent for what costs nothing. */
  billed?: PricedServer | { sizeGb: number };
  /** Of a record. */
  zoneId?: string;
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

const networkOutputs = z.object({ name: z.string(), labels, ipRange: z.string() });
const subnetOutputs = z.object({ networkId: z.number(), ipRange: z.string(), networkZone: z.string() });
const sshKeyOutputs = z.object({ name: z.string(), labels, fingerprint: z.string() });

export const stateResourceSchema = z.object({
  type: z.string(),
  id: z.string().default(""),
  outputs: z.unknown(),
  delete: z.boolean().default(false),
});
export type StateResource = z.output<typeof stateResourceSchema>;

/** undefined: nothing that a bulk list shows (commands, certificates, providers). */
export function toExpected(resource: StateResource): ExpectedObject | undefined {
  const object = readObject(resource);
  return object && (resource.delete ? { ...object, leaving: true } : object);
}

function readObject(resource: StateResource): ExpectedObject | undefined {
  try {
    return toObject(resource);
  } catch (error) {
    const kind = kindOfType(resource.type);
    if (!kind || !(error instanceof z.ZodError)) throw error;
    const { id } = resource;
    return { kind, id, name: id, properties: {}, unread: `${kind} ${id}: ${wordMisfit(error)}` };
  }
}

/** Its first: one is enough to find it. */
function wordMisfit({ issues }: z.ZodError): string {
  const [issue] = issues;
  return `${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`;
}

const kindsByType: Readonly<Record<string, ObjectKind>> = {
  "hcloud:index/server:Server": "server",
  "hcloud:index/firewall:Firewall": "firewall",
  "hcloud:index/serverNetwork:ServerNetwork": "attachment",
  "cloudflare:index/dnsRecord:DnsRecord": "record",
  "hcloud:index/network:Network": "network",
  "hcloud:index/networkSubnet:NetworkSubnet": "subnet",
  "hcloud:index/sshKey:SshKey": "ssh-key",
};

/** Of a resource type as Pulumi writes it; undefined: no bulk list shows it. */
export function kindOfType(type: string): ObjectKind | undefined {
  return kindsByType[type];
}

function toObject({ type, id, outputs }: StateResource): CloudObject | undefined {
  switch (kindOfType(type)) {
    case "server":
      return toServer(id, serverOutputs.parse(outputs));
    case "firewall":
      return toFirewall(id, firewallOutputs.parse(outputs));
    case "attachment":
      return toAttachment(attachmentOutputs.parse(outputs));
    case "record":
      return toRecord(id, recordOutputs.parse(outputs));
    case "network":
      return toNetwork(id, networkOutputs.parse(outputs));
    case "subnet":
      return toSubnet(subnetOutputs.parse(outputs));
    case "ssh-key":
      return toSshKey(id, sshKeyOutputs.parse(outputs));
    // In no state.
    case "snapshot":
    case undefined:
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

export function toNetwork(id: string, network: z.input<typeof networkOutputs>): CloudObject {
  const { name, ipRange } = network;
  return { kind: "network", id, name, properties: { name, ipRange, labels: sortKeys(network.labels ?? {}) } };
}

export function toSubnet({ networkId, ipRange, networkZone }: z.input<typeof subnetOutputs>): CloudObject {
  return { kind: "subnet", id: `${networkId}-${ipRange}`, name: ipRange, properties: { networkZone } };
}

export function toSshKey(id: string, key: z.input<typeof sshKeyOutputs>): CloudObject {
  const { name, fingerprint } = key;
  return {
    kind: "ssh-key",
    id,
    name,
    properties: { name, fingerprint, labels: sortKeys(key.labels ?? {}) },
  };
}

function sortKeys(record: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
