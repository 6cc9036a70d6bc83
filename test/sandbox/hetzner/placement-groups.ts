/** Placement groups of type spread. */
import { z } from "zod";
import { labelsField, nameField, readBody } from "./bodies.ts";
import { ApiError } from "./errors.ts";
import { productLimits } from "./limits.ts";
import type { PlacementGroupRow } from "./model.ts";
import { listRows, sortFields } from "./paging.ts";
import { requireFreeName, requireRow, updateNameAndLabels } from "./resources.ts";
import { toPlacementGroupView } from "./views.ts";
import { requireRoom, type Answer, type Call, type Route } from "./world.ts";

const createBody = z.object({ name: nameField, type: z.literal("spread"), labels: labelsField.optional() });
const updateBody = z.object({ name: nameField.optional(), labels: labelsField.optional() });

export const placementGroupRoutes: Route[] = [
  {
    method: "GET",
    path: "/placement_groups",
    handle: (call) =>
      listRows(call, {
        key: "placement_groups",
        table: call.project.placementGroups,
        sort: sortFields.idNameCreated,
        view: toPlacementGroupView,
      }),
  },
  { method: "POST", path: "/placement_groups", handle: createGroup },
  { method: "GET", path: "/placement_groups/:id", handle: (call) => answer(requireGroup(call)) },
  { method: "PUT", path: "/placement_groups/:id", handle: updateGroup },
  { method: "DELETE", path: "/placement_groups/:id", handle: deleteGroup },
];

function requireGroup(call: Call): PlacementGroupRow {
  return requireRow(call, call.project.placementGroups, "placement_group");
}

function answer(group: PlacementGroupRow): Answer {
  return { status: 200, body: { placement_group: toPlacementGroupView(group) } };
}

function createGroup(call: Call): Answer {
  const body = readBody(call, createBody);
  const { project, world } = call;
  requireFreeName(project.placementGroups, body.name, "placement group");
  requireRoom(project, "placementGroups", project.placementGroups.size);
  const group = project.placementGroups.add({
    id: world.nextId(),
    name: body.name,
    labels: body.labels ?? {},
    created: world.now(),
    servers: new Set(),
  });
  return { status: 201, body: { placement_group: toPlacementGroupView(group), action: null } };
}

function updateGroup(call: Call): Answer {
  const group = requireGroup(call);
  updateNameAndLabels(call.project.placementGroups, group, readBody(call, updateBody), "placement group");
  return answer(group);
}

function deleteGroup(call: Call): Answer {
  const group = requireGroup(call);
  if (group.servers.size > 0) throw new ApiError("resource_in_use", "placement group still has servers");
  call.project.placementGroups.remove(group);
  return { status: 204 };
}

/** A spread group holds at most ten servers: each needs a host of its own. */
export function requireSeat(group: PlacementGroupRow): void {
  if (group.servers.size < productLimits.serversPerSpreadGroup) return;
  throw new ApiError("placement_error", "error during placement: placement group is full");
}
