/** Firewalls and their actions. */
import { z } from "zod";
import type { ActionRow } from "./action-log.ts";
import { startAction, viewAction } from "./actions.ts";
import { labelsField, nameField, readBody } from "./bodies.ts";
import { ApiError } from "./errors.ts";
import {
  addSelector,
  applyToServer,
  confirmFirewall,
  removeFromServer,
  removeSelector,
  requireApplicable,
  requireRemovable,
  resourcesField,
  toTargets,
  type FirewallTarget,
} from "./firewall-members.ts";
import { requireEffectiveRoom, rulesField, toRules } from "./firewall-rules.ts";
import type { FirewallRow, FirewallRule, ServerRow } from "./model.ts";
import { listRows, sortFields } from "./paging.ts";
import { requireFreeName, requireRow, updateNameAndLabels } from "./resources.ts";
import { toFirewallView } from "./views.ts";
import { requireRoom, requireUnchanging, type Answer, type Call, type Route } from "./world.ts";

const createBody = z.object({
  name: nameField.max(128, "is too long"),
  labels: labelsField.optional(),
  rules: rulesField.optional(),
  apply_to: resourcesField.optional(),
});
const updateBody = z.object({
  name: nameField.max(128, "is too long").optional(),
  labels: labelsField.optional(),
});
const rulesBody = z.object({ rules: rulesField });
const applyBody = z.object({ apply_to: resourcesField });
const removeBody = z.object({ remove_from: resourcesField });

export const firewallRoutes: Route[] = [
  {
    method: "GET",
    path: "/firewalls",
    handle: (call) =>
      listRows(call, {
        key: "firewalls",
        table: call.project.firewalls,
        sort: sortFields.idNameCreated,
        view: toFirewallView,
      }),
  },
  { method: "POST", path: "/firewalls", handle: createFirewall },
  { method: "GET", path: "/firewalls/:id", handle: (call) => answer(requireOwn(call)) },
  { method: "PUT", path: "/firewalls/:id", handle: updateFirewall },
  { method: "DELETE", path: "/firewalls/:id", handle: deleteFirewall },
  { method: "POST", path: "/firewalls/:id/actions/set_rules", handle: setRules },
  { method: "POST", path: "/firewalls/:id/actions/apply_to_resources", handle: applyToResources },
  { method: "POST", path: "/firewalls/:id/actions/remove_from_resources", handle: removeFromResources },
];

function requireOwn(call: Call): FirewallRow {
  return requireRow(call, call.project.firewalls, "firewall");
}

function answer(firewall: FirewallRow): Answer {
  return { status: 200, body: { firewall: toFirewallView(firewall) } };
}

function actionsAnswer(call: Call, actions: ActionRow[]): Answer {
  return { status: 201, body: { actions: actions.map((action) => viewAction(call, action)) } };
}

function createFirewall(call: Call): Answer {
  const body = readBody(call, createBody);
  const { project, world } = call;
  requireFreeName(project.firewalls, body.name, "firewall");
  requireRoom(project, "firewalls", project.firewalls.size);
  const firewall: FirewallRow = {
    id: world.nextId(),
    name: body.name,
    labels: body.labels ?? {},
    created: world.now(),
    rules: toRules(body.rules ?? []),
    servers: new Set(),
    selectors: new Map(),
    changing: false,
  };
  const targets = toTargets(project, body.apply_to ?? [], 422);
  for (const target of targets) requireApplicable(firewall, target);
  project.firewalls.add(firewall);
  const ruleActions = firewall.rules.length === 0 ? [] : [startRules(call, firewall, firewall.rules)];
  const actions = [...ruleActions, ...targets.flatMap((target) => startApply(call, firewall, target))];
  return {
    status: 201,
    body: {
      firewall: toFirewallView(firewall),
      actions: actions.map((action) => viewAction(call, action)),
    },
  };
}

function startRules(call: Call, firewall: FirewallRow, rules: FirewallRule[]): ActionRow {
  firewall.changing = true;
  const action = startAction(call, {
    command: "set_firewall_rules",
    resources: [{ id: firewall.id, type: "firewall" }],
    effect: () => {
      firewall.rules = rules;
    },
  });
  action.whenEnded.push(() => {
    firewall.changing = false;
  });
  return action;
}

/** One action per server; a selector that matches nobody needs none. */
function startApply(call: Call, firewall: FirewallRow, target: FirewallTarget): ActionRow[] {
  if (target.type === "selector") {
    const servers = addSelector(call.project, firewall, target.selector);
    return servers.map((server) => startApplyOn(call, firewall, server, target.selector));
  }
  applyToServer(firewall, target.server);
  return [startApplyOn(call, firewall, target.server)];
}

function startApplyOn(call: Call, firewall: FirewallRow, server: ServerRow, selector?: string): ActionRow {
  return startAction(call, {
    command: "apply_firewall",
    resources: [
      { id: server.id, type: "server" },
      { id: firewall.id, type: "firewall" },
    ],
    effect: () => confirmFirewall(firewall, server),
    undo: () => removeFromServer(firewall, server, selector),
  });
}

function setRules(call: Call): Answer {
  const firewall = requireOwn(call);
  const rules = toRules(readBody(call, rulesBody).rules);
  const servers = serversOf(call, firewall);
  for (const server of servers) requireEffectiveRoom(call.project, server, firewall, rules);
  const set = startRules(call, firewall, rules);
  const applied = servers.map((server) =>
    startAction(call, {
      command: "apply_firewall",
      resources: [
        { id: server.id, type: "server" },
        { id: firewall.id, type: "firewall" },
      ],
      after: set,
    }),
  );
  return actionsAnswer(call, [set, ...applied]);
}

function serversOf(call: Call, firewall: FirewallRow): ServerRow[] {
  const ids = new Set([
    ...firewall.servers,
    ...[...firewall.selectors.values()].flatMap((matches) => [...matches]),
  ]);
  return [...ids].map((id) => call.project.servers.get(id)).filter((server) => server !== undefined);
}

function applyToResources(call: Call): Answer {
  const firewall = requireOwn(call);
  const targets = toTargets(call.project, readBody(call, applyBody).apply_to, 404);
  for (const target of targets) {
    requireApplicable(firewall, target);
    if (target.type === "server") requireEffectiveRoom(call.project, target.server, firewall, firewall.rules);
  }
  return actionsAnswer(
    call,
    targets.flatMap((target) => startApply(call, firewall, target)),
  );
}

function removeFromResources(call: Call): Answer {
  const firewall = requireOwn(call);
  const targets = toTargets(call.project, readBody(call, removeBody).remove_from, 404);
  for (const target of targets) requireRemovable(firewall, target);
  const actions = targets.map((target) =>
    startAction(call, {
      command: "remove_firewall",
      resources: [
        ...(target.type === "server" ? [{ id: target.server.id, type: "server" as const }] : []),
        { id: firewall.id, type: "firewall" },
      ],
      effect: () => {
        if (target.type === "server") removeFromServer(firewall, target.server);
        else removeSelector(call.project, firewall, target.selector);
      },
    }),
  );
  return actionsAnswer(call, actions);
}

function updateFirewall(call: Call): Answer {
  const firewall = requireOwn(call);
  const body = readBody(call, updateBody);
  requireUnchanging(firewall, "firewall");
  updateNameAndLabels(call.project.firewalls, firewall, body, "firewall");
  return answer(firewall);
}

/** Also a selector that matches nobody counts as use. */
function deleteFirewall(call: Call): Answer {
  const firewall = requireOwn(call);
  if (firewall.servers.size > 0 || firewall.selectors.size > 0) {
    throw new ApiError("resource_in_use", `firewall with ID '${firewall.id}' is still in use`);
  }
  call.project.firewalls.remove(firewall);
  return { status: 204 };
}
