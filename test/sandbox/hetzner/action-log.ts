/** Actions of one project: what was asked for, how far it is, how it ended. */
import type { ActionError } from "./disturbances.ts";
import type { ResourceKind } from "./model.ts";

export type ResourceRef = { id: number; type: ResourceKind };

export type ActionRow = {
  id: number;
  command: string;
  status: "running" | "success" | "error";
  startedAt: Date;
  finishedAt: Date | null;
  /** When it began to work: an action that waits for another has not. */
  workingSince: Date | null;
  durationMs: number;
  resources: ResourceRef[];
  error: ActionError | null;
  /** Called once when it has ended. */
  whenEnded: ((action: ActionRow) => void)[];
};

export type ActionLog = {
  add(action: ActionRow): void;
  get(id: number): ActionRow | undefined;
  /** Actions on one object, oldest first. */
  of(type: ResourceKind, id: number): ActionRow[];
  /** Actions on any object of the kind, oldest first. */
  ofKind(type: ResourceKind): ActionRow[];
  running(): ActionRow[];
};

export function createActionLog(): ActionLog {
  const byId = new Map<number, ActionRow>();
  const byObject = new Map<string, ActionRow[]>();
  const byKind = new Map<ResourceKind, ActionRow[]>();
  const running = new Set<ActionRow>();
  return {
    add(action) {
      byId.set(action.id, action);
      running.add(action);
      action.whenEnded.push(() => running.delete(action));
      for (const { type, id } of action.resources) append(byObject, `${type}:${id}`, action);
      for (const type of new Set(action.resources.map((resource) => resource.type)))
        append(byKind, type, action);
    },
    get: (id) => byId.get(id),
    of: (type, id) => byObject.get(`${type}:${id}`) ?? [],
    ofKind: (type) => byKind.get(type) ?? [],
    running: () => [...running],
  };
}

function append<K>(map: Map<K, ActionRow[]>, key: K, action: ActionRow): void {
  const list = map.get(key);
  if (list) list.push(action);
  else map.set(key, [action]);
}

/** As the API shows it. */
export type ActionView = {
  id: number;
  command: string;
  status: ActionRow["status"];
  progress: number;
  started: string;
  finished: string | null;
  resources: ResourceRef[];
  error: ActionError | null;
};

export function toActionView(action: ActionRow, now: Date): ActionView {
  return {
    id: action.id,
    command: action.command,
    status: action.status,
    progress: toProgress(action, now),
    started: toTimestamp(action.startedAt),
    finished: action.finishedAt === null ? null : toTimestamp(action.finishedAt),
    resources: action.resources.map(({ id, type }) => ({ id, type })),
    error: action.error,
  };
}

function toProgress(action: ActionRow, now: Date): number {
  if (action.status !== "running") return 100;
  if (action.workingSince === null || action.durationMs === 0) return 0;
  const share = (now.getTime() - action.workingSince.getTime()) / action.durationMs;
  return Math.min(99, Math.max(0, Math.floor(share * 100)));
}

/** RFC 3339 without fractions, as the API writes it. */
export function toTimestamp(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, "Z");
}
