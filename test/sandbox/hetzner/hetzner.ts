/** The simulated Hetzner Cloud API: state in memory, one project per token, asynchronous actions, real limits. */
import { startSimulator, type ExchangeCheck, type Simulator } from "../kit/simulator.ts";
import type { MachineDriver } from "../machines/driver.ts";
import { actionRoutes } from "./actions.ts";
import { claimAddressBlock } from "./address-block.ts";
import { createAddressPool } from "./addresses.ts";
import { createCatalogue, forgetServerTypeView, requireServerType, type Catalogue } from "./catalogue.ts";
import { catalogueRoutes } from "./catalogue-routes.ts";
import { countProject, createProjectView, type Counts, type ProjectView } from "./direct.ts";
import { createDisturbances, type Disturbances } from "./disturbances.ts";
import { firewallRoutes } from "./firewalls.ts";
import { imageRoutes } from "./images.ts";
import { noAccountLimits, type AccountLimits } from "./limits.ts";
import { networkActionRoutes } from "./network-actions.ts";
import { networkRoutes } from "./networks.ts";
import { placementGroupRoutes } from "./placement-groups.ts";
import { primaryIpRoutes } from "./primary-ips.ts";
import { createRandom } from "./random.ts";
import { officialRateLimit, type RateLimit } from "./rate-bucket.ts";
import { createRouter, API_PREFIX, type Account } from "./router.ts";
import { createScheduler } from "./scheduler.ts";
import { serverActionRoutes } from "./server-actions.ts";
import { serverNetworkRoutes } from "./server-networks.ts";
import { serverPowerRoutes } from "./server-power.ts";
import { serverRoutes } from "./servers.ts";
import { sshKeyRoutes } from "./ssh-keys.ts";
import { toTimingProfile, type Speed, type TimingProfile } from "./timing.ts";
import { volumeRoutes } from "./volumes.ts";
import { createProject, type Project, type Route, type World } from "./world.ts";

/** 64 characters, which the official provider insists on. */
export const defaultToken = "sandbox".padEnd(64, "0");

/** A token alone opens a project of its own; tokens that name the same project share it. */
export type AccountOption = string | { token: string; project?: string; readOnly?: boolean };

export type HetznerOptions = {
  /** Default: one project with `defaultToken`. */
  tokens?: AccountOption[];
  /** Makes servers real. Without it they are rows. It is not closed with the simulator. */
  machines?: MachineDriver;
  /** Network that public IPv4 addresses come from. Default: a /16 in 127.0.0.0/8 that no other process has. */
  addressBase?: string;
  /** Default `instant`. */
  speed?: Speed;
  /** Parts of what is sold, instead of the standard ones. */
  catalogue?: Partial<Catalogue>;
  /** Of every project. Default: none. */
  limits?: Partial<AccountLimits>;
  /** Of every project. Default 3600 an hour. */
  rateLimit?: RateLimit;
  check?: ExchangeCheck;
  /** How many exchanges are kept with their bodies. Default 10,000: too many for sweeps over thousands of servers. */
  maxExchanges?: number;
  /** 0 (default) takes a free port. */
  port?: number;
  /** Default: the system's clock. With another one, what is due happens at the next request. */
  now?: () => Date;
  /** Of all randomness: durations, addresses of interfaces, passwords. Default 1. */
  seed?: number;
};

export type Hetzner = Simulator & {
  /** What clients take as endpoint: origin and `/v1`. */
  url: string;
  /** The first token. */
  token: string;
  disturbances: Disturbances;
  /** Opens a project directly; without a token the first one. Throws for an unknown token. */
  project(token?: string): ProjectView;
  /** Of all projects together. */
  counts(): Counts;
  /** Adds a token while running: another project, or another token of a known one. */
  addToken(account: AccountOption): void;
  /** From now on in `realistic`, `instant` or own time. */
  setSpeed(speed: Speed): void;
  /** What `server_types[].locations[].available` says; false also refuses orders with 412. */
  setAvailable(serverType: string, location: string, available: boolean): void;
};

const routes: Route[] = [
  // Before `/servers/:id`, which would take `/servers/actions` for a server.
  ...actionRoutes,
  ...catalogueRoutes,
  ...serverRoutes,
  ...serverPowerRoutes,
  ...serverNetworkRoutes,
  ...serverActionRoutes,
  ...firewallRoutes,
  ...networkRoutes,
  ...networkActionRoutes,
  ...sshKeyRoutes,
  ...imageRoutes,
  ...placementGroupRoutes,
  ...primaryIpRoutes,
  ...volumeRoutes,
];

/** How long `close` waits for machines that are in the middle of something. */
const CLOSE_LIMIT_MS = 5_000;

/** Listens on 127.0.0.1. */
export async function startHetzner(options: HetznerOptions = {}): Promise<Hetzner> {
  const block = options.addressBase === undefined ? await claimAddressBlock() : undefined;
  const world = createWorld(options, options.addressBase ?? block?.base ?? "");
  const accounts = new Map<string, Account>();
  const projects = new Map<string, Project>();
  const addToken = (account: AccountOption): void => {
    const { token, project: name, readOnly } = typeof account === "string" ? { token: account } : account;
    const key = name ?? `project-${projects.size + 1}`;
    const project = projects.get(key) ?? createProject(key, toProjectOptions(options, world));
    projects.set(key, project);
    accounts.set(token, { project, readOnly: readOnly ?? false });
  };
  for (const account of options.tokens ?? [defaultToken]) addToken(account);
  const app = createRouter({ world, routes, accounts });
  const simulator = await startSimulator({
    name: "hetzner",
    app,
    check: options.check,
    maxExchanges: options.maxExchanges,
    ...(options.port === undefined ? {} : { port: options.port }),
  });
  const token = accounts.keys().next().value ?? defaultToken;
  return {
    ...simulator,
    url: simulator.origin + API_PREFIX,
    token,
    disturbances: world.disturbances,
    project: (wanted = token) => {
      const account = accounts.get(wanted);
      if (account === undefined) throw new Error("no project has this token");
      return createProjectView({ world, project: account.project, app, token: wanted });
    },
    counts: () => sumCounts([...projects.values()].map(countProject)),
    addToken,
    setSpeed: (speed) => {
      world.timing = toTimingProfile(speed);
    },
    setAvailable: (serverType, location, available) => {
      const type = requireServerType(world.catalogue, serverType);
      for (const offer of type.locations) if (offer.name === location) offer.available = available;
      forgetServerTypeView(type);
    },
    close: async () => {
      await simulator.close();
      await world.scheduler.close(CLOSE_LIMIT_MS);
      await block?.release();
    },
  };
}

function createWorld(options: HetznerOptions, addressBase: string): World & { timing: TimingProfile } {
  const now = options.now ?? (() => new Date());
  // The recordings begin at 1001, and small ids are easier to read.
  let lastId = 1000;
  return {
    now,
    random: createRandom(options.seed ?? 1),
    scheduler: createScheduler(now),
    timing: toTimingProfile(options.speed ?? "instant"),
    catalogue: createCatalogue(options.catalogue),
    disturbances: createDisturbances(),
    addresses: createAddressPool(addressBase),
    machines: options.machines,
    nextId: () => (lastId += 1),
  };
}

function toProjectOptions(
  options: HetznerOptions,
  world: World,
): { now: () => Date; rateLimit: RateLimit; limits: AccountLimits } {
  return {
    now: world.now,
    rateLimit: options.rateLimit ?? officialRateLimit,
    limits: { ...noAccountLimits, ...options.limits },
  };
}

function sumCounts(all: Counts[]): Counts {
  const sum: Counts = {
    servers: 0,
    firewalls: 0,
    networks: 0,
    sshKeys: 0,
    images: 0,
    placementGroups: 0,
    primaryIps: 0,
    volumes: 0,
    runningActions: 0,
  };
  for (const counts of all) {
    for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += counts[key];
  }
  return sum;
}
