/** Actions on networks: subnets, routes, range, protection. One at a time: a second one gets 409 conflict. */
import { z } from "zod";
import { actionAnswer, startAction } from "./actions.ts";
import { containsAddress, parseCidr, parseIpv4 } from "./addresses.ts";
import { readBody } from "./bodies.ts";
import { ApiError, invalidField, notFound } from "./errors.ts";
import type { NetworkRow } from "./model.ts";
import {
  requireNetwork,
  requireNetworkRange,
  requireNetworkRoute,
  routeBody,
  subnetBody,
  toSubnet,
} from "./networks.ts";
import { requireUnchanging, type Answer, type Call, type Route } from "./world.ts";

const rangeBody = z.object({ ip_range: z.string() });
const protectionBody = z.object({ delete: z.boolean().optional() });

export const networkActionRoutes: Route[] = [
  { method: "POST", path: "/networks/:id/actions/add_subnet", handle: addSubnet },
  { method: "POST", path: "/networks/:id/actions/delete_subnet", handle: deleteSubnet },
  { method: "POST", path: "/networks/:id/actions/add_route", handle: addRoute },
  { method: "POST", path: "/networks/:id/actions/delete_route", handle: deleteRoute },
  { method: "POST", path: "/networks/:id/actions/change_ip_range", handle: changeRange },
  { method: "POST", path: "/networks/:id/actions/change_protection", handle: changeProtection },
];

/** `prepare` checks, and returns what happens when the action ends. */
function change(call: Call, command: string, prepare: (network: NetworkRow) => () => void): Answer {
  const network = requireNetwork(call);
  requireUnchanging(network, "network");
  const effect = prepare(network);
  network.changing = true;
  const action = startAction(call, { command, resources: [{ id: network.id, type: "network" }], effect });
  action.whenEnded.push(() => {
    network.changing = false;
  });
  return actionAnswer(call, action);
}

function addSubnet(call: Call): Answer {
  return change(call, "add_subnet", (network) => {
    const subnet = toSubnet(call.world, network, readBody(call, subnetBody));
    return () => void network.subnets.push(subnet);
  });
}

/** The words matter: the official provider retries on "servers are attached". */
function deleteSubnet(call: Call): Answer {
  return change(call, "delete_subnet", (network) => {
    const { ip_range: range } = readBody(call, rangeBody);
    const cidr = parseCidr(range);
    if (cidr === undefined || !network.subnets.some((subnet) => subnet.ipRange === range)) {
      throw notFound("subnet", range);
    }
    for (const ip of network.addresses.keys()) {
      const address = parseIpv4(ip);
      if (address !== undefined && containsAddress(cidr, address)) {
        throw new ApiError("service_error", "cannot remove subnet because servers are attached to it");
      }
    }
    return () => {
      network.subnets = network.subnets.filter((subnet) => subnet.ipRange !== range);
    };
  });
}

function addRoute(call: Call): Answer {
  return change(call, "add_route", (network) => {
    const route = requireNetworkRoute(network, readBody(call, routeBody));
    return () => void network.routes.push(route);
  });
}

function deleteRoute(call: Call): Answer {
  return change(call, "delete_route", (network) => {
    const { destination, gateway } = readBody(call, routeBody);
    const matches = (route: NetworkRow["routes"][number]): boolean =>
      route.destination === destination && route.gateway === gateway;
    if (!network.routes.some(matches)) throw notFound("route", destination);
    return () => {
      network.routes = network.routes.filter((route) => !matches(route));
    };
  });
}

/** Only a wider mask on the same first address. */
function changeRange(call: Call): Answer {
  return change(call, "change_ip_range", (network) => {
    const { ip_range: range } = readBody(call, rangeBody);
    requireNetworkRange(range);
    const [before, after] = [parseCidr(network.ipRange), parseCidr(range)];
    if (
      before === undefined ||
      after === undefined ||
      after.base !== before.base ||
      after.bits > before.bits
    ) {
      throw invalidField("ip_range", "can only be extended");
    }
    return () => {
      network.ipRange = range;
    };
  });
}

function changeProtection(call: Call): Answer {
  return change(call, "change_protection", (network) => {
    const body = readBody(call, protectionBody);
    return () => {
      if (body.delete !== undefined) network.protected = body.delete;
    };
  });
}
