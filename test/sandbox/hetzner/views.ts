/** How the API shows the objects of a project. */
import { toTimestamp } from "./action-log.ts";
import { formatIpv4, parseCidr } from "./addresses.ts";
import { toDeprecation, toIsoView, toServerTypeView, type Catalogue } from "./catalogue.ts";
import type {
  FirewallRow,
  ImageRow,
  NetworkRow,
  PlacementGroupRow,
  PrimaryIpRow,
  ServerRow,
  SshKeyRow,
  VolumeRow,
} from "./model.ts";

export function toServerView(server: ServerRow, catalogue: Catalogue, now: Date): object {
  return {
    id: server.id,
    name: server.name,
    status: server.status,
    created: toTimestamp(server.created),
    public_net: {
      ipv4: server.ipv4 === null ? null : toPublicIpv4(server.ipv4),
      ipv6: server.ipv6 === null ? null : toPublicIpv6(server.ipv6),
      floating_ips: [],
      firewalls: [...server.firewalls].map(([id, { status }]) => ({ id, status })),
    },
    private_net: [...server.privateNets.values()]
      .filter((net) => net.status !== "attaching")
      .map((net) => ({
        network: net.network.id,
        ip: net.ip,
        alias_ips: net.aliasIps,
        mac_address: net.mac,
      })),
    server_type: toServerTypeView(server.serverType, catalogue),
    location: server.location,
    image: server.image === null ? null : toImageView(server.image),
    iso: server.iso === null ? null : toIsoView(server.iso),
    rescue_enabled: server.rescueUntil !== null && server.rescueUntil > now,
    locked: server.locks > 0,
    backup_window: server.backupWindow,
    outgoing_traffic: null,
    ingoing_traffic: null,
    included_traffic: 20 * 1024 ** 4,
    protection: { delete: server.deleteProtected, rebuild: server.rebuildProtected },
    labels: server.labels,
    volumes: [...server.volumes],
    load_balancers: [],
    primary_disk_size: server.primaryDiskGb,
    placement_group: server.placementGroup === null ? null : toPlacementGroupView(server.placementGroup),
  };
}

function toPublicIpv4(row: PrimaryIpRow): object {
  return {
    id: row.id,
    ip: row.ip,
    blocked: false,
    dns_ptr: row.dnsPtr.get(row.ip) ?? defaultPointer(row.ip),
  };
}

function toPublicIpv6(row: PrimaryIpRow): object {
  return { id: row.id, ip: row.ip, blocked: false, dns_ptr: toPointers(row) };
}

function toPointers(row: PrimaryIpRow): object[] {
  const known = [...row.dnsPtr].map(([ip, dns_ptr]) => ({ ip, dns_ptr }));
  return row.type === "ipv4" && known.length === 0
    ? [{ ip: row.ip, dns_ptr: defaultPointer(row.ip) }]
    : known;
}

/** `127.16.0.1` is called `static.1.0.16.127.clients.your-server.de` until somebody names it. */
function defaultPointer(ip: string): string {
  return `static.${ip.split(".").toReversed().join(".")}.clients.your-server.de`;
}

export function toImageView(image: ImageRow): object {
  return {
    id: image.id,
    type: image.type,
    status: image.status,
    // Only system images have names.
    name: image.type === "system" ? image.name : null,
    description: image.description,
    image_size: image.imageSizeGb,
    disk_size: image.diskGb,
    created: toTimestamp(image.created),
    created_from: image.createdFrom,
    bound_to: image.boundTo,
    os_flavor: image.osFlavor,
    os_version: image.osVersion,
    rapid_deploy: image.rapidDeploy,
    protection: { delete: image.protected },
    deprecated: image.deprecatedAt === null ? null : toTimestamp(image.deprecatedAt),
    deprecation: toDeprecation(image.deprecatedAt ?? undefined),
    deleted: image.deletedAt === null ? null : toTimestamp(image.deletedAt),
    labels: image.labels,
    architecture: image.architecture,
  };
}

export function toSshKeyView(key: SshKeyRow): object {
  return {
    id: key.id,
    name: key.name,
    fingerprint: key.fingerprint,
    public_key: key.publicKey,
    labels: key.labels,
    created: toTimestamp(key.created),
  };
}

export function toPlacementGroupView(group: PlacementGroupRow): object {
  return {
    id: group.id,
    name: group.name,
    labels: group.labels,
    type: "spread",
    created: toTimestamp(group.created),
    servers: [...group.servers],
  };
}

export function toPrimaryIpView(row: PrimaryIpRow): object {
  return {
    id: row.id,
    name: row.name,
    labels: row.labels,
    created: toTimestamp(row.created),
    blocked: false,
    location: row.location,
    ip: row.ip,
    dns_ptr: toPointers(row),
    protection: { delete: row.protected },
    type: row.type,
    auto_delete: row.autoDelete,
    assignee_type: row.server === null ? "unassigned" : "server",
    assignee_id: row.server?.id ?? null,
  };
}

export function toVolumeView(volume: VolumeRow): object {
  return {
    id: volume.id,
    name: volume.name,
    created: toTimestamp(volume.created),
    server: volume.server?.id ?? null,
    location: volume.location,
    size: volume.sizeGb,
    linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`,
    protection: { delete: volume.protected },
    labels: volume.labels,
    status: volume.status,
    format: volume.format,
  };
}

export function toFirewallView(firewall: FirewallRow): object {
  return {
    id: firewall.id,
    name: firewall.name,
    labels: firewall.labels,
    created: toTimestamp(firewall.created),
    rules: firewall.rules,
    applied_to: [
      ...[...firewall.servers].map(toServerRef),
      ...[...firewall.selectors].map(([selector, matches]) => ({
        type: "label_selector",
        label_selector: { selector },
        applied_to_resources: [...matches].map(toServerRef),
      })),
    ],
  };
}

function toServerRef(id: number): object {
  return { type: "server", server: { id } };
}

export function toNetworkView(network: NetworkRow): object {
  return {
    id: network.id,
    name: network.name,
    ip_range: network.ipRange,
    subnets: network.subnets.map((subnet) => ({
      type: subnet.type,
      ip_range: subnet.ipRange,
      network_zone: subnet.zone,
      gateway: toGateway(network.ipRange),
      ...(subnet.vswitchId === null ? {} : { vswitch_id: subnet.vswitchId }),
    })),
    routes: network.routes,
    servers: [...network.members],
    load_balancers: [],
    protection: { delete: network.protected },
    labels: network.labels,
    created: toTimestamp(network.created),
    expose_routes_to_vswitch: network.exposeRoutes,
  };
}

/** The first address of the network, whatever the subnet. */
export function toGateway(ipRange: string): string {
  const cidr = parseCidr(ipRange);
  return cidr === undefined ? "" : formatIpv4(cidr.base + 1);
}
