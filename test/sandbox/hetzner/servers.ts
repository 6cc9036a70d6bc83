/** Servers: create, list, get, update, delete. */
import { z } from "zod";
import type { ActionRow } from "./action-log.ts";
import { startAction, viewAction } from "./actions.ts";
import { hostNameField, labelsField, readBody } from "./bodies.ts";
import { applyToServer, confirmFirewall, followLabels } from "./firewall-members.ts";
import { serverStatuses, type ServerRow } from "./model.ts";
import { listRows, readList, sortFields } from "./paging.ts";
import { destroyMachine, startMachine, withMachine } from "./power.ts";
import { addPrimaryIp } from "./primary-ips.ts";
import { requireRow, requireUnprotected, updateNameAndLabels } from "./resources.ts";
import { startAttach } from "./server-networks.ts";
import { readServerOrder, type ServerOrder } from "./server-order.ts";
import { removeServer } from "./server-removal.ts";
import { toServerView } from "./views.ts";
import { attachVolume } from "./volumes.ts";
import { requireUnlocked, type Answer, type Call, type Route } from "./world.ts";

const updateBody = z.object({ name: hostNameField.optional(), labels: labelsField.optional() });

export const serverRoutes: Route[] = [
  { method: "GET", path: "/servers", handle: listServers },
  { method: "POST", path: "/servers", handle: createServer },
  { method: "GET", path: "/servers/:id", handle: (call) => answer(call, requireServer(call)) },
  { method: "PUT", path: "/servers/:id", handle: updateServer },
  { method: "DELETE", path: "/servers/:id", handle: deleteServer },
];

export function requireServer(call: Call): ServerRow {
  return requireRow(call, call.project.servers, "server");
}

function view(call: Call, server: ServerRow): object {
  return toServerView(server, call.world.catalogue, call.world.now());
}

function answer(call: Call, server: ServerRow): Answer {
  return { status: 200, body: { server: view(call, server) } };
}

function listServers(call: Call): Answer {
  const statuses = readList(call, "status", serverStatuses);
  const now = call.world.now();
  return listRows<ServerRow>(call, {
    key: "servers",
    table: call.project.servers,
    sort: sortFields.idNameCreated,
    view: (server) => toServerView(server, call.world.catalogue, now),
    ...(statuses.length === 0 ? {} : { keep: (server) => statuses.includes(server.status) }),
  });
}

function createServer(call: Call): Answer {
  const order = readServerOrder(call);
  const { project, world } = call;
  const server = project.servers.add(toRow(call, order));
  for (const [type, wish] of [
    ["ipv4", order.ipv4],
    ["ipv6", order.ipv6],
  ] as const) {
    if (!wish.wanted) continue;
    const spec = { type, location: order.location, autoDelete: true };
    const row = wish.existing ?? addPrimaryIp(world, project, spec);
    row.server = server;
    server[type] = row;
  }
  order.placementGroup?.servers.add(server.id);
  for (const firewall of order.firewalls) applyToServer(firewall, server);
  followLabels(project, server);
  const create = startAction(call, {
    command: "create_server",
    resources: [{ id: server.id, type: "server" }],
    locks: [server],
    effect: () => {
      server.status = "off";
      for (const firewall of order.firewalls) confirmFirewall(firewall, server);
    },
  });
  // A server whose creation failed stays there, switched off.
  create.whenEnded.push((action) => {
    if (action.status === "error") server.status = "off";
  });
  const next = startNext(call, order, server, create);
  return {
    status: 201,
    body: {
      server: view(call, server),
      action: viewAction(call, create),
      next_actions: next.map((action) => viewAction(call, action)),
      root_password: order.sshKeys.length > 0 ? null : world.random.hex(20),
    },
  };
}

function toRow(call: Call, order: ServerOrder): ServerRow {
  return {
    id: call.world.nextId(),
    name: order.name,
    labels: order.labels,
    created: call.world.now(),
    status: "initializing",
    serverType: order.type,
    location: order.location,
    image: order.image,
    userData: order.userData,
    sshKeys: order.sshKeys.map((key) => key.publicKey),
    primaryDiskGb: order.type.diskGb,
    ipv4: null,
    ipv6: null,
    privateNets: new Map(),
    firewalls: new Map(),
    volumes: new Set(),
    placementGroup: order.placementGroup,
    backupWindow: null,
    rescueUntil: null,
    iso: null,
    deleteProtected: false,
    rebuildProtected: false,
    locks: 0,
    hasMachine: false,
    removed: false,
  };
}

/** One after the other: networks, volumes, power. */
function startNext(call: Call, order: ServerOrder, server: ServerRow, create: ActionRow): ActionRow[] {
  const actions: ActionRow[] = [];
  const last = (): ActionRow => actions.at(-1) ?? create;
  for (const network of order.networks)
    actions.push(startAttach(call, server, network, { aliasIps: [] }, last()));
  for (const volume of order.volumes) actions.push(attachVolume(call, volume, server, last()));
  if (!order.start) return actions;
  const start = startAction(call, {
    command: "start_server",
    resources: [{ id: server.id, type: "server" }],
    locks: [server],
    after: last(),
    effect: () => {
      server.status = "starting";
      return withMachine(
        call.world,
        () => startMachine(call.world, server),
        () => {
          server.status = "running";
        },
      );
    },
  });
  start.whenEnded.push((action) => {
    if (action.status === "error") server.status = "off";
  });
  actions.push(start);
  return actions;
}

function updateServer(call: Call): Answer {
  const server = requireServer(call);
  const body = readBody(call, updateBody);
  updateNameAndLabels(call.project.servers, server, body, "server");
  if (body.labels !== undefined) followLabels(call.project, server);
  return answer(call, server);
}

function deleteServer(call: Call): Answer {
  const server = requireServer(call);
  requireUnlocked(server);
  requireUnprotected(server.deleteProtected, "server");
  const before = server.status;
  server.status = "deleting";
  const action = startAction(call, {
    command: "delete_server",
    resources: [{ id: server.id, type: "server" }],
    locks: [server],
    effect: () =>
      withMachine(
        call.world,
        () => destroyMachine(call.world, server),
        () => removeServer(call.world, call.project, server),
      ),
    undo: () => {
      server.status = before;
    },
  });
  return { status: 200, body: { action: viewAction(call, action) } };
}
