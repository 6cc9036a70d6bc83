/** A project seen and changed without HTTP: for assertions, and for what "another hand" does to it. */
import type { Hono } from "hono";
import type { SimulatorEnv } from "../kit/simulator.ts";
import type { ActionRow } from "./action-log.ts";
import { removeFromServer } from "./firewall-members.ts";
import type { AccountLimits } from "./limits.ts";
import type {
  FirewallRow,
  ImageRow,
  NetworkRow,
  PlacementGroupRow,
  PrimaryIpRow,
  ServerRow,
  SshKeyRow,
  VolumeRow,
} from "./model.ts";
import { removeImage } from "./images.ts";
import { removeNetwork } from "./networks.ts";
import { destroyMachine } from "./power.ts";
import { detachPrimaryIp, removePrimaryIp } from "./primary-ips.ts";
import { API_PREFIX } from "./router.ts";
import { removeServer } from "./server-removal.ts";
import { detachVolume } from "./volumes.ts";
import type { Project, World } from "./world.ts";

export type Counts = {
  servers: number;
  firewalls: number;
  networks: number;
  sshKeys: number;
  images: number;
  placementGroups: number;
  primaryIps: number;
  volumes: number;
  runningActions: number;
};

export type ProjectView = {
  name: string;
  /** Live rows in order of id; change them to change the cloud behind everybody's back. */
  servers(): ServerRow[];
  firewalls(): FirewallRow[];
  networks(): NetworkRow[];
  sshKeys(): SshKeyRow[];
  images(): ImageRow[];
  placementGroups(): PlacementGroupRow[];
  primaryIps(): PrimaryIpRow[];
  volumes(): VolumeRow[];
  /** By name; throws when there is none. */
  server(name: string): ServerRow;
  firewall(name: string): FirewallRow;
  network(name: string): NetworkRow;
  counts(): Counts;
  /** Account limits, changed while it runs; those not named stay. */
  setLimits(limits: Partial<AccountLimits>): void;
  /** What is left of the request budget. */
  requestsLeft(): number;
  setRequestsLeft(count: number): void;
  /** Resolves when no action runs; rejects after `limitMs` (default 10,000). */
  settled(limitMs?: number): Promise<void>;
  /** A request of the API without HTTP, budget, faults and record: status and parsed body. */
  api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
  /** The object is gone at once, as if deleted in the console: no action, no protection, no waiting. */
  vanish(kind: VanishKind, idOrName: number | string): Promise<void>;
};

export type VanishKind =
  | "server"
  | "firewall"
  | "network"
  | "ssh_key"
  | "placement_group"
  | "primary_ip"
  | "volume"
  | "image";

export type DirectDeps = { world: World; project: Project; app: Hono<SimulatorEnv>; token: string };

export function createProjectView(deps: DirectDeps): ProjectView {
  const { world, project } = deps;
  const named = <T>(row: T | undefined, what: string): T => {
    if (row === undefined) throw new Error(`no ${what} in project ${project.name}`);
    return row;
  };
  return {
    name: project.name,
    servers: () => [...project.servers.all()],
    firewalls: () => [...project.firewalls.all()],
    networks: () => [...project.networks.all()],
    sshKeys: () => [...project.sshKeys.all()],
    images: () => [...project.images.all()],
    placementGroups: () => [...project.placementGroups.all()],
    primaryIps: () => [...project.primaryIps.all()],
    volumes: () => [...project.volumes.all()],
    server: (name) => named(project.servers.byName(name), `server ${name}`),
    firewall: (name) => named(project.firewalls.byName(name), `firewall ${name}`),
    network: (name) => named(project.networks.byName(name), `network ${name}`),
    counts: () => countProject(project),
    setLimits: (limits) => void Object.assign(project.limits, limits),
    requestsLeft: () => project.bucket.remaining(),
    setRequestsLeft: (count) => project.bucket.setRemaining(count),
    settled: (limitMs = 10_000) => settle(world, project, limitMs),
    api: (method, path, body) => callApi(deps, method, path, body),
    vanish: (kind, idOrName) => vanish(deps, kind, idOrName),
  };
}

export function countProject(project: Project): Counts {
  return {
    servers: project.servers.size,
    firewalls: project.firewalls.size,
    networks: project.networks.size,
    sshKeys: project.sshKeys.size,
    images: project.images.size,
    placementGroups: project.placementGroups.size,
    primaryIps: project.primaryIps.size,
    volumes: project.volumes.size,
    runningActions: project.actions.running().length,
  };
}

async function settle(world: World, project: Project, limitMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), limitMs);
  });
  world.scheduler.runDue();
  for (let running = project.actions.running(); running.length > 0; running = project.actions.running()) {
    if ((await Promise.race([Promise.all(running.map(ended)), limit])) === "late") {
      throw new Error(`${running.length} actions still run, first ${running[0]?.command ?? ""}`);
    }
  }
  clearTimeout(timer);
}

function ended(action: ActionRow): Promise<void> {
  return new Promise((resolve) => {
    if (action.status !== "running") resolve();
    else action.whenEnded.push(() => resolve());
  });
}

async function callApi(
  deps: DirectDeps,
  method: string,
  path: string,
  body: unknown,
): Promise<{ status: number; body: unknown }> {
  const left = deps.project.bucket.remaining();
  deps.project.bucket.setRemaining(Infinity);
  const response = await deps.app.request(API_PREFIX + path, {
    method,
    headers: { Authorization: `Bearer ${deps.token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  deps.project.bucket.setRemaining(left);
  const text = await response.text();
  return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
}

async function vanish(deps: DirectDeps, kind: VanishKind, idOrName: number | string): Promise<void> {
  const { world, project } = deps;
  switch (kind) {
    case "server": {
      const server = pick(project.servers, idOrName, kind);
      removeServer(world, project, server);
      return destroyMachine(world, server);
    }
    case "firewall": {
      const firewall = pick(project.firewalls, idOrName, kind);
      for (const server of project.servers.all()) {
        const selectors = server.firewalls.get(firewall.id)?.selectors ?? [];
        for (const selector of selectors) removeFromServer(firewall, server, selector);
        removeFromServer(firewall, server);
      }
      project.selectorFirewalls.delete(firewall);
      return project.firewalls.remove(firewall);
    }
    case "network":
      return removeNetwork(world, project, pick(project.networks, idOrName, kind));
    case "ssh_key":
      return project.sshKeys.remove(pick(project.sshKeys, idOrName, kind));
    case "placement_group": {
      const group = pick(project.placementGroups, idOrName, kind);
      for (const server of project.servers.all())
        if (server.placementGroup === group) server.placementGroup = null;
      return project.placementGroups.remove(group);
    }
    case "primary_ip": {
      const row = pick(project.primaryIps, idOrName, kind);
      detachPrimaryIp(row);
      return removePrimaryIp(world, project, row);
    }
    case "volume": {
      const volume = pick(project.volumes, idOrName, kind);
      detachVolume(volume);
      return project.volumes.remove(volume);
    }
    case "image":
      return removeImage(world, project, pick(project.images, idOrName, kind));
  }
}

function pick<T>(
  table: { get(id: number): T | undefined; byName(name: string): T | undefined },
  idOrName: number | string,
  kind: string,
): T {
  const row = typeof idOrName === "number" ? table.get(idOrName) : table.byName(idOrName);
  if (row === undefined) throw new Error(`no ${kind} ${idOrName}`);
  return row;
}
