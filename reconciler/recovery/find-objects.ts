/** Asks the clouds for everything that bears a stack's names, labels or comments. */
import {
  cellObjectName,
  cellSelector,
  instanceHost,
  instanceSelector,
  labelKeys,
  managedBy,
  recordComment,
  serverName,
} from "../../components/naming.ts";
import type { Cloudflare, DnsRecord } from "../cloud/cloudflare.ts";
import type { HetznerKind, HetznerObject } from "../cloud/hetzner-objects.ts";
import type { Hetzner } from "../cloud/hetzner.ts";
import type { CloudObject } from "./objects.ts";

export type Clouds = { hetzner: Hetzner; cloudflare: Cloudflare };

export type StackIdentity =
  | {
      kind: "instance";
      id: string;
      slug: string;
      address: string;
      zoneId: string;
      zoneName: string;
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
  if (object.type === recordType) await cloudflare.deleteRecord(stack.zoneId, object.id);
  if (object.type === certificateType) await cloudflare.revokeCertificate(object.id);
}

async function findInstance(
  { hetzner, cloudflare }: Clouds,
  stack: Extract<StackIdentity, { kind: "instance" }>,
): Promise<CloudObject[]> {
  const wanted = { name: serverName(stack.slug), selector: instanceSelector(stack.id) };
  const isOurs = ({ labels }: HetznerObject) =>
    labels[managedBy.key] === managedBy.value && labels[labelKeys.instance] === stack.id;
  const host = instanceHost(stack.address, stack.zoneName);
  const [servers, firewalls, named, own, certificates] = await Promise.all([
    findBoth(hetzner, "servers", wanted),
    findBoth(hetzner, "firewalls", wanted),
    cloudflare.findRecords(stack.zoneId, host),
    cloudflare.findOwnRecords(stack.zoneId, stack.id),
    cloudflare.findCertificates(stack.zoneId, host),
  ]);
  const addresses = new Set(servers.filter(isOurs).flatMap(addressesOf));
  const records = new Map([...named, ...own].map((record) => [record.id, record]));
  return [
    ...servers.map((one) =>
      toHetznerObject("servers", one, wanted.name, isOurs(one), one.networks.includes(stack.networkId)),
    ),
    ...firewalls.map((one) => toHetznerObject("firewalls", one, wanted.name, isOurs(one), one.applied)),
    ...[...records.values()].flatMap((record) => toRecordObject(stack, host, record, addresses)),
    ...certificates.map(({ id, createdAt }) => ({
      type: certificateType,
      logicalName: "tls-certificate",
      id,
      importId: id,
      what: `origin certificate ${id} for ${host}`,
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

const recordNames: Readonly<Record<string, readonly string[]>> = {
  A: ["record-a"],
  AAAA: ["record-aaaa"],
  // Beside it there can be no record of either kind.
  CNAME: ["record-a", "record-aaaa"],
};

function toRecordObject(
  stack: Extract<StackIdentity, { kind: "instance" }>,
  host: string,
  record: DnsRecord,
  addresses: ReadonlySet<string>,
): CloudObject[] {
  const ours = record.comment === recordComment(stack.id) && record.type !== "CNAME";
  return (recordNames[record.type] ?? []).map((logicalName) => ({
    type: recordType,
    logicalName,
    id: record.id,
    importId: `${stack.zoneId}/${record.id}`,
    what: `${record.type} record ${record.name} to ${record.content}`,
    ours,
    inTheWay: record.name === host,
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
