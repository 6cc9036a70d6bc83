/** Where the storm takes place: simulated clouds, a database and processes that can be killed, two real reconcilers. */
import { randomBytes } from "node:crypto";
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Sql } from "postgres";
import { openDatabase } from "../../reconciler/db/database.ts";
import { findFreePort } from "../../reconciler/db/free-port.ts";
import { createLightMachines, type LightMachines } from "../sandbox/light-machines/light-machines.ts";
import { providerNames, type Providers, type ProvidersOptions } from "../sandbox/providers/providers.ts";
import { startServiceProcess } from "../sandbox/service-process.ts";
import { sandboxStacks, startSandbox, type Sandbox } from "../sandbox/start.ts";
import { findByEnvironment, type ProcessInfo } from "../support/processes.ts";
import { startKillableDatabase, type KillableDatabase } from "./killable-database.ts";
import { startProviderProcess } from "./provider-process.ts";
import { supervise, type Supervised } from "./supervisor.ts";

export type Arena = {
  sandbox: Sandbox;
  machines: LightMachines;
  database: KillableDatabase;
  sql: Sql;
  /** Ours to change. */
  stacksDir: string;
  workers: readonly Supervised[];
  workerUrls: readonly string[];
  providers: readonly Supervised[];
  /** Everything that the services started, and what is left of it. */
  findProcesses(): Promise<ProcessInfo[]>;
  /** As an operator stops the service. */
  stopWorkers(): Promise<void>;
  close(): Promise<void>;
};

export type ArenaOptions = { home: string; say: (line: string) => void };

const workerCount = 2;
/** A drain has this long before the supervisor kills. */
const stopMs = 90_000;
/** Every child inherits it, also one whose parents are dead. */
const markerName = "CLAWFLEET_CHAOS_RUN";
/** An hour of requests is used in a storm of minutes. */
const plenty = 100_000;

export async function startArena({ home, say }: ArenaOptions): Promise<Arena> {
  const marker = randomBytes(8).toString("hex");
  const opened: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (let last = opened.pop(); last; last = opened.pop()) await last();
  };
  try {
    const stacksDir = join(home, "stacks");
    await cp(sandboxStacks, stacksDir, { recursive: true });
    const dataDir = join(home, "data");
    await mkdir(dataDir);
    const database = await startKillableDatabase(dataDir);
    opened.push(async () => {
      await database.stop();
      await rm(dataDir, { recursive: true, force: true });
    });
    const sql = openDatabase(database.url, { max: 4, name: "chaos" });
    opened.push(() => sql.end({ timeout: 5 }));
    const machines = createLightMachines();
    const providers: Supervised[] = [];
    const ports = [await findFreePort(), await findFreePort()];
    const sandbox = await startSandbox({
      servicePort: ports[0] ?? 0,
      databaseUrl: database.url,
      stacksDir,
      driver: machines,
      hetzner: { speed: brisk, rateLimit: { perHour: plenty } },
      cloudflare: { rateLimit: plenty },
      providers: (options) => startProviderServers(options, providers, say),
    });
    opened.push(() => sandbox.close());
    opened.push(async () => {
      for (const { pid } of await findByEnvironment(`${markerName}=${marker}`)) tryKill(pid);
    });
    // What a killed runner leaves in the temporary folder goes with the storm's own.
    const scratch = join(home, "tmp");
    await mkdir(scratch);
    opened.push(() => rm(scratch, { recursive: true, force: true }));
    const env = { ...sandbox.env, ...quick, TMPDIR: scratch, [markerName]: marker };
    const workers = await Promise.all(
      ports.slice(0, workerCount).map((port, index) =>
        supervise({ say }, `worker ${index + 1}`, async () => {
          const log = join(home, `worker-${index + 1}.log`);
          const service = await startServiceProcess({ ...env, CLAWFLEET_LISTEN: `127.0.0.1:${port}` }, log);
          return { ...service, stop: () => service.stop(stopMs) };
        }),
      ),
    );
    const stopWorkers = async (): Promise<void> => {
      await Promise.all(workers.map((worker) => worker.stop()));
    };
    opened.push(stopWorkers);
    return {
      sandbox,
      machines,
      database,
      sql,
      stacksDir,
      workers,
      workerUrls: ports.map((port) => `http://127.0.0.1:${port}`),
      providers,
      findProcesses: () => findByEnvironment(`${markerName}=${marker}`),
      stopWorkers,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Short waits: what is proven is what is left in the end, and not how long it takes. */
const quick = {
  LOG_LEVEL: "debug",
  CLAWFLEET_RETRY_SECONDS: "0.3",
  CLAWFLEET_DELETE_CAP_COUNT: "1000",
  CLAWFLEET_CONVERGE_DEADLINE_SECONDS: "60",
};

/** Long enough that a kill falls between an order and its end. */
const brisk = {
  actionMs: {
    default: [{ share: 1, fromMs: 20, toMs: 150 }],
    create_server: [{ share: 1, fromMs: 150, toMs: 600 }],
    change_server_type: [{ share: 1, fromMs: 200, toMs: 800 }],
  },
  requestMs: { "POST /servers": [{ share: 1, fromMs: 20, toMs: 120 }] },
};

async function startProviderServers(
  options: ProvidersOptions,
  providers: Supervised[],
  say: (line: string) => void,
): Promise<Providers> {
  const named: string[] = [];
  for (const name of providerNames) {
    const port = await findFreePort();
    named.push(`${name}:${port}`);
    providers.push(
      await supervise({ say }, `provider ${name}`, () => startProviderProcess(name, port, options)),
    );
  }
  return {
    debugProviders: named.join(","),
    close: async () => {
      await Promise.all(providers.map((one) => one.stop()));
    },
  };
}

export function tryKill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}
