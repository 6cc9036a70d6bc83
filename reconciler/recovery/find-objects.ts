/** Asks the clouds for everything that bears a stack's names, labels or comments. */
import {
  cellObjectName,
  cellSelector,
  domainRecordName,
  instanceSelector,
  labelKeys,
  managedBy,
  recordComment,
  serverName,
} from "../../components/naming.ts";
import type { Cloudflare, DnsRecord } from "../cloud/cloudflare.ts";
import type { DnsNames, DnsZone } from "../cloud/dns-names.ts";
import type { HetznerKind, HetznerObject } from "../cloud/hetzner-objects.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import type { CloudObject } from "./objects.ts";

export type Clouds = { hetzner: Hetzner; cloudflare: Cloudflare };

export type StackIdentity =
  | {
      kind: "instance";
      id: string;
      slug: string;
      names: DnsNames;
      networkId: string;
    }
  | { kind: "cell"; name: string; subnetRange: string };

const hetznerTypes = {
  servers: { type: "hcloud:index/server:Server", logicalName: "server", noun: "server" },
  firewalls: { type: "hcloud:index/firewall:Firewall", logicalName: "firewall", noun: "firewall" },
  networks: { type: "hcloud:index/network:Network", logicalName: "network", noun: "network" },
  ssh_keys: { type: "hcloud:index/sshKey:SshKey", logicalName: "ssh-key", noun: "SSH key" },
} as const;
const subnetType = "hcloud:index/networkSubnet:NetworkSubnet";
const recordType = "cloudflare:index/dnsRecord:DnsRecord";
const certificateType = "cloudflare:index/originCaCertificate:OriginCaCertificate";

/** @throws ClawfleetError cloud_unavailable: nothing is known then. */
export async function findObjects(clouds: Clouds, stack: StackIdentity): Promise<CloudObject[]> {
  return stack.kind === "cell" ? await findCell(clouds, stack) : await findInstance(clouds, stack);
}

/** Deletes one. @throws ClawfleetError when the cloud does not take the order. */
export async function removeObject(
  { hetzner, cloudflare }: Clouds,
  stack: StackIdentity,
  object: CloudObject,
): Promise<void> {
  if (stack.kind === "cell") return;
  if (object.type === hetznerTypes.servers.type) await hetzner.deleteServer(Number(object.id));
  if (object.type === hetznerTypes.firewalls.type) await hetzner.deleteFirewall(Number(object.id));
  if (object.type === recordType) await cloudflare.deleteRecord(object.zoneId ?? "", object.id);
  if (object.type === certificateType) await cloudflare.revokeCertificate(object.id);
}

async function findInstance({ hetzner, cloudflare }: Clouds, stack: InstanceStack): Promise<CloudObject[]> {
  const wanted = { name: serverName(stack.slug), selector: instanceSelector(stack.id) };
  const isOurs = ({ labels }: HetznerObject) =>
    labels[managedBy.key] === managedBy.value && labels[labelKeys.instance] === stack.id;
  const { own, hosts } = stack.names;
  const [servers, firewalls, records, certificates] = await Promise.all([
    findBoth(hetzner, "servers", wanted),
    findBoth(hetzner, "firewalls", wanted),
    findRecords(cloudflare, stack),
    cloudflare.findCertificates(own.zoneId, hosts),
  ]);
  const addresses = new Set(servers.filter(isOurs).flatMap(addressesOf));
  return [
    ...servers.map((one) =>
      toHetznerObject("servers", one, wanted.name, isOurs(one), one.networks.includes(stack.networkId)),
    ),
    ...firewalls.map((one) => toHetznerObject("firewalls", one, wanted.name, isOurs(one), one.applied)),
    ...records.flatMap((record) => toRecordObject(stack, record, addresses)),
    ...certificates.map(({ id, hostnames, createdAt }) => ({
      type: certificateType,
      logicalName: "tls-certificate",
      id,
      importId: id,
      what: `origin certificate ${id} for ${hostnames.join(", ")}`,
      ours: true,
      inTheWay: false,
      adoptable: false,
      guarded: false,
      createdAt,
      preferred: false,
    })),
  ];
}

async function findCell(
  { hetzner }: Clouds,
  stack: Extract<StackIdentity, { kind: "cell" }>,
): Promise<CloudObject[]> {
  const wanted = { name: cellObjectName(stack.name), selector: cellSelector(stack.name) };
  const isOurs = ({ labels }: HetznerObject) =>
    labels[managedBy.key] === managedBy.value && labels[labelKeys.cell] === stack.name;
  const networks = await findBoth(hetzner, "networks", wanted);
  const keys = await findBoth(hetzner, "ssh_keys", wanted);
  // What others depend on is never removed from here, whoever made it.
  const guard = (object: CloudObject) => ({ ...object, guarded: true });
  return [
    ...networks.map((one) =>
      toHetznerObject("networks", one, wanted.name, isOurs(one), one.subnets.length > 0),
    ),
    ...networks
      .filter((one) => isOurs(one) && one.subnets.includes(stack.subnetRange))
      .map((one) => ({
        ...toHetznerObject("networks", one, wanted.name, true, true),
        type: subnetType,
        logicalName: "subnet",
        id: `${one.id}-${stack.subnetRange}`,
        importId: `${one.id}-${stack.subnetRange}`,
        what: `subnet ${stack.subnetRange} of ${one.name}`,
      })),
    ...keys.map((one) => toHetznerObject("ssh_keys", one, wanted.name, isOurs(one), false)),
  ].map(guard);
}

async function findBoth(
  hetzner: Hetzner,
  kind: HetznerKind,
  wanted: { name: string; selector: string },
): Promise<HetznerObject[]> {
  const lists = await Promise.all([
    hetzner.findObjects(kind, { name: wanted.name }),
    hetzner.findObjects(kind, { label_selector: wanted.selector }),
  ]);
  return [...new Map(lists.flat().map((one) => [one.id, one])).values()];
}

function toHetznerObject(
  kind: HetznerKind,
  one: HetznerObject,
  name: string,
  ours: boolean,
  preferred: boolean,
): CloudObject {
  const { noun, ...place } = hetznerTypes[kind];
  return {
    ...place,
    id: one.id,
    importId: one.id,
    what: `${noun} ${one.name} (${one.id})`,
    ours,
    inTheWay: one.name === name,
    adoptable: true,
    guarded: one.protected,
    createdAt: one.createdAt,
    preferred,
  };
}

type ZoneRecord = DnsRecord & DnsZone;
type InstanceStack = Extract<StackIdentity, { kind: "instance" }>;

/** Those that bear one of its names, and those that carry its comment wherever it has or had names. */
async function findRecords(cloudflare: Cloudflare, { id, names }: InstanceStack): Promise<ZoneRecord[]> {
  const { own, domain, zones } = names;
  const named = [own, ...(domain ? [domain] : [])].map(async ({ host, ...zone }) =>
    inZone(zone, await cloudflare.findRecords(zone.zoneId, host)),
  );
  const commented = zones.map(async (zone) => inZone(zone, await cloudflare.findOwnRecords(zone.zoneId, id)));
  const found = (await Promise.all([...named, ...commented])).flat();
  return [...new Map(found.map((record) => [record.id, record])).values()];
}

function inZone({ zone, zoneId }: DnsZone, records: readonly DnsRecord[]): ZoneRecord[] {
  return records.map((record) => ({ ...record, zone, zoneId }));
}

const recordKinds: Readonly<Record<string, readonly ("a" | "aaaa")[]>> = {
  A: ["a"],
  AAAA: ["aaaa"],
  // Beside it there can be no record of either kind.
  CNAME: ["a", "aaaa"],
};

function toRecordObject(
  { id, names }: InstanceStack,
  record: ZoneRecord,
  addresses: ReadonlySet<string>,
): CloudObject[] {
  const ours = record.comment === recordComment(id) && record.type !== "CNAME";
  const isOwn = record.zoneId === names.own.zoneId;
  const wanted = isOwn ? names.own : names.domain;
  return (recordKinds[record.type] ?? []).map((kind) => ({
    type: recordType,
    logicalName: isOwn ? `record-${kind}` : domainRecordName(kind, record.zone),
    id: record.id,
    importId: `${record.zoneId}/${record.id}`,
    zoneId: record.zoneId,
    what: `${record.type} record ${record.name} to ${record.content}`,
    ours,
    inTheWay: record.zoneId === wanted?.zoneId && record.name === wanted.host,
    adoptable: true,
    guarded: false,
    createdAt: record.created_on,
    preferred: addresses.has(record.content),
  }));
}

/** An IPv6 server has its network's first address. */
function addressesOf({ ipv4, ipv6 }: HetznerObject): string[] {
  return [ipv4, ipv6?.replace(/\/\d+$/, "1")].filter((one) => one !== undefined);
}
