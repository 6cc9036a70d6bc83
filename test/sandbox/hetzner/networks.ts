/** Private networks and their members. */
import { z } from "zod";
import { containsCidr, isPrivate, overlaps, parseCidr, parseIpv4 } from "./addresses.ts";
import { labelsField, nameField, readBody } from "./bodies.ts";
import { invalidField } from "./errors.ts";
import { productLimits } from "./limits.ts";
import type { NetworkRow, PrivateNet, ServerRow, Subnet } from "./model.ts";
import { firstFreeRange } from "./network-addresses.ts";
import { listRows, paginate, readList, sortFields } from "./paging.ts";
import { requireFreeName, requireRow, requireUnprotected, updateNameAndLabels } from "./resources.ts";
import { toNetworkView } from "./views.ts";
import {
  requireRoom,
  requireUnchanging,
  type Answer,
  type Call,
  type Project,
  type Route,
  type World,
} from "./world.ts";

export const subnetBody = z.object({
  type: z.enum(["cloud", "server", "vswitch"]),
  ip_range: z.string().optional(),
  network_zone: z.string(),
  vswitch_id: z.int().positive().nullish(),
});
export const routeBody = z.object({ destination: z.string(), gateway: z.string() });
const createBody = z.object({
  name: nameField,
  ip_range: z.string(),
  labels: labelsField.optional(),
  subnets: z.array(subnetBody).max(productLimits.subnetsPerNetwork).optional(),
  routes: z.array(routeBody).max(productLimits.routesPerNetwork).optional(),
  expose_routes_to_vswitch: z.boolean().optional(),
});
const updateBody = z.object({
  name: nameField.optional(),
  labels: labelsField.optional(),
  expose_routes_to_vswitch: z.boolean().optional(),
});

export const networkRoutes: Route[] = [
  {
    method: "GET",
    path: "/networks",
    handle: (call) =>
      listRows(call, {
        key: "networks",
        table: call.project.networks,
        sort: sortFields.idNameCreated,
        view: toNetworkView,
      }),
  },
  { method: "POST", path: "/networks", handle: createNetwork },
  { method: "GET", path: "/networks/:id", handle: (call) => answer(200, requireNetwork(call)) },
  { method: "PUT", path: "/networks/:id", handle: updateNetwork },
  { method: "DELETE", path: "/networks/:id", handle: deleteNetwork },
  { method: "GET", path: "/networks/:id/members", handle: listMembers },
];

export function requireNetwork(call: Call): NetworkRow {
  return requireRow(call, call.project.networks, "network");
}

function answer(status: number, network: NetworkRow): Answer {
  return { status, body: { network: toNetworkView(network) } };
}

/** RFC 1918, at least a /24 (facts.md section 3). */
export function requireNetworkRange(text: string): void {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw invalidField("ip_range", "is not the start of the cidr block");
  if (!isPrivate(cidr) || cidr.bits < 8) throw invalidField("ip_range", "must be a private network");
  if (cidr.bits > 24) throw invalidField("ip_range", "must be at least a /24");
}

function createNetwork(call: Call): Answer {
  const body = readBody(call, createBody);
  const { project, world } = call;
  requireNetworkRange(body.ip_range);
  requireFreeName(project.networks, body.name, "network");
  requireRoom(project, "networks", project.networks.size);
  const network: NetworkRow = {
    id: 0,
    name: body.name,
    labels: body.labels ?? {},
    created: world.now(),
    ipRange: body.ip_range,
    subnets: [],
    routes: [],
    addresses: new Map(),
    members: new Set(),
    protected: false,
    exposeRoutes: body.expose_routes_to_vswitch ?? false,
    changing: false,
  };
  for (const subnet of body.subnets ?? []) network.subnets.push(toSubnet(world, network, subnet));
  for (const route of body.routes ?? []) network.routes.push(requireNetworkRoute(network, route));
  network.id = world.nextId();
  project.networks.add(network);
  return answer(201, network);
}

/** Checks a new subnet against the network; without a range it gets the first free /24. */
export function toSubnet(world: World, network: NetworkRow, wish: z.infer<typeof subnetBody>): Subnet {
  if (network.subnets.length >= productLimits.subnetsPerNetwork)
    throw invalidField("subnets", "has too many subnets");
  if (!world.catalogue.locations.some((location) => location.network_zone === wish.network_zone)) {
    throw invalidField("network_zone", "is not a known network zone");
  }
  if ((wish.type === "vswitch") !== (wish.vswitch_id !== undefined && wish.vswitch_id !== null)) {
    throw invalidField("vswitch_id", "belongs to subnets of type vswitch");
  }
  // "One network zone per network" (facts.md section 3).
  if (network.subnets.some((subnet) => subnet.zone !== wish.network_zone)) {
    throw invalidField("network_zone", "all subnets must be in the same network zone");
  }
  const ipRange = wish.ip_range ?? firstFreeRange(network);
  if (ipRange === undefined) throw invalidField("ip_range", "no free range is left in the network");
  requireSubnetRange(network, ipRange);
  return { type: wish.type, ipRange, zone: wish.network_zone, vswitchId: wish.vswitch_id ?? null };
}

function requireSubnetRange(network: NetworkRow, text: string): void {
  const cidr = parseCidr(text);
  const outer = parseCidr(network.ipRange);
  if (cidr === undefined) throw invalidField("ip_range", "is not the start of the cidr block");
  if (cidr.bits > 30) throw invalidField("ip_range", "must be at least a /30");
  if (outer === undefined || !containsCidr(outer, cidr)) {
    throw invalidField("ip_range", "is not within the IP range of the network");
  }
  for (const subnet of network.subnets) {
    const other = parseCidr(subnet.ipRange);
    if (other !== undefined && overlaps(other, cidr))
      throw invalidField("ip_range", "overlaps with another subnet");
  }
}

export function requireNetworkRoute(
  network: NetworkRow,
  route: z.infer<typeof routeBody>,
): NetworkRow["routes"][number] {
  if (network.routes.length >= productLimits.routesPerNetwork)
    throw invalidField("routes", "has too many routes");
  if (parseCidr(route.destination) === undefined) {
    throw invalidField("destination", "is not the start of the cidr block");
  }
  if (parseIpv4(route.gateway) === undefined) throw invalidField("gateway", "is not an IPv4 address");
  if (network.routes.some((known) => known.destination === route.destination)) {
    throw invalidField("destination", "has a route already");
  }
  return route;
}

function updateNetwork(call: Call): Answer {
  const network = requireNetwork(call);
  const body = readBody(call, updateBody);
  requireUnchanging(network, "network");
  updateNameAndLabels(call.project.networks, network, body, "network");
  if (body.expose_routes_to_vswitch !== undefined) network.exposeRoutes = body.expose_routes_to_vswitch;
  return answer(200, network);
}

function deleteNetwork(call: Call): Answer {
  const network = requireNetwork(call);
  requireUnprotected(network.protected, "network");
  requireUnchanging(network, "network");
  removeNetwork(call.world, call.project, network);
  return { status: 204 };
}

/** Members are detached without being asked. */
export function removeNetwork(world: World, project: Project, network: NetworkRow): void {
  for (const id of network.members) {
    const server = project.servers.get(id);
    if (server) leaveNetwork(world, server, network);
  }
  project.networks.remove(network);
}

/** Gives the addresses back and takes the interface out of the machine. */
export function leaveNetwork(world: World, server: ServerRow, network: NetworkRow): void {
  const net = server.privateNets.get(network.id);
  if (net === undefined) return;
  for (const ip of [net.ip, ...net.aliasIps]) network.addresses.delete(ip);
  network.members.delete(server.id);
  server.privateNets.delete(network.id);
  if (server.hasMachine && world.machines !== undefined) {
    world.scheduler.track(world.machines.detachNetwork(server.id, net.ip));
  }
}

const memberTypes = ["server", "load_balancer"] as const;
const memberStatuses = ["ok", "attaching", "detaching", "updating", "error"] as const;

/** Since 2026-09-15: who has which address, also while the attachment is still being made. */
function listMembers(call: Call): Answer {
  const network = requireNetwork(call);
  const types = readList(call, "type", memberTypes);
  const statuses = readList(call, "status", memberStatuses);
  const subnets = call.query.getAll("subnet");
  const nets = [...network.members].flatMap((id): { id: number; net: PrivateNet }[] => {
    const net = call.project.servers.get(id)?.privateNets.get(network.id);
    return net === undefined ? [] : [{ id, net }];
  });
  const kept = nets.filter(
    ({ net }) =>
      (types.length === 0 || types.includes("server")) &&
      (statuses.length === 0 || statuses.includes(net.status)) &&
      (subnets.length === 0 || subnets.includes(net.subnet)),
  );
  return paginate(call, "members", kept, ({ id, net }) => ({
    type: "server",
    id,
    ip: net.ip,
    status: net.status,
    alias_ips: net.aliasIps,
    subnet: net.subnet,
  }));
}
