/** Volumes: created, attached, detached, grown, deleted. They hold no data. */
import { z } from "zod";
import type { ActionRow } from "./action-log.ts";
import { actionAnswer, startAction, viewAction } from "./actions.ts";
import { idField, idOrNameField, labelsField, readBody } from "./bodies.ts";
import { requireLocation } from "./catalogue.ts";
import { ApiError, invalidField } from "./errors.ts";
import { productLimits } from "./limits.ts";
import type { ServerRow, VolumeRow } from "./model.ts";
import { listRows, readList, sortFields } from "./paging.ts";
import {
  requireById,
  requireFreeName,
  requireRow,
  requireUnprotected,
  updateNameAndLabels,
} from "./resources.ts";
import { toVolumeView } from "./views.ts";
import { requireRoom, requireUnlocked, type Answer, type Call, type Route } from "./world.ts";

const volumeName = z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/, "is not a valid name");
const size = z.int().min(productLimits.volumeMinGb).max(productLimits.volumeMaxGb);
const createBody = z.object({
  name: volumeName,
  size,
  labels: labelsField.optional(),
  automount: z.boolean().optional(),
  format: z.enum(["ext4", "xfs"]).optional(),
  location: idOrNameField.optional(),
  server: idField.optional(),
});
const updateBody = z.object({ name: volumeName.optional(), labels: labelsField.optional() });
const attachBody = z.object({ server: idField, automount: z.boolean().optional() });
const protectionBody = z.object({ delete: z.boolean().optional() });
const resizeBody = z.object({ size });

export const volumeRoutes: Route[] = [
  { method: "GET", path: "/volumes", handle: listVolumes },
  { method: "POST", path: "/volumes", handle: createVolume },
  { method: "GET", path: "/volumes/:id", handle: (call) => answer(requireVolume(call)) },
  { method: "PUT", path: "/volumes/:id", handle: updateVolume },
  { method: "DELETE", path: "/volumes/:id", handle: deleteVolume },
  { method: "POST", path: "/volumes/:id/actions/attach", handle: attach },
  { method: "POST", path: "/volumes/:id/actions/detach", handle: detach },
  { method: "POST", path: "/volumes/:id/actions/resize", handle: resize },
  { method: "POST", path: "/volumes/:id/actions/change_protection", handle: changeProtection },
];

function requireVolume(call: Call): VolumeRow {
  return requireRow(call, call.project.volumes, "volume");
}

function answer(volume: VolumeRow): Answer {
  return { status: 200, body: { volume: toVolumeView(volume) } };
}

function listVolumes(call: Call): Answer {
  const statuses = readList(call, "status", ["creating", "available"]);
  return listRows(call, {
    key: "volumes",
    table: call.project.volumes,
    sort: sortFields.idNameCreated,
    view: toVolumeView,
    keep: (volume) => statuses.length === 0 || statuses.includes(volume.status),
  });
}

function createVolume(call: Call): Answer {
  const body = readBody(call, createBody);
  const { project, world } = call;
  const server = body.server === undefined ? undefined : requireById(project.servers, body.server, "server");
  if (server === undefined && body.location === undefined) {
    throw invalidField("location", "either location or server must be given");
  }
  const location = server?.location ?? requireLocation(world.catalogue, body.location ?? "");
  if (body.automount === true && (server === undefined || body.format === undefined)) {
    throw invalidField("automount", "needs a server and a format");
  }
  requireFreeName(project.volumes, body.name, "volume");
  requireRoom(project, "volumes", project.volumes.size);
  if (server !== undefined) requireSlot(server);
  const volume = project.volumes.add({
    id: world.nextId(),
    name: body.name,
    labels: body.labels ?? {},
    created: world.now(),
    status: "creating",
    sizeGb: body.size,
    location,
    server: null,
    format: body.format ?? null,
    protected: false,
  });
  const create = startAction(call, {
    command: "create_volume",
    resources: [
      { id: volume.id, type: "volume" },
      ...(server === undefined ? [] : [{ id: server.id, type: "server" as const }]),
    ],
    effect: () => {
      volume.status = "available";
    },
    undo: () => project.volumes.remove(volume),
  });
  const next = server === undefined ? [] : [attachVolume(call, volume, server, create)];
  return {
    status: 201,
    body: {
      volume: toVolumeView(volume),
      action: viewAction(call, create),
      next_actions: next.map((action) => viewAction(call, action)),
    },
  };
}

export function requireSlot(server: ServerRow): void {
  if (server.volumes.size < productLimits.volumesPerServer) return;
  throw new ApiError("invalid_input", "server has the maximum number of volumes", {
    fields: [{ name: "server", messages: ["has the maximum number of volumes"] }],
  });
}

export function attachVolume(call: Call, volume: VolumeRow, server: ServerRow, after?: ActionRow): ActionRow {
  volume.server = server;
  return startAction(call, {
    command: "attach_volume",
    resources: [
      { id: server.id, type: "server" },
      { id: volume.id, type: "volume" },
    ],
    locks: [server],
    ...(after === undefined ? {} : { after }),
    effect: () => void server.volumes.add(volume.id),
    undo: () => detachVolume(volume),
  });
}

export function detachVolume(volume: VolumeRow): void {
  volume.server?.volumes.delete(volume.id);
  volume.server = null;
}

function attach(call: Call): Answer {
  const volume = requireVolume(call);
  const body = readBody(call, attachBody);
  const server = requireById(call.project.servers, body.server, "server");
  if (volume.server !== null) {
    throw new ApiError("volume_already_attached", "volume is already attached to a server");
  }
  if (volume.location !== server.location) throw invalidField("server", "is in a different location");
  requireUnlocked(server);
  requireSlot(server);
  return actionAnswer(call, attachVolume(call, volume, server));
}

/** Asking for what is already so is answered with an action that succeeds. */
function detach(call: Call): Answer {
  const volume = requireVolume(call);
  const server = volume.server;
  if (server !== null) requireUnlocked(server);
  const action = startAction(call, {
    command: "detach_volume",
    resources: [
      ...(server === null ? [] : [{ id: server.id, type: "server" as const }]),
      { id: volume.id, type: "volume" },
    ],
    locks: server === null ? [] : [server],
    effect: () => detachVolume(volume),
  });
  return actionAnswer(call, action);
}

function resize(call: Call): Answer {
  const volume = requireVolume(call);
  const body = readBody(call, resizeBody);
  if (body.size <= volume.sizeGb) throw invalidField("size", "must be greater than the current size");
  const action = startAction(call, {
    command: "resize_volume",
    resources: [{ id: volume.id, type: "volume" }],
    effect: () => {
      volume.sizeGb = body.size;
    },
  });
  return actionAnswer(call, action);
}

function updateVolume(call: Call): Answer {
  const volume = requireVolume(call);
  updateNameAndLabels(call.project.volumes, volume, readBody(call, updateBody), "volume");
  return answer(volume);
}

function deleteVolume(call: Call): Answer {
  const volume = requireVolume(call);
  requireUnprotected(volume.protected, "volume");
  if (volume.server !== null) throw new ApiError("resource_in_use", "volume is attached to a server");
  call.project.volumes.remove(volume);
  return { status: 204 };
}

function changeProtection(call: Call): Answer {
  const volume = requireVolume(call);
  const body = readBody(call, protectionBody);
  const action = startAction(call, {
    command: "change_protection",
    resources: [{ id: volume.id, type: "volume" }],
    effect: () => {
      if (body.delete !== undefined) volume.protected = body.delete;
    },
  });
  return actionAnswer(call, action);
}
