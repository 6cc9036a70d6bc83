/** Which servers a firewall is on: applied by id, or through label selectors that follow the labels. */
import { z } from "zod";
import { idField } from "./bodies.ts";
import { ApiError, invalidField, limitExceeded } from "./errors.ts";
import { matchesSelector, parseSelector } from "./label-selector.ts";
import { productLimits } from "./limits.ts";
import type { FirewallRow, ServerRow } from "./model.ts";
import type { Project } from "./world.ts";

const resourceField = z
  .object({
    type: z.enum(["server", "label_selector"]),
    server: z.object({ id: idField }).optional(),
    label_selector: z.object({ selector: z.string().min(1, "is too short") }).optional(),
  })
  .superRefine((resource, context) => {
    if (resource[resource.type] === undefined) {
      context.addIssue({ code: "custom", path: [resource.type], message: "is required for this type" });
    }
    const selector = resource.label_selector?.selector;
    if (selector !== undefined && parseSelector(selector) === undefined) {
      context.addIssue({
        code: "custom",
        path: ["label_selector"],
        message: "is not a valid label selector",
      });
    }
  });

export const resourcesField = z.array(resourceField);

export type FirewallTarget = { type: "server"; server: ServerRow } | { type: "selector"; selector: string };

/** Finds the servers; `status` is 404 for the actions and 422 on create, as the document says. */
export function toTargets(
  project: Project,
  resources: z.infer<typeof resourcesField>,
  status: number,
): FirewallTarget[] {
  const seen = new Set<string>();
  return resources.map((resource): FirewallTarget => {
    const selector = resource.label_selector?.selector;
    const key =
      resource.type === "server" ? `server ${resource.server?.id ?? 0}` : `selector ${selector ?? ""}`;
    if (seen.has(key)) throw new ApiError("server_already_added", "resource was given more than once");
    seen.add(key);
    if (resource.type === "label_selector") return { type: "selector", selector: selector ?? "" };
    const server = project.servers.get(resource.server?.id ?? 0);
    if (server === undefined) {
      throw new ApiError("firewall_resource_not_found", "firewall resource not found", null, status);
    }
    return { type: "server", server };
  });
}

/** Throws what the API answers when the firewall cannot be applied there. */
export function requireApplicable(firewall: FirewallRow, target: FirewallTarget): void {
  const already =
    target.type === "server"
      ? firewall.servers.has(target.server.id)
      : firewall.selectors.has(target.selector);
  if (already) throw new ApiError("firewall_already_applied", "firewall is already applied to resource");
  if (target.type === "server") requireFirewallSlot(target.server, firewall.id);
}

export function requireFirewallSlot(server: ServerRow, firewallId: number): void {
  if (server.ipv4 === null && server.ipv6 === null) {
    throw new ApiError("private_net_only_server", "server has no public interface");
  }
  if (server.firewalls.has(firewallId) || server.firewalls.size < productLimits.firewallsPerServer) return;
  throw limitExceeded("server has the maximum number of firewalls", "firewalls_per_server_limit");
}

/** Marks it `pending`; `confirmFirewall` makes it `applied` when the action has ended. */
export function applyToServer(firewall: FirewallRow, server: ServerRow, selector?: string): void {
  const entry = server.firewalls.get(firewall.id) ?? {
    status: "pending",
    direct: false,
    selectors: new Set(),
  };
  if (selector === undefined) {
    entry.direct = true;
    firewall.servers.add(server.id);
  } else {
    entry.selectors.add(selector);
    firewall.selectors.get(selector)?.add(server.id);
  }
  server.firewalls.set(firewall.id, entry);
}

export function confirmFirewall(firewall: FirewallRow, server: ServerRow): void {
  const entry = server.firewalls.get(firewall.id);
  if (entry) entry.status = "applied";
}

/** Takes one way of being applied away; the firewall stays while another one holds it. */
export function removeFromServer(firewall: FirewallRow, server: ServerRow, selector?: string): void {
  const entry = server.firewalls.get(firewall.id);
  if (entry === undefined) return;
  if (selector === undefined) {
    entry.direct = false;
    firewall.servers.delete(server.id);
  } else {
    entry.selectors.delete(selector);
    firewall.selectors.get(selector)?.delete(server.id);
  }
  if (!entry.direct && entry.selectors.size === 0) server.firewalls.delete(firewall.id);
}

export function addSelector(project: Project, firewall: FirewallRow, selector: string): ServerRow[] {
  firewall.selectors.set(selector, new Set());
  project.selectorFirewalls.add(firewall);
  const matches = project.servers
    .candidates(undefined, parseSelector(selector) ?? [])
    .filter(hasRoom(firewall));
  for (const server of matches) applyToServer(firewall, server, selector);
  return matches;
}

export function removeSelector(project: Project, firewall: FirewallRow, selector: string): void {
  for (const id of firewall.selectors.get(selector) ?? []) {
    const server = project.servers.get(id);
    if (server) removeFromServer(firewall, server, selector);
  }
  firewall.selectors.delete(selector);
  if (firewall.selectors.size === 0) project.selectorFirewalls.delete(firewall);
}

/** Called for a new server and whenever labels have changed. The real API needs a few seconds for it. */
export function followLabels(project: Project, server: ServerRow): void {
  for (const firewall of project.selectorFirewalls) {
    for (const [selector, matches] of firewall.selectors) {
      const wanted = matchesSelector(server.labels, parseSelector(selector) ?? []);
      if (wanted === matches.has(server.id)) continue;
      if (!wanted) removeFromServer(firewall, server, selector);
      else if (hasRoom(firewall)(server)) {
        applyToServer(firewall, server, selector);
        confirmFirewall(firewall, server);
      }
    }
  }
}

function hasRoom(firewall: FirewallRow): (server: ServerRow) => boolean {
  return (server) =>
    (server.ipv4 !== null || server.ipv6 !== null) &&
    (server.firewalls.has(firewall.id) || server.firewalls.size < productLimits.firewallsPerServer);
}

/** For `remove_from_resources`: what was never applied by id cannot be removed by id. */
export function requireRemovable(firewall: FirewallRow, target: FirewallTarget): void {
  if (target.type === "selector") {
    if (!firewall.selectors.has(target.selector)) {
      throw new ApiError("firewall_resource_not_found", "firewall resource not found", null, 404);
    }
    return;
  }
  const entry = target.server.firewalls.get(firewall.id);
  if (entry !== undefined && !entry.direct) {
    throw new ApiError("firewall_managed_by_label_selector", "firewall is applied via a label selector");
  }
}

export function requireFirewall(project: Project, id: number): FirewallRow {
  const firewall = project.firewalls.get(id);
  if (firewall === undefined) throw invalidField("firewalls", `firewall with ID '${id}' not found`);
  return firewall;
}
