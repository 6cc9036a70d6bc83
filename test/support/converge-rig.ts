/** Everything of a converge without the service around it: rows, queue, runners, the real engine, clouds, quiet machines. */
import { delimiter } from "node:path";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "postgres";
import { backendEnvironment } from "../../infra/backend.ts";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import { handleConvergeJob, type WorkerDeps } from "../../reconciler/converge/worker.ts";
import { beginReading, storeReadings } from "../../reconciler/db/subscriptions.ts";
import { applyDesired } from "../../reconciler/desired/apply.ts";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { runOnMachine } from "../../reconciler/health/machine-ssh.ts";
import { createRunnerPool, type RunnerPool } from "../../reconciler/engine/runner-pool.ts";
import { createRecovery } from "../../reconciler/recovery/recovery.ts";
import { openStateStore } from "../../reconciler/recovery/state-store.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import type { ConvergeJob, Reason } from "../../reconciler/queue/jobs.ts";
import { createQueue, type Queue } from "../../reconciler/queue/queue.ts";
import { sandboxStacks, startSandbox, type Sandbox } from "../sandbox/start.ts";
import { createCliCounter, type CliCounter } from "./cli-counter.ts";
import { findTestEngine } from "./engine.ts";
import { startTestGate } from "./gate.ts";
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
  createWorkerDeps(): WorkerDeps & { pool: RunnerPool };
  apply: ApplyDeps;
  /** What follows from a payment: a desired row and a job. */
  pay(slug: string): Promise<void>;
  /** Every plan reads differently from now on. */
  changePlans(): Promise<void>;
  /** A paid customer's, by way of the desired rows. */
  addInstance(slug: string): Promise<ConvergeJob>;
  /** What follows from a pull request that gives the customer this line of an override; who gives the job is up to the caller. */
  override(job: ConvergeJob, line: string): Promise<void>;
  /** All of them are as desired. */
  isSettled(jobs: readonly ConvergeJob[]): Promise<boolean>;
  /** As the worker does it. @throws Error unless the row says afterwards that it is ready, or gone. */
  converge(deps: ConvergeDeps, job: ConvergeJob, reason: Reason): Promise<void>;
  close(): Promise<void>;
};

/** On an empty, migrated database. The cell is up when this resolves. */
export async function startConvergeRig(
  database: { sql: Sql; url: string },
  clock: { now(): Date } = { now: () => new Date() },
): Promise<ConvergeRig> {
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
  const queue = createQueue({ sql, connectionString: database.url, log });
  await queue.start();
  const masterKey = sandbox.env["CLAWFLEET_MASTER_KEY"] ?? "";
  const files = () => readStackFiles(stacksDir);
  await syncCells({ sql, queue, log, masterKey, files });
  await sql`delete from pgboss.job`;

  const apply: ApplyDeps = { sql, queue, clock, log, masterKey, files };
  const pay: ConvergeRig["pay"] = async (slug) => {
    const readAt = clock.now();
    const reading = { ...usual, id: `sub-${slug}`, customerId: `customer-${slug}`, slug, createdAt: readAt };
    const asked = await beginReading(sql, readAt);
    await storeReadings(sql, { provider: "comped", readings: [reading], asked });
    await applyDesired(apply, { kind: "slugs", slugs: [slug], reason: "paid", actor: "rig" });
  };

  const tokens = {
    hcloudToken: sandbox.hetzner.token,
    cloudflareToken: sandbox.env["CLOUDFLARE_API_TOKEN"] ?? "",
  };
  const clouds = { hetzner: sandbox.hetzner.url, cloudflare: sandbox.cloudflare.url };
  const { gate } = await startTestGate(sql, clouds, { accounts: { default: tokens } });
  const cloudsOf = () => ({
    hetzner: createHetzner({ baseUrl: clouds.hetzner, token: tokens.hcloudToken, fetch }),
    cloudflare: createCloudflare({ baseUrl: clouds.cloudflare, token: tokens.cloudflareToken, fetch }),
  });
  const store = openStateStore(sql, { backend: database.url, database: database.url });

  const createWorkerDeps: ConvergeRig["createWorkerDeps"] = () => ({
    sql,
    queue,
    clock,
    log,
    pool: createRunnerPool({ log, environment }),
    redact: createRedact([]),
    workerName: "rig",
    deadlineMs: 600_000,
    gate,
    recover: createRecovery({ sql, store, hostname: hostname(), clock, cloudsOf }),
    trimHistory: async (stack) => await store?.trimHistory(stack),
    cloudsOf,
    pricesOf: () => Promise.reject(new Error("no prices are here")),
    random: Math.random,
    retryFirstMs: 100,
    masterKey: sandbox.env["CLAWFLEET_MASTER_KEY"] ?? "",
    runOnMachine,
    onAlert: () => undefined,
  });

  const converge: ConvergeRig["converge"] = async (deps, job, reason) => {
    await handleConvergeJob(deps, { ...job, reason }, new AbortController().signal);
    if (job.instanceId === undefined || job.kind === "preview") return;
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
    apply,
    pay,
    async changePlans() {
      const file = join(stacksDir, "plans.yaml");
      const text = await readFile(file, "utf8");
      await writeFile(
        file,
        text.replaceAll(/summary: .*/g, (line) => `${line} New.`),
      );
    },
    async addInstance(slug) {
      await pay(slug);
      // Who gives the jobs is up to the caller.
      await sql`delete from pgboss.job where name = 'converge'`;
      const [row] = await sql<{ id: string }[]>`select id from clawfleet.instances where slug = ${slug}`;
      if (!row) throw new Error(`there is no instance ${slug}`);
      return { ...toJob(slug), instanceId: row.id };
    },
    async override({ stack: slug }, line) {
      await writeFile(join(stacksDir, `Pulumi.${slug}.yaml`), `config:\n  clawfleet:${line}\n`);
      const reason = "pull-request";
      const { changed } = await applyDesired(apply, { kind: "slugs", slugs: [slug], reason, actor: "rig" });
      if (changed !== 1) throw new Error(`${line} changes nothing of ${slug}`);
      await sql`delete from pgboss.job where name = 'converge' and singleton_key = ${slug}`;
    },
    async isSettled(jobs) {
      const ids = jobs.map((job) => job.instanceId ?? "");
      const [row] = await sql<{ open: number }[]>`
        select count(*)::int as open from clawfleet.instances
        where id = any(${ids}::text[]) and (status <> 'ready' or observed_generation < generation)`;
      return row?.open === 0;
    },
    converge,
    async close() {
      await queue.stop(1000);
      await gate.close();
      await store?.close();
      await sandbox.close();
      await counter.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}

const usual = {
  email: null,
  orderId: null,
  priceKeys: ["starter"],
  status: "active",
  periodEnd: null,
  cancelAt: null,
  endedAt: null,
};

function toJob(stack: string): ConvergeJob {
  return { stack, cell: rigCell, kind: "converge", reason: "paid", actor: "rig" };
}
