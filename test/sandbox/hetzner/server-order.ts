/** What a `POST /servers` asks for, checked against everything that the API checks before it says yes. */
import { z } from "zod";
import { hostNameField, idField, idOrNameField, labelsField, readBody } from "./bodies.ts";
import { requireLocation, requireOffer, requireServerType } from "./catalogue.ts";
import { ApiError, invalidField, limitExceeded, notFound } from "./errors.ts";
import { findImage } from "./images.ts";
import { productLimits } from "./limits.ts";
import type {
  FirewallRow,
  ImageRow,
  Location,
  NetworkRow,
  PlacementGroupRow,
  PrimaryIpRow,
  ServerType,
  SshKeyRow,
  VolumeRow,
} from "./model.ts";
import { requireSeat } from "./placement-groups.ts";
import { requireById, requireFreeName } from "./resources.ts";
import { requireRoom, type Call, type Project } from "./world.ts";

const orderBody = z.object({
  name: hostNameField,
  server_type: idOrNameField,
  image: idOrNameField,
  location: idOrNameField.optional(),
  datacenter: z.undefined("is no longer supported, use location").optional(),
  start_after_create: z.boolean().optional(),
  placement_group: idField.optional(),
  ssh_keys: z.array(idOrNameField).optional(),
  volumes: z.array(idField).optional(),
  networks: z.array(idField).optional(),
  firewalls: z.array(z.object({ firewall: idField })).optional(),
  user_data: z.string().optional(),
  labels: labelsField.optional(),
  automount: z.boolean().optional(),
  public_net: z
    .object({
      enable_ipv4: z.boolean().optional(),
      enable_ipv6: z.boolean().optional(),
      ipv4: idField.nullish(),
      ipv6: idField.nullish(),
    })
    .optional(),
});

export type PublicAddress = { wanted: false } | { wanted: true; existing: PrimaryIpRow | undefined };

export type ServerOrder = {
  name: string;
  type: ServerType;
  image: ImageRow;
  location: Location;
  start: boolean;
  placementGroup: PlacementGroupRow | null;
  sshKeys: SshKeyRow[];
  volumes: VolumeRow[];
  networks: NetworkRow[];
  firewalls: FirewallRow[];
  userData: string;
  labels: Record<string, string>;
  ipv4: PublicAddress;
  ipv6: PublicAddress;
};

export function readServerOrder(call: Call): ServerOrder {
  const body = readBody(call, orderBody);
  const { project, world } = call;
  const type = requireServerType(world.catalogue, body.server_type);
  const location =
    body.location === undefined
      ? requireLocation(world.catalogue, type.locations[0]?.name ?? "")
      : requireLocation(world.catalogue, body.location);
  const offer = requireOffer(type, location);
  requireFreeName(project.servers, body.name, "server");
  const userData = body.user_data ?? "";
  requireUserData(userData);
  const ipv4 = toAddress(project, location, "ipv4", body.public_net?.enable_ipv4, body.public_net?.ipv4);
  const ipv6 = toAddress(project, location, "ipv6", body.public_net?.enable_ipv6, body.public_net?.ipv6);
  const order: ServerOrder = {
    name: body.name,
    type,
    image: requireBootable(call, body.image, type, type.diskGb),
    location,
    start: body.start_after_create ?? true,
    placementGroup:
      body.placement_group === undefined
        ? null
        : requireById(project.placementGroups, body.placement_group, "placement_group"),
    sshKeys: [...new Set((body.ssh_keys ?? []).map((wanted) => requireSshKey(project, wanted)))],
    volumes: (body.volumes ?? []).map((id) => requireFreeVolume(project, id, location)),
    networks: (body.networks ?? []).map((id) => requireById(project.networks, id, "network")),
    firewalls: (body.firewalls ?? []).map(({ firewall }) =>
      requireById(project.firewalls, firewall, "firewall"),
    ),
    userData,
    labels: body.labels ?? {},
    ipv4,
    ipv6,
  };
  requireInterfaces(order);
  requireAccountRoom(project, order);
  if (order.placementGroup !== null) requireSeat(order.placementGroup);
  requireCapacity(call, type, location, offer.available);
  return order;
}

export function requireUserData(text: string): void {
  if (Buffer.byteLength(text) <= productLimits.userDataBytes) return;
  throw invalidField("user_data", `is too long, maximum length is ${productLimits.userDataBytes}`);
}

/** The image exists, is ready, fits the processor and the disk. */
export function requireBootable(
  call: Call,
  wanted: number | string,
  type: ServerType,
  diskGb: number,
): ImageRow {
  const image = findImage(call.world, call.project, wanted, type.architecture);
  if (image === undefined) throw notFound("image", wanted);
  if (image.status !== "available") throw invalidField("image", "is not available");
  if (image.architecture !== type.architecture) {
    throw invalidField("image", "has a different architecture than the server type");
  }
  if (image.diskGb > diskGb)
    throw invalidField("image", "disk of the server type is too small for the image");
  return image;
}

function requireSshKey(project: Project, wanted: number | string): SshKeyRow {
  const id = Number(wanted);
  const byId = Number.isSafeInteger(id) ? project.sshKeys.get(id) : undefined;
  const key = byId ?? (typeof wanted === "string" ? project.sshKeys.byName(wanted) : undefined);
  if (key === undefined) throw notFound("ssh_key", wanted);
  return key;
}

function requireFreeVolume(project: Project, id: number, location: Location): VolumeRow {
  const volume = requireById(project.volumes, id, "volume");
  if (volume.server !== null) {
    throw new ApiError("volume_already_attached", "volume is already attached to a server");
  }
  if (volume.location !== location) throw invalidField("volumes", "volume is in a different location");
  return volume;
}

function toAddress(
  project: Project,
  location: Location,
  type: "ipv4" | "ipv6",
  enabled: boolean | undefined,
  id: number | null | undefined,
): PublicAddress {
  if (id === undefined || id === null) {
    return enabled === false ? { wanted: false } : { wanted: true, existing: undefined };
  }
  if (enabled === false) throw invalidField(`public_net.${type}`, `needs enable_${type}`);
  const row = requireById(project.primaryIps, id, "primary_ip");
  if (row.type !== type) {
    throw new ApiError("primary_ip_version_mismatch", "the specified primary IP has the wrong IP version");
  }
  if (row.server !== null) {
    throw new ApiError("primary_ip_assigned", "the specified primary IP is already assigned to a server");
  }
  if (row.location !== location) {
    throw new ApiError(
      "primary_ip_datacenter_mismatch",
      "the specified primary IP is in a different location",
    );
  }
  return { wanted: true, existing: row };
}

function requireInterfaces(order: ServerOrder): void {
  const isPublic = order.ipv4.wanted || order.ipv6.wanted;
  if (!isPublic && order.networks.length === 0 && order.start) {
    throw invalidField("public_net", "server needs at least one network interface to be started");
  }
  if (!isPublic && order.firewalls.length > 0) {
    throw new ApiError("private_net_only_server", "server has no public interface");
  }
  if (new Set(order.firewalls).size > productLimits.firewallsPerServer) {
    throw limitExceeded("server has the maximum number of firewalls", "firewalls_per_server_limit");
  }
}

function isNewAddress(address: PublicAddress): boolean {
  return address.wanted && address.existing === undefined;
}

/** Servers, cores and primary IPs are counted separately. */
function requireAccountRoom(project: Project, order: ServerOrder): void {
  requireRoom(project, "servers", project.servers.size);
  if (project.limits.cores !== Infinity) {
    let cores = 0;
    for (const server of project.servers.all()) cores += server.serverType.cores;
    requireRoom(project, "cores", cores, order.type.cores);
  }
  requireRoom(
    project,
    "primaryIps",
    project.primaryIps.size,
    [order.ipv4, order.ipv6].filter(isNewAddress).length,
  );
}

/** The last thing that can fail: a full data center, or the kit's fault `{ name: "no-capacity" }`. */
export function requireCapacity(call: Call, type: ServerType, location: Location, available: boolean): void {
  const told = call.fault?.kind === "named" && call.fault.name === "no-capacity";
  if (available && !told && !call.world.disturbances.takeNoCapacity(type.name, location.name)) return;
  throw new ApiError("resource_unavailable", "error during placement");
}
