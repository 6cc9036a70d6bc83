/** Images taken of servers: snapshots that stay, backups that are bound to the server. */
import { startAction, viewAction } from "./actions.ts";
import { ApiError } from "./errors.ts";
import { productLimits } from "./limits.ts";
import type { ImageRow, ServerRow } from "./model.ts";
import { toImageView } from "./views.ts";
import { requireRoom, type Answer, type Call, type Project } from "./world.ts";

export type ImageWish = { type: "snapshot" | "backup"; description: string; labels: Record<string, string> };

/** Compressed size that a snapshot is billed for: a tenth of the disk, as nothing real is stored. */
const IMAGE_SHARE = 0.1;

export function startImage(call: Call, server: ServerRow, wish: ImageWish): Answer {
  const { project, world } = call;
  if (wish.type === "backup") requireBackupSlot(project, server);
  else
    requireRoom(
      project,
      "snapshots",
      countOf(project, (image) => image.type === "snapshot"),
    );
  const id = world.nextId();
  const image: ImageRow = project.images.add({
    id,
    name: `image-${id}`,
    labels: wish.labels,
    created: world.now(),
    type: wish.type,
    status: "creating",
    description: wish.description,
    imageSizeGb: null,
    diskGb: server.primaryDiskGb,
    createdFrom: { id: server.id, name: server.name },
    boundTo: wish.type === "backup" ? server.id : null,
    osFlavor: server.image?.osFlavor ?? "unknown",
    osVersion: server.image?.osVersion ?? null,
    architecture: server.serverType.architecture,
    rapidDeploy: false,
    protected: false,
    deprecatedAt: null,
    deletedAt: null,
  });
  const ready = (): void => {
    image.status = "available";
    image.imageSizeGb = Math.round(server.primaryDiskGb * IMAGE_SHARE * 100) / 100;
  };
  const action = startAction(call, {
    command: "create_image",
    resources: [
      { id: server.id, type: "server" },
      { id: image.id, type: "image" },
    ],
    locks: [server],
    effect: () => {
      if (world.machines === undefined || !server.hasMachine) return ready();
      return world.machines.snapshot(server.id, String(image.id)).then(ready);
    },
    undo: () => project.images.remove(image),
  });
  return { status: 201, body: { image: toImageView(image), action: viewAction(call, action) } };
}

function requireBackupSlot(project: Project, server: ServerRow): void {
  if (server.backupWindow === null)
    throw new ApiError("unsupported_error", "backups are not enabled for the server");
  const bound = countOf(project, (image) => image.boundTo === server.id);
  if (bound >= productLimits.backupSlots)
    throw new ApiError("unsupported_error", "all backup slots are in use");
}

function countOf(project: Project, counts: (image: ImageRow) => boolean): number {
  let count = 0;
  for (const image of project.images.all()) if (counts(image)) count += 1;
  return count;
}
