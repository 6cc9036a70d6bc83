/** What every handler gets: the simulated cloud, the project of the token, and the request. */
import type { FaultEffect } from "../kit/faults.ts";
import type { MachineDriver } from "../machines/driver.ts";
import { createActionLog, type ActionLog } from "./action-log.ts";
import type { AddressPool } from "./addresses.ts";
import type { Catalogue } from "./catalogue.ts";
import type { Disturbances } from "./disturbances.ts";
import { ApiError, limitExceeded } from "./errors.ts";
import { limitTexts, type AccountLimits } from "./limits.ts";
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
import type { Random } from "./random.ts";
import { createRateBucket, type RateBucket, type RateLimit } from "./rate-bucket.ts";
import type { Scheduler } from "./scheduler.ts";
import { createTable, type Table } from "./table.ts";
import type { TimingProfile } from "./timing.ts";

export type World = {
  now: () => Date;
  random: Random;
  scheduler: Scheduler;
  timing: TimingProfile;
  catalogue: Catalogue;
  disturbances: Disturbances;
  addresses: AddressPool;
  machines: MachineDriver | undefined;
  /** One sequence for all objects and actions of all projects. */
  nextId(): number;
};

export type Project = {
  name: string;
  servers: Table<ServerRow>;
  firewalls: Table<FirewallRow>;
  networks: Table<NetworkRow>;
  sshKeys: Table<SshKeyRow>;
  /** Snapshots and backups; system images are in the catalogue. */
  images: Table<ImageRow>;
  placementGroups: Table<PlacementGroupRow>;
  primaryIps: Table<PrimaryIpRow>;
  volumes: Table<VolumeRow>;
  /** Firewalls that are applied by label selector: the only ones to ask when labels change. */
  selectorFirewalls: Set<FirewallRow>;
  actions: ActionLog;
  bucket: RateBucket;
  limits: AccountLimits;
};

export type Call = {
  world: World;
  project: Project;
  /** Path parameters as sent. */
  params: Record<string, string>;
  query: URLSearchParams;
  /** Parsed JSON, undefined without a body. */
  body: unknown;
  /** The kit's `named` fault that hit this request. */
  fault: FaultEffect | undefined;
  /** Path of the request, for links to other pages. */
  path: string;
};

export type Answer = { status: number; body?: unknown; headers?: Record<string, string> };

export type Route = {
  method: "GET" | "POST" | "PUT" | "DELETE";
  /** Below `/v1`, with `:id` for parameters. */
  path: string;
  handle: (call: Call) => Answer;
};

export function createProject(
  name: string,
  options: { now: () => Date; rateLimit: RateLimit; limits: AccountLimits },
): Project {
  return {
    name,
    servers: createTable(),
    firewalls: createTable(),
    networks: createTable(),
    sshKeys: createTable(),
    images: createTable(),
    placementGroups: createTable(),
    primaryIps: createTable(),
    volumes: createTable(),
    selectorFirewalls: new Set(),
    actions: createActionLog(),
    bucket: createRateBucket(options.rateLimit, options.now),
    limits: { ...options.limits },
  };
}

/** Throws 403 when `extra` more of a kind do not fit into the account. */
export function requireRoom(project: Project, kind: keyof AccountLimits, used: number, extra = 1): void {
  if (used + extra <= project.limits[kind]) return;
  throw limitExceeded(limitTexts[kind].message, limitTexts[kind].name);
}

/** The server is `locked` while an action holds it; whoever wants to change it then gets 423. */
export function requireUnlocked(server: ServerRow): void {
  if (server.locks > 0) throw new ApiError("locked", "server is locked");
}

/** For network and firewall: 409, which the official client retries. */
export function requireUnchanging(row: { changing: boolean }, thing: string): void {
  if (row.changing) throw new ApiError("conflict", `${thing} is being changed, please retry`);
}
