/** Starting actions, letting them end, and the routes that show them. */
import { toActionView, type ActionRow, type ActionView, type ResourceRef } from "./action-log.ts";
import { defaultActionError, type ActionError } from "./disturbances.ts";
import { invalidField, notFound, removedEndpoint } from "./errors.ts";
import type { ResourceKind, ServerRow } from "./model.ts";
import { paginate, readList, sortActions } from "./paging.ts";
import { drawActionMs } from "./timing.ts";
import type { Answer, Call, Project, Route, World } from "./world.ts";

export type ActionSpec = {
  command: string;
  resources: ResourceRef[];
  /** Servers that are `locked` until the action has ended. */
  locks?: ServerRow[];
  /** Waits for this action first; ends in error with it. */
  after?: ActionRow;
  /** The effect, when the time of the action is over. A rejected promise ends the action in `error`. */
  effect?: () => void | Promise<void>;
  /** Undoes what was reserved when the action was asked for. */
  undo?: () => void;
  /** Ends at once: asked for what is already so. */
  immediate?: boolean;
};

/** The answer of the caller still shows the action as `running`: effects never happen within this call. */
export function startAction(call: Call, spec: ActionSpec): ActionRow {
  const { world, project } = call;
  const action: ActionRow = {
    id: world.nextId(),
    command: spec.command,
    status: "running",
    startedAt: world.now(),
    finishedAt: null,
    workingSince: null,
    durationMs:
      world.disturbances.takeSlowness(spec.command) ?? drawActionMs(world.timing, spec.command, world.random),
    resources: spec.resources,
    error: null,
    whenEnded: [],
  };
  project.actions.add(action);
  if (spec.immediate === true) {
    end(world, action, null);
    return action;
  }
  for (const server of spec.locks ?? []) server.locks += 1;
  action.whenEnded.push(() => {
    for (const server of spec.locks ?? []) server.locks -= 1;
    if (action.status === "error") spec.undo?.();
  });
  const failure = takeFailure(call, spec.command);
  if (spec.after === undefined) work(world, action, spec, failure);
  else follow(world, spec.after, action, spec, failure);
  return action;
}

function follow(
  world: World,
  previous: ActionRow,
  action: ActionRow,
  spec: ActionSpec,
  failure: ActionError | undefined,
): void {
  const proceed = (): void => {
    if (previous.status === "error") end(world, action, previous.error);
    else work(world, action, spec, failure);
  };
  if (previous.status === "running") previous.whenEnded.push(proceed);
  else proceed();
}

function work(world: World, action: ActionRow, spec: ActionSpec, failure: ActionError | undefined): void {
  action.workingSince = world.now();
  world.scheduler.after(action.durationMs, () => {
    if (failure !== undefined) return end(world, action, failure);
    const effect = spec.effect?.();
    if (effect === undefined) return end(world, action, null);
    world.scheduler.track(
      effect.then(
        () => end(world, action, null),
        (cause: unknown) => end(world, action, { ...defaultActionError, message: toMessage(cause) }),
      ),
    );
  });
}

function end(world: World, action: ActionRow, error: ActionError | null): void {
  action.status = error === null ? "success" : "error";
  action.error = error;
  action.finishedAt = world.now();
  for (const tell of action.whenEnded) tell(action);
}

function toMessage(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** A disturbance for the command, or the kit's fault `{ name: "action-error", data: { command?, code?, message? } }`. */
function takeFailure(call: Call, command: string): ActionError | undefined {
  const armed = call.world.disturbances.takeActionError(command);
  if (armed !== undefined) return armed;
  const fault = call.fault;
  if (fault?.kind !== "named" || fault.name !== "action-error") return undefined;
  const { command: only, code, message } = fault.data;
  if (only !== undefined && only !== command) return undefined;
  return {
    code: typeof code === "string" ? code : defaultActionError.code,
    message: typeof message === "string" ? message : defaultActionError.message,
  };
}

/** The usual answer of an action request. */
export function actionAnswer(call: Call, action: ActionRow): Answer {
  return { status: 201, body: { action: viewAction(call, action) } };
}

export function viewAction(call: Call, action: ActionRow): ActionView {
  return toActionView(action, call.world.now());
}

/** Collections with actions of their own, by the first part of their paths. */
const collections: Record<string, { kind: ResourceKind; has: (project: Project, id: number) => boolean }> = {
  servers: { kind: "server", has: (project, id) => project.servers.get(id) !== undefined },
  firewalls: { kind: "firewall", has: (project, id) => project.firewalls.get(id) !== undefined },
  networks: { kind: "network", has: (project, id) => project.networks.get(id) !== undefined },
  images: { kind: "image", has: (project, id) => project.images.get(id) !== undefined },
  primary_ips: { kind: "primary_ip", has: (project, id) => project.primaryIps.get(id) !== undefined },
  volumes: { kind: "volume", has: (project, id) => project.volumes.get(id) !== undefined },
};

export const actionRoutes: Route[] = [
  { method: "GET", path: "/actions", handle: listActions },
  { method: "GET", path: "/actions/:id", handle: (call) => getAction(call, "id") },
  ...Object.entries(collections).flatMap(([path, { kind, has }]): Route[] => [
    {
      method: "GET",
      path: `/${path}/actions`,
      handle: (call) => pageOf(call, call.project.actions.ofKind(kind)),
    },
    { method: "GET", path: `/${path}/actions/:id`, handle: (call) => getAction(call, "id", kind) },
    {
      method: "GET",
      path: `/${path}/:id/actions`,
      handle: (call) => {
        const id = Number(call.params["id"]);
        if (!has(call.project, id)) throw notFound(kind, call.params["id"] ?? "");
        return pageOf(call, call.project.actions.of(kind, id));
      },
    },
    {
      method: "GET",
      path: `/${path}/:id/actions/:action_id`,
      handle: (call) => getAction(call, "action_id", kind),
    },
  ]),
];

/** Only by id since 2025-01-30; unknown ids are left out of the answer. */
function listActions(call: Call): Answer {
  const ids = readIds(call);
  if (ids.length === 0) {
    throw removedEndpoint(
      "https://docs.hetzner.cloud/changelog#2025-01-30-listing-arbitrary-actions-in-the-actions-list-endpoint-is-removed",
    );
  }
  const found = ids.map((id) => call.project.actions.get(id)).filter((action) => action !== undefined);
  const actions = sortActions(found, call.query.getAll("sort")).map((action) => viewAction(call, action));
  return { status: 200, body: { actions } };
}

function readIds(call: Call): number[] {
  const ids = [...new Set(call.query.getAll("id"))].map(Number);
  if (ids.some((id) => !Number.isSafeInteger(id))) throw invalidField("id", "must be a number");
  return ids;
}

function getAction(call: Call, parameter: string, kind?: ResourceKind): Answer {
  const text = call.params[parameter] ?? "";
  const action = call.project.actions.get(Number(text));
  const fits = kind === undefined || action?.resources.some((resource) => resource.type === kind) === true;
  if (action === undefined || !fits) throw notFound("action", text);
  return { status: 200, body: { action: viewAction(call, action) } };
}

function pageOf(call: Call, actions: ActionRow[]): Answer {
  const statuses = readList(call, "status", ["running", "success", "error"]);
  const ids = readIds(call);
  const kept = actions.filter(
    (action) =>
      (statuses.length === 0 || statuses.includes(action.status)) &&
      (ids.length === 0 || ids.includes(action.id)),
  );
  return paginate(call, "actions", sortActions(kept, call.query.getAll("sort")), (action) =>
    viewAction(call, action),
  );
}
