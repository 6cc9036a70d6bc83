/** The whole product for a test file: sandbox, the reconciler as a child process, a database of its own, and handles on them. */
import { randomUUID } from "node:crypto";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Stripe from "stripe";
import { createFleetClient, unwrap, type FleetClient } from "../../reconciler/cli/client.ts";
import { createPatientFetch } from "../../reconciler/cli/requests.ts";
import { findFreePort } from "../../reconciler/db/free-port.ts";
import type { FleetRow } from "../../reconciler/db/fleet.ts";
import type { OperationAnswer } from "../../reconciler/routes/operations.ts";
import { checkNamespaces } from "../sandbox/machines/namespace.ts";
import { startServiceProcess, type ServiceProcess } from "../sandbox/service-process.ts";
import { sandboxStacks, startSandbox, type Sandbox } from "../sandbox/start.ts";
import { createCloudChecks } from "./cloud-checks.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { readDiary } from "./diary.ts";
import { findTestEngine } from "./engine.ts";
import { eventually } from "./poll.ts";

export type Fleet = {
  sandbox: Sandbox;
  database: TestDatabase;
  service: ServiceProcess;
  client: FleetClient;
  stripe: Stripe;
  /** A copy of the sandbox's `stacks/`, ours to change. */
  stacksDir: string;
  /** What the service wrote so far. */
  readLog(): Promise<string>;
  /** One more reconciler on the same database; by default everything in one process. */
  startSecond(env?: Record<string, string>, args?: readonly string[]): Promise<ServiceProcess>;
  find(slug: string): Promise<FleetRow>;
  operations(slug: string): Promise<OperationAnswer[]>;
  provision(slug: string, plan?: string): Promise<void>;
  deprovision(slug: string): Promise<void>;
  /** Asks for a converge and waits for the operation that follows. */
  apply(slug: string, options?: { refresh: boolean }): Promise<OperationAnswer>;
  /** Waits for the first operation of this kind after `after`. */
  nextOperation(slug: string, after: number, kinds: readonly string[]): Promise<OperationAnswer>;
  lastOperationId(slug: string): Promise<number>;
  untilStatus(slug: string, status: FleetRow["status"], timeoutMs?: number): Promise<FleetRow>;
  writeOverride(slug: string, lines: readonly string[]): Promise<void>;
  /** Takes everything down; fails when a cloud said what the real one cannot say. */
  close(): Promise<void>;
};

/** Four times what a loaded machine of two slow cores took: a bound is for what never happens. */
const waitMs = 240_000;

/** Why the real engine or the machines cannot be had here; undefined when they can. */
export async function findObstacle(): Promise<string | undefined> {
  if ((await findTestEngine()) === undefined) return "the Pulumi engine is not installed (npm run engine)";
  const check = await checkNamespaces();
  return check.usable ? undefined : `no machines: ${check.reason}; ${check.remedy}`;
}

export type FleetOptions = {
  /** What the first reconciler is started with. Default `start`. */
  args?: readonly string[];
  /** Zones of the Cloudflare account beside the cell's own. */
  moreZones?: readonly string[];
  /** Sees the clouds before the service does. */
  prepare?: (sandbox: Sandbox) => void;
};

export async function startFleet(
  env: Record<string, string> = {},
  { args = ["start"], moreZones = [], prepare }: FleetOptions = {},
): Promise<Fleet> {
  const home = await mkdtemp(join(tmpdir(), "clawfleet-fleet-"));
  const stacksDir = join(home, "stacks");
  await cp(sandboxStacks, stacksDir, { recursive: true });
  const database = await createTestDatabase();
  const conformity = createCloudChecks();
  const sandbox = await startSandbox({
    servicePort: await findFreePort(),
    databaseUrl: database.url,
    stacksDir,
    moreZones: [...moreZones],
    checks: conformity.checks,
  });
  prepare?.(sandbox);
  const logFile = join(home, "service.log");
  const service = await startServiceProcess({ ...sandbox.env, LOG_LEVEL: "debug", ...env }, logFile, args);
  const others: ServiceProcess[] = [];
  const adminKey = sandbox.env["CLAWFLEET_ADMIN_KEY"] ?? "";
  // As the command line does: who looks as often as tests do is told to wait now and then.
  const patient = createPatientFetch({ fetch, sleep, newKey: randomUUID });
  const client = createFleetClient({ url: service.url, adminKey, fetch: patient });
  const { hostname, port } = new URL(sandbox.stripe.origin);
  const stripe = new Stripe(sandbox.stripe.key, { host: hostname, port: Number(port), protocol: "http" });

  const show = (slug: string) => unwrap(client.instances[":slug"].$get({ param: { slug } }));
  const operations = async (slug: string) => (await show(slug)).operations;
  const lastOperationId = async (slug: string) =>
    Math.max(0, ...(await operations(slug)).map((operation) => operation.id));
  /** As `eventually`; what never happened is explained by what the instance was doing. */
  const eventuallyOf = <T>(slug: string, what: string, look: () => Promise<T>, timeoutMs: number) =>
    eventually(`${slug}: ${what}`, look, timeoutMs).catch(async (error: unknown) => {
      const said = error instanceof Error ? error.message : String(error);
      throw new Error(`${said}\n  ${await readDiary({ database, sandbox }, slug)}`, { cause: error });
    });
  const nextOperation: Fleet["nextOperation"] = (slug, after, kinds) =>
    eventuallyOf(
      slug,
      `an operation ${kinds.join("/")} after ${after}`,
      async () =>
        (await operations(slug))
          .filter((one) => one.id > after && kinds.includes(one.kind) && one.endedAt !== null)
          .toSorted((a, b) => a.id - b.id)[0],
      waitMs,
    );

  return {
    sandbox,
    database,
    service,
    client,
    stripe,
    stacksDir,
    readLog: () => readFile(logFile, "utf8"),
    async startSecond(more = {}, secondArgs = ["start"]) {
      const listen = `127.0.0.1:${await findFreePort()}`;
      const second = await startServiceProcess(
        { ...sandbox.env, CLAWFLEET_LISTEN: listen, ...env, ...more },
        logFile,
        secondArgs,
      );
      others.push(second);
      return second;
    },
    find: async (slug) => (await show(slug)).instance,
    operations,
    lastOperationId,
    nextOperation,
    async provision(slug, plan = "starter") {
      await unwrap(client.instances.$post({ json: { slug, plan } }));
    },
    async deprovision(slug) {
      await unwrap(client.instances[":slug"].$delete({ param: { slug }, query: {} }));
    },
    async apply(slug, { refresh } = { refresh: false }) {
      const query = refresh ? { refresh: "true" as const } : {};
      const { after } = await unwrap(client.instances[":slug"].apply.$post({ param: { slug }, query }));
      return await nextOperation(slug, after, ["up", "destroy"]);
    },
    untilStatus: (slug, status, timeoutMs = waitMs) =>
      eventuallyOf(
        slug,
        `is ${status}`,
        async () => {
          const { instance } = await show(slug);
          return instance.status === status ? instance : undefined;
        },
        timeoutMs,
      ),
    async writeOverride(slug, lines) {
      await writeFile(
        join(stacksDir, `Pulumi.${slug}.yaml`),
        `config:\n${lines.map((line) => `  clawfleet:${line}\n`).join("")}`,
      );
    },
    async close() {
      for (const one of [...others, service]) await one.stop(20_000);
      await sandbox.close();
      await database.close();
      await rm(home, { recursive: true, force: true });
      conformity.expectConform();
    },
  };
}
