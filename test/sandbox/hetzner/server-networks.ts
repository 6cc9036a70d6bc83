/** Servers in private networks: attach, detach, alias addresses. */
import { z } from "zod";
import type { ActionRow } from "./action-log.ts";
import { actionAnswer, startAction } from "./actions.ts";
import { idField, readBody } from "./bodies.ts";
import { notFound } from "./errors.ts";
import type { NetworkRow, PrivateNet, ServerRow } from "./model.ts";
import { checkAliases, chooseAddresses, type AddressWish } from "./network-addresses.ts";
import { leaveNetwork } from "./networks.ts";
import { requireById, requireRow } from "./resources.ts";
import { requireUnlocked, type Answer, type Call, type Route } from "./world.ts";

const attachBody = z.object({
  network: idField,
  ip: z.string().nullish(),
  alias_ips: z.array(z.string()).nullish(),
  ip_range: z.string().nullish(),
});
const detachBody = z.object({ network: idField });
const aliasBody = z.object({ network: idField, alias_ips: z.array(z.string()) });

export const serverNetworkRoutes: Route[] = [
  { method: "POST", path: "/servers/:id/actions/attach_to_network", handle: attach },
  { method: "POST", path: "/servers/:id/actions/detach_from_network", handle: detach },
  { method: "POST", path: "/servers/:id/actions/change_alias_ips", handle: changeAliases },
];

function attach(call: Call): Answer {
  const server = requireRow(call, call.project.servers, "server");
  const body = readBody(call, attachBody);
  const network = requireById(call.project.networks, body.network, "network");
  requireUnlocked(server);
  const wish: AddressWish = {
    ip: body.ip ?? undefined,
    aliasIps: body.alias_ips ?? [],
    ipRange: body.ip_range ?? undefined,
  };
  return actionAnswer(call, startAttach(call, server, network, wish));
}

/** The addresses are taken at once, so that two orders at the same time never get the same one. */
export function startAttach(
  call: Call,
  server: ServerRow,
  network: NetworkRow,
  wish: AddressWish,
  after?: ActionRow,
): ActionRow {
  const choice = chooseAddresses(network, server, wish);
  const net: PrivateNet = { ...choice, network, mac: toMac(call), status: "attaching" };
  for (const ip of [net.ip, ...net.aliasIps]) network.addresses.set(ip, server.id);
  network.members.add(server.id);
  server.privateNets.set(network.id, net);
  return startAction(call, {
    command: "attach_to_network",
    resources: toResources(server, network),
    locks: [server],
    ...(after === undefined ? {} : { after }),
    effect: () => {
      net.status = "ok";
      // A machine that is not made yet gets the address when it is.
      return server.hasMachine ? call.world.machines?.attachNetwork(server.id, net.ip) : undefined;
    },
    undo: () => leaveNetwork(call.world, server, network),
  });
}

function toMac(call: Call): string {
  return `86:00:00:${call.world.random.hex(6).replace(/..(?!$)/g, "$&:")}`;
}

function toResources(server: ServerRow, network: NetworkRow): ActionRow["resources"] {
  return [
    { id: server.id, type: "server" },
    { id: network.id, type: "network" },
  ];
}

/** 404 when the server is not in the network: clients take that as done. */
function requireNet(call: Call, server: ServerRow, networkId: number): PrivateNet {
  const network = requireById(call.project.networks, networkId, "network");
  const net = server.privateNets.get(network.id);
  if (net === undefined) throw notFound("server network", networkId);
  return net;
}

function detach(call: Call): Answer {
  const server = requireRow(call, call.project.servers, "server");
  const net = requireNet(call, server, readBody(call, detachBody).network);
  requireUnlocked(server);
  net.status = "detaching";
  const action = startAction(call, {
    command: "detach_from_network",
    resources: toResources(server, net.network),
    locks: [server],
    effect: () => leaveNetwork(call.world, server, net.network),
    undo: () => {
      net.status = "ok";
    },
  });
  return actionAnswer(call, action);
}

function changeAliases(call: Call): Answer {
  const server = requireRow(call, call.project.servers, "server");
  const body = readBody(call, aliasBody);
  const net = requireNet(call, server, body.network);
  requireUnlocked(server);
  const before = net.aliasIps;
  const wanted = checkAliases(net.network, server.id, body.alias_ips, net.ip);
  for (const ip of wanted) net.network.addresses.set(ip, server.id);
  net.status = "updating";
  const settle = (kept: string[], dropped: string[]): void => {
    for (const ip of dropped) if (!kept.includes(ip)) net.network.addresses.delete(ip);
    net.aliasIps = kept;
    net.status = "ok";
  };
  const action = startAction(call, {
    command: "change_alias_ips",
    resources: toResources(server, net.network),
    locks: [server],
    effect: () => settle(wanted, before),
    undo: () => settle(before, wanted),
  });
  return actionAnswer(call, action);
}
