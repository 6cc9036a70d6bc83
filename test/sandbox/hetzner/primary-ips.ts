/** Primary IPs: the public addresses of servers, also those that are made and deleted with them. */
import { z } from "zod";
import { actionAnswer, startAction, viewAction } from "./actions.ts";
import { idField, idOrNameField, labelsField, nameField, readBody } from "./bodies.ts";
import { requireLocation } from "./catalogue.ts";
import { ApiError, invalidField } from "./errors.ts";
import type { Location, PrimaryIpRow, ServerRow } from "./model.ts";
import { listRows, sortFields } from "./paging.ts";
import { changePointer } from "./pointers.ts";
import {
  requireById,
  requireFreeName,
  requireRow,
  requireUnprotected,
  updateNameAndLabels,
} from "./resources.ts";
import { toPrimaryIpView } from "./views.ts";
import {
  requireRoom,
  requireUnlocked,
  type Answer,
  type Call,
  type Project,
  type Route,
  type World,
} from "./world.ts";

const createBody = z.object({
  name: nameField,
  type: z.enum(["ipv4", "ipv6"]),
  labels: labelsField.optional(),
  location: idOrNameField.optional(),
  assignee_type: z.enum(["server", "unassigned"]).optional(),
  assignee_id: idField.nullish(),
  auto_delete: z.boolean().optional(),
});
const updateBody = z.object({
  name: nameField.optional(),
  labels: labelsField.optional(),
  auto_delete: z.boolean().optional(),
});
const assignBody = z.object({ assignee_id: idField, assignee_type: z.literal("server") });
const protectionBody = z.object({ delete: z.boolean() });

export const primaryIpRoutes: Route[] = [
  { method: "GET", path: "/primary_ips", handle: listPrimaryIps },
  { method: "POST", path: "/primary_ips", handle: createPrimaryIp },
  { method: "GET", path: "/primary_ips/:id", handle: (call) => answer(requirePrimaryIp(call)) },
  { method: "PUT", path: "/primary_ips/:id", handle: updatePrimaryIp },
  { method: "DELETE", path: "/primary_ips/:id", handle: deletePrimaryIp },
  { method: "POST", path: "/primary_ips/:id/actions/assign", handle: assign },
  { method: "POST", path: "/primary_ips/:id/actions/unassign", handle: unassign },
  { method: "POST", path: "/primary_ips/:id/actions/change_protection", handle: changeProtection },
  {
    method: "POST",
    path: "/primary_ips/:id/actions/change_dns_ptr",
    handle: (call) => {
      const row = requirePrimaryIp(call);
      return changePointer(call, [row], { id: row.id, type: "primary_ip" });
    },
  },
];

function requirePrimaryIp(call: Call): PrimaryIpRow {
  return requireRow(call, call.project.primaryIps, "primary_ip");
}

function answer(row: PrimaryIpRow): Answer {
  return { status: 200, body: { primary_ip: toPrimaryIpView(row) } };
}

function listPrimaryIps(call: Call): Answer {
  const ip = call.query.get("ip");
  return listRows(call, {
    key: "primary_ips",
    table: call.project.primaryIps,
    sort: sortFields.idCreated,
    view: toPrimaryIpView,
    keep: (row) => ip === null || row.ip === ip,
  });
}

export type PrimaryIpSpec = {
  type: "ipv4" | "ipv6";
  location: Location;
  name?: string;
  labels?: Record<string, string>;
  autoDelete: boolean;
};

/** Without a name it gets one from its id, like those that come with a server. */
export function addPrimaryIp(world: World, project: Project, spec: PrimaryIpSpec): PrimaryIpRow {
  const id = world.nextId();
  return project.primaryIps.add({
    id,
    name: spec.name ?? `primary_ip-${id}`,
    labels: spec.labels ?? {},
    created: world.now(),
    type: spec.type,
    ip: spec.type === "ipv4" ? world.addresses.takeIpv4() : world.addresses.takeIpv6(),
    location: spec.location,
    server: null,
    autoDelete: spec.autoDelete,
    protected: false,
    dnsPtr: new Map(),
  });
}

export function removePrimaryIp(world: World, project: Project, row: PrimaryIpRow): void {
  project.primaryIps.remove(row);
  world.addresses.release(row.ip);
}

function createPrimaryIp(call: Call): Answer {
  const body = readBody(call, createBody);
  const { project, world } = call;
  const server =
    body.assignee_id === undefined || body.assignee_id === null
      ? undefined
      : requireById(project.servers, body.assignee_id, "server");
  if ((server === undefined) === (body.location === undefined)) {
    throw invalidField("location", "exactly one of location and assignee_id must be given");
  }
  const location = server?.location ?? requireLocation(world.catalogue, body.location ?? "");
  requireFreeName(project.primaryIps, body.name, "primary IP");
  requireRoom(project, "primaryIps", project.primaryIps.size);
  if (server !== undefined) requireAssignable(server, body.type);
  const row = addPrimaryIp(world, project, {
    type: body.type,
    location,
    name: body.name,
    labels: body.labels ?? {},
    autoDelete: body.auto_delete ?? false,
  });
  if (server !== undefined) attach(row, server);
  const action = startAction(call, {
    command: "create_primary_ip",
    resources: [{ id: row.id, type: "primary_ip" }],
  });
  return { status: 201, body: { primary_ip: toPrimaryIpView(row), action: viewAction(call, action) } };
}

function requireAssignable(server: ServerRow, type: "ipv4" | "ipv6"): void {
  requireUnlocked(server);
  if (server.status !== "off") throw new ApiError("server_not_stopped", "server must be powered off");
  if (server[type] !== null) {
    throw new ApiError(`server_has_${type}`, `the server already has an ${type} address`);
  }
}

function attach(row: PrimaryIpRow, server: ServerRow): void {
  row.server = server;
  server[row.type] = row;
}

function updatePrimaryIp(call: Call): Answer {
  const row = requirePrimaryIp(call);
  const body = readBody(call, updateBody);
  if (body.auto_delete === true && row.protected) {
    throw invalidField("auto_delete", "must be false while the primary IP is protected");
  }
  updateNameAndLabels(call.project.primaryIps, row, body, "primary IP");
  if (body.auto_delete !== undefined) row.autoDelete = body.auto_delete;
  return answer(row);
}

function deletePrimaryIp(call: Call): Answer {
  const row = requirePrimaryIp(call);
  requireUnprotected(row.protected, "primary IP");
  if (row.server !== null) throw new ApiError("must_be_unassigned", "primary IP must be unassigned first");
  removePrimaryIp(call.world, call.project, row);
  return { status: 204 };
}

function assign(call: Call): Answer {
  const row = requirePrimaryIp(call);
  const body = readBody(call, assignBody);
  const server = requireById(call.project.servers, body.assignee_id, "server");
  if (row.server !== null) {
    throw new ApiError("primary_ip_already_assigned", "primary IP is already assigned to a server");
  }
  if (row.location !== server.location) {
    throw new ApiError("primary_ip_datacenter_mismatch", "primary IP is in a different location");
  }
  requireAssignable(server, row.type);
  const action = startAction(call, {
    command: "assign_primary_ip",
    resources: [
      { id: row.id, type: "primary_ip" },
      { id: server.id, type: "server" },
    ],
    locks: [server],
    effect: () => attach(row, server),
  });
  return actionAnswer(call, action);
}

function unassign(call: Call): Answer {
  const row = requirePrimaryIp(call);
  const server = row.server;
  if (server !== null) {
    requireUnlocked(server);
    if (server.status !== "off") throw new ApiError("server_not_stopped", "server must be powered off");
  }
  const action = startAction(call, {
    command: "unassign_primary_ip",
    resources: [
      { id: row.id, type: "primary_ip" },
      ...(server === null ? [] : [{ id: server.id, type: "server" as const }]),
    ],
    locks: server === null ? [] : [server],
    effect: () => detachPrimaryIp(row),
  });
  return actionAnswer(call, action);
}

export function detachPrimaryIp(row: PrimaryIpRow): void {
  if (row.server?.[row.type] === row) row.server[row.type] = null;
  row.server = null;
}

function changeProtection(call: Call): Answer {
  const row = requirePrimaryIp(call);
  const body = readBody(call, protectionBody);
  if (body.delete && row.autoDelete) {
    throw invalidField("delete", "auto_delete must be false for a protected primary IP");
  }
  const action = startAction(call, {
    command: "change_protection",
    resources: [{ id: row.id, type: "primary_ip" }],
    effect: () => {
      row.protected = body.delete;
    },
  });
  return actionAnswer(call, action);
}
