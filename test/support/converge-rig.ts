/** Everything of a converge without the service around it: rows, queue, runners, the real engine, clouds, quiet machines. */
import { delimiter } from "node:path";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { backendEnvironment } from "../../infra/backend.ts";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { findFreeAddress } from "../../reconciler/desired/addresses.ts";
import { insertInstance } from "../../reconciler/db/instances.ts";
import { listAddresses } from "../../reconciler/db/cells.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { createRunnerPool, type RunnerPool } from "../../reconciler/engine/runner-pool.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import type { ConvergeJob, Reason } from "../../reconciler/queue/jobs.ts";
import { createQueue, type Queue } from "../../reconciler/queue/queue.ts";
import { createInstanceId, createInstanceSecrets } from "../../reconciler/secrets.ts";
import { sandboxStacks, startSandbox, type Sandbox } from "../sandbox/start.ts";
import { createCliCounter, type CliCounter } from "./cli-counter.ts";
import { findTestEngine } from "./engine.ts";
import { createTestLog } from "./log.ts";
import { createQuietMachines } from "./quiet-machines.ts";

export const rigCell = "lab";

export type ConvergeRig = {
  sandbox: Sandbox;
  queue: Queue;
  counter: CliCounter;
  stacksDir: string;
  /** Where runs have their folders. */
  tmp: string;
  /** Of whoever runs the CLI or the program: counted processes, backend, providers, tokens. */
  environment: Record<string, string>;
  /** What a worker has; with a pool of its own, which the caller stops. */
  createWorkerDeps(): ConvergeDeps & { pool: RunnerPool };
  addInstance(slug: string): Promise<ConvergeJob>;
  /** As the worker does it. @throws Error unless the row says afterwards that it is ready, or gone. */
  converge(deps: ConvergeDeps, job: ConvergeJob, reason: Reason): Promise<void>;
  close(): Promise<void>;
};

/** On an empty, migrated database. The cell is up when this resolves. */
export async function startConvergeRig(database: { sql: Sql; url: string }): Promise<ConvergeRig> {
  const { sql } = database;
  const binFolder = await findTestEngine();
  if (binFolder === undefined) throw new Error("the Pulumi engine is not installed; run: npm run engine");
  const home = await mkdtemp(join(tmpdir(), "clawfleet-rig-"));
  const stacksDir = join(home, "stacks");
  await cp(sandboxStacks, stacksDir, { recursive: true });
  const tmp = join(home, "tmp");
  await mkdir(tmp);
  const counter = await createCliCounter(binFolder);
  const driver = await createQuietMachines();
  const sandbox = await startSandbox({
    servicePort: 1,
    databaseUrl: database.url,
    driver,
    stacksDir,
    timeScale: 0.001,
  });
  const environment = {
    ...sandbox.env,
    ...backendEnvironment(sandbox.env),
    PATH: [counter.folder, sandbox.env["PATH"]].join(delimiter),
    CLAWFLEET_POLL_INTERVAL: "10ms",
    TMPDIR: tmp,
  };
  const { log } = createTestLog();
  const clock = { now: () => new Date() };
  const queue = createQueue({ sql, connectionString: database.url, log });
  await queue.start();
  const masterKey = sandbox.env["CLAWFLEET_MASTER_KEY"] ?? "";
  const files = () => readStackFiles(stacksDir);
  const { plans } = await files();
  await syncCells({ sql, queue, log, masterKey, files });

  const createWorkerDeps: ConvergeRig["createWorkerDeps"] = () => ({
    sql,
    queue,
    clock,
    log,
    pool: createRunnerPool({ log, environment }),
    redact: createRedact([]),
    workerName: "rig",
    deadlineMs: 600_000,
    plans: () => plans,
    cloudsOf: () => ({
      hetzner: createHetzner({ baseUrl: sandbox.hetzner.url, token: sandbox.hetzner.token, fetch }),
      cloudflare: createCloudflare({
        baseUrl: sandbox.cloudflare.url,
        token: sandbox.env["CLOUDFLARE_API_TOKEN"] ?? "",
        fetch,
      }),
    }),
    random: Math.random,
    retryFirstMs: 100,
  });

  const converge: ConvergeRig["converge"] = async (deps, job, reason) => {
    await handleConvergeJob(deps, { ...job, reason }, new AbortController().signal);
    if (job.instanceId === undefined) return;
    const [row] = await sql<{ status: string; detail: string | null }[]>`
      select status, status_detail as detail from clawfleet.instances where id = ${job.instanceId}`;
    if (row?.status !== "ready" && row?.status !== "gone")
      throw new Error(`${job.stack} is ${row?.status}: ${row?.detail}`);
  };

  const first = createWorkerDeps();
  await converge(first, toJob(`cell.${rigCell}`), "paid");
  await first.pool.stop();
  await counter.take();

  return {
    sandbox,
    queue,
    counter,
    stacksDir,
    tmp,
    environment,
    createWorkerDeps,
    async addInstance(slug) {
      const id = createInstanceId();
      const taken = new Set(await listAddresses(sql, rigCell));
      const privateIp = findFreeAddress("10.0.0.0/24", taken, "10.0.0.2") ?? "";
      const secrets = createInstanceSecrets(masterKey, id);
      await insertInstance(sql, {
        ...usual,
        id,
        slug,
        subscriptionId: id,
        privateIp,
        secrets,
        now: clock.now(),
      });
      return { ...toJob(slug), instanceId: id };
    },
    converge,
    async close() {
      await queue.stop(1000);
      await sandbox.close();
      await driver.close();
      await counter.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

const usual = {
  provider: "comped",
  customerId: "rig",
  email: null,
  cell: rigCell,
  plan: "starter",
  phase: "running",
  phaseReason: "it is a test",
  nextChangeAt: null,
  override: {},
  serverType: "cx23",
  location: "nbg1",
  desiredHash: "rig",
} as const;

function toJob(stack: string): ConvergeJob {
  return { stack, cell: rigCell, kind: "converge", reason: "paid", actor: "rig" };
}
