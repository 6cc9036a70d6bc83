/** Images: system images of the catalogue, snapshots and backups of the project. */
import { z } from "zod";
import { actionAnswer, startAction } from "./actions.ts";
import { labelsField, readBody } from "./bodies.ts";
import { ApiError, notFound } from "./errors.ts";
import type { ImageRow } from "./model.ts";
import { listRows, readList, sortFields } from "./paging.ts";
import { requireUnprotected } from "./resources.ts";
import { toImageView } from "./views.ts";
import type { Answer, Call, Project, Route, World } from "./world.ts";

const updateBody = z.object({
  description: z.string().max(255, "is too long").optional(),
  type: z.literal("snapshot").optional(),
  labels: labelsField.optional(),
});
const protectionBody = z.object({ delete: z.boolean().optional() });

export const imageRoutes: Route[] = [
  { method: "GET", path: "/images", handle: listImages },
  { method: "GET", path: "/images/:id", handle: (call) => answer(requireImage(call)) },
  { method: "PUT", path: "/images/:id", handle: updateImage },
  { method: "DELETE", path: "/images/:id", handle: deleteImage },
  { method: "POST", path: "/images/:id/actions/change_protection", handle: changeProtection },
];

function answer(image: ImageRow): Answer {
  return { status: 200, body: { image: toImageView(image) } };
}

/** By id, or by name for system images: of the wanted architecture when there are several. */
export function findImage(
  world: World,
  project: Project,
  wanted: number | string,
  architecture?: ImageRow["architecture"],
): ImageRow | undefined {
  const system = world.catalogue.images;
  if (typeof wanted === "number" || /^\d+$/.test(wanted)) {
    const id = Number(wanted);
    return project.images.get(id) ?? system.find((image) => image.id === id);
  }
  const named = system.filter((image) => image.name === wanted);
  return named.find((image) => image.architecture === architecture) ?? named[0];
}

function requireImage(call: Call): ImageRow {
  const text = call.params["id"] ?? "";
  const image = /^\d+$/.test(text) ? findImage(call.world, call.project, text) : undefined;
  if (image === undefined) throw notFound("image", text);
  return image;
}

function listImages(call: Call): Answer {
  const types = readList(call, "type", ["system", "snapshot", "backup", "app"]);
  const statuses = readList(call, "status", ["available", "creating", "unavailable"]);
  const architectures = readList(call, "architecture", ["x86", "arm"]);
  const boundTo = call.query.getAll("bound_to").map(Number);
  const deprecatedToo = call.query.get("include_deprecated") === "true";
  return listRows(call, {
    key: "images",
    table: call.project.images,
    shared: call.world.catalogue.images,
    sort: sortFields.idNameCreated,
    view: toImageView,
    keep: (image) =>
      fits(types, image.type) &&
      fits(statuses, image.status) &&
      fits(architectures, image.architecture) &&
      (boundTo.length === 0 || (image.boundTo !== null && boundTo.includes(image.boundTo))) &&
      (deprecatedToo || image.deprecatedAt === null),
  });
}

function fits(wanted: string[], value: string): boolean {
  return wanted.length === 0 || wanted.includes(value);
}

/** System images belong to Hetzner. */
function requireOwn(call: Call): ImageRow {
  const image = requireImage(call);
  if (image.type === "system") throw new ApiError("forbidden", "system images cannot be changed");
  return image;
}

function updateImage(call: Call): Answer {
  const image = requireOwn(call);
  const body = readBody(call, updateBody);
  if (body.description !== undefined) image.description = body.description;
  if (body.type !== undefined && image.type === "backup") {
    image.type = body.type;
    image.boundTo = null;
  }
  if (body.labels !== undefined) call.project.images.relabel(image, body.labels);
  return answer(image);
}

function deleteImage(call: Call): Answer {
  const image = requireOwn(call);
  requireUnprotected(image.protected, "image");
  if (image.status === "creating") throw new ApiError("locked", "image is locked");
  removeImage(call.world, call.project, image);
  return { status: 204 };
}

/** Servers made from it still show it, with the time of its end. */
export function removeImage(world: World, project: Project, image: ImageRow): void {
  image.deletedAt = world.now();
  project.images.remove(image);
  const removal = world.machines?.deleteSnapshot(String(image.id));
  if (removal !== undefined) world.scheduler.track(removal);
}

function changeProtection(call: Call): Answer {
  const image = requireOwn(call);
  const body = readBody(call, protectionBody);
  const action = startAction(call, {
    command: "change_protection",
    resources: [{ id: image.id, type: "image" }],
    effect: () => {
      if (body.delete !== undefined) image.protected = body.delete;
    },
  });
  return actionAnswer(call, action);
}
