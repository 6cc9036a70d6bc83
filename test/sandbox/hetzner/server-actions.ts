/** Actions of servers that are neither power nor networks. */
import { z } from "zod";
import { actionAnswer, startAction, viewAction } from "./actions.ts";
import { idField, idOrNameField, labelsField, readBody } from "./bodies.ts";
import { findNamed, requireOffer, requireServerType } from "./catalogue.ts";
import { ApiError, notFound } from "./errors.ts";
import type { ServerRow } from "./model.ts";
import { requireSeat } from "./placement-groups.ts";
import { changePointer } from "./pointers.ts";
import { rebuildMachine, startMachine, withMachine } from "./power.ts";
import { requireById } from "./resources.ts";
import { startImage } from "./server-images.ts";
import { requireBootable, requireCapacity, requireUserData } from "./server-order.ts";
import { removeBackups } from "./server-removal.ts";
import { requireServer } from "./servers.ts";
import { requireUnlocked, type Answer, type Call, type Route } from "./world.ts";

const rebuildBody = z.object({ image: idOrNameField, user_data: z.string().nullish() });
const typeBody = z.object({ server_type: idOrNameField, upgrade_disk: z.boolean() });
const imageBody = z.object({
  description: z.string().max(255, "is too long").nullish(),
  type: z.enum(["snapshot", "backup"]).nullish(),
  labels: labelsField.nullish(),
});
const protectionBody = z.object({ delete: z.boolean().optional(), rebuild: z.boolean().optional() });
const groupBody = z.object({ placement_group: idField });
const rescueBody = z.object({ type: z.literal("linux64").nullish(), ssh_keys: z.array(idField).nullish() });
const isoBody = z.object({ iso: idOrNameField });

const RESCUE_MS = 60 * 60 * 1000;
/** Hetzner chooses the window. */
const BACKUP_WINDOW = "22-02";

const handlers: Record<string, (call: Call, server: ServerRow) => Answer> = {
  rebuild,
  change_type: changeType,
  create_image: (call, server) => {
    const body = readBody(call, imageBody);
    return startImage(call, server, {
      type: body.type ?? "snapshot",
      description: body.description ?? server.name,
      labels: body.labels ?? {},
    });
  },
  enable_backup: (call, server) =>
    simple(call, server, "enable_backup", () => {
      server.backupWindow ??= BACKUP_WINDOW;
    }),
  disable_backup: (call, server) =>
    simple(call, server, "disable_backup", () => {
      server.backupWindow = null;
      removeBackups(call.world, call.project, server);
    }),
  enable_rescue: enableRescue,
  disable_rescue: (call, server) =>
    simple(call, server, "disable_rescue", () => {
      server.rescueUntil = null;
    }),
  attach_iso: attachIso,
  detach_iso: (call, server) =>
    simple(
      call,
      server,
      "detach_iso",
      () => {
        server.iso = null;
      },
      server.iso === null,
    ),
  add_to_placement_group: addToGroup,
  remove_from_placement_group: (call, server) =>
    simple(call, server, "remove_from_placement_group", () => {
      server.placementGroup?.servers.delete(server.id);
      server.placementGroup = null;
    }),
  reset_password: (call, server) => {
    requireUnlocked(server);
    if (server.status !== "running") throw new ApiError("unsupported_error", "server must be running");
    return withPassword(call, server, "reset_password");
  },
};

/** These change nothing that a running action could disturb: they work on a locked server too. */
const lockless: typeof handlers = {
  change_protection: changeProtection,
  change_dns_ptr: (call, server) => {
    const addresses = [server.ipv4, server.ipv6].filter((row) => row !== null);
    return changePointer(call, addresses, { id: server.id, type: "server" });
  },
  request_console: (call, server) => {
    const action = startAction(call, { command: "request_console", resources: refs(server) });
    const password = call.world.random.hex(9);
    const wssUrl = `wss://console.hetzner.cloud/?server_id=${server.id}&token=${call.world.random.hex(32)}`;
    return { status: 201, body: { wss_url: wssUrl, password, action: viewAction(call, action) } };
  },
};

export const serverActionRoutes: Route[] = [
  ...toRoutes(handlers, (server) => requireUnlocked(server)),
  ...toRoutes(lockless, () => {}),
];

function toRoutes(table: typeof handlers, check: (server: ServerRow) => void): Route[] {
  return Object.entries(table).map(([name, handle]) => ({
    method: "POST",
    path: `/servers/:id/actions/${name}`,
    handle: (call) => {
      const server = requireServer(call);
      check(server);
      return handle(call, server);
    },
  }));
}

function refs(server: ServerRow): { id: number; type: "server" }[] {
  return [{ id: server.id, type: "server" }];
}

function simple(
  call: Call,
  server: ServerRow,
  command: string,
  effect: () => void,
  immediate = false,
): Answer {
  return actionAnswer(
    call,
    startAction(call, { command, resources: refs(server), locks: [server], effect, immediate }),
  );
}

function withPassword(call: Call, server: ServerRow, command: string): Answer {
  const action = startAction(call, { command, resources: refs(server), locks: [server] });
  return {
    status: 201,
    body: { root_password: call.world.random.hex(20), action: viewAction(call, action) },
  };
}

/** Same id and addresses, new disk; the server is powered off for it and runs afterwards. */
function rebuild(call: Call, server: ServerRow): Answer {
  const body = readBody(call, rebuildBody);
  if (server.rebuildProtected) throw new ApiError("protected", "server rebuild is protected");
  const image = requireBootable(call, body.image, server.serverType, server.primaryDiskGb);
  const userData = body.user_data ?? server.userData;
  requireUserData(userData);
  const before = server.status;
  server.status = "rebuilding";
  const action = startAction(call, {
    command: "rebuild_server",
    resources: refs(server),
    locks: [server],
    effect: () => {
      server.image = image;
      server.userData = userData;
      return withMachine(
        call.world,
        () => rebuildMachine(call.world, server),
        () => {
          server.status = "running";
        },
      );
    },
    undo: () => {
      server.status = before;
    },
  });
  const password = server.sshKeys.length > 0 ? null : call.world.random.hex(20);
  return { status: 201, body: { root_password: password, action: viewAction(call, action) } };
}

/** Needs the server off and starts it again; a grown disk never shrinks. */
function changeType(call: Call, server: ServerRow): Answer {
  const body = readBody(call, typeBody);
  const type = requireServerType(call.world.catalogue, body.server_type);
  if (server.status !== "off") throw new ApiError("server_not_stopped", "server must be powered off");
  const unfit =
    type === server.serverType ||
    type.architecture !== server.serverType.architecture ||
    type.diskGb < server.primaryDiskGb ||
    type.deprecatedAt !== undefined;
  if (unfit) throw new ApiError("invalid_server_type", "the server type does not fit for the given server");
  requireCapacity(call, type, server.location, requireOffer(type, server.location).available);
  server.status = "migrating";
  const action = startAction(call, {
    command: "change_server_type",
    resources: refs(server),
    locks: [server],
    effect: () => {
      server.serverType = type;
      if (body.upgrade_disk) server.primaryDiskGb = type.diskGb;
      return withMachine(
        call.world,
        () => startMachine(call.world, server),
        () => {
          server.status = "running";
        },
      );
    },
    undo: () => {
      server.status = "off";
    },
  });
  return actionAnswer(call, action);
}

/** On until the next boot, at most for an hour; it boots nothing itself. */
function enableRescue(call: Call, server: ServerRow): Answer {
  const body = readBody(call, rescueBody);
  for (const id of body.ssh_keys ?? []) requireById(call.project.sshKeys, id, "ssh_key");
  const until = new Date(call.world.now().getTime() + RESCUE_MS);
  const action = startAction(call, {
    command: "enable_rescue",
    resources: refs(server),
    locks: [server],
    effect: () => {
      server.rescueUntil = until;
    },
  });
  return {
    status: 201,
    body: { root_password: call.world.random.hex(20), action: viewAction(call, action) },
  };
}

function attachIso(call: Call, server: ServerRow): Answer {
  const { iso: wanted } = readBody(call, isoBody);
  const iso = findNamed(call.world.catalogue.isos, wanted);
  if (iso === undefined) throw notFound("iso", wanted);
  return simple(call, server, "attach_iso", () => {
    server.iso = iso;
  });
}

function addToGroup(call: Call, server: ServerRow): Answer {
  const body = readBody(call, groupBody);
  const group = requireById(call.project.placementGroups, body.placement_group, "placement_group");
  if (server.placementGroup !== null) {
    throw new ApiError("already_in_placement_group", "the server is already part of a placement group");
  }
  if (server.status !== "off") throw new ApiError("server_not_stopped", "server must be powered off");
  requireSeat(group);
  return simple(call, server, "add_to_placement_group", () => {
    server.placementGroup = group;
    group.servers.add(server.id);
  });
}

function changeProtection(call: Call, server: ServerRow): Answer {
  const body = readBody(call, protectionBody);
  const action = startAction(call, {
    command: "change_protection",
    resources: refs(server),
    effect: () => {
      server.deleteProtected = body.delete ?? server.deleteProtected;
      server.rebuildProtected = body.rebuild ?? server.rebuildProtected;
    },
  });
  return actionAnswer(call, action);
}
