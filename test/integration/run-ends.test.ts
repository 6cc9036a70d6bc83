/**
 * Proves how a run is ended and what becomes of its instance: with real processes in the runner's place that die, hang or take no
 * signal, on a real PostgreSQL. It cannot prove that the engine obeys an interrupt; e2e/service.test.ts and storms do.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { runOnMachine } from "../../reconciler/health/machine-ssh.ts";
import { createRunnerPool, type RunnerPool } from "../../reconciler/engine/runner-pool.ts";
import { startRunner } from "../../reconciler/engine/runner.ts";
import { createAlerts } from "../../reconciler/messages/alerts.ts";
import type { ConvergeJob } from "../../reconciler/queue/jobs.ts";
import { createRecovery } from "../../reconciler/recovery/recovery.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";
import { startTestGate, type TestGate } from "../support/gate.ts";
import { createTestLog } from "../support/log.ts";
import { eventually } from "../support/poll.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";

/** In the place of infra/runner.ts; each takes its orders and does something else. */
const programs = {
  dies: "process.exit(3);",
  hangs: 'process.on("message", () => undefined);',
  "takes no signal": `
    import { appendFileSync } from "node:fs";
    const told = process.env["TOLD"];
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => appendFileSync(told, signal + "\\n"));
    process.on("message", ({ type }) => type === "run" && appendFileSync(told, "run\\n"));`,
};

let folder: string;
const { log } = createTestLog();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "clawfleet-run-ends-"));
  for (const [name, text] of Object.entries(programs)) await writeFile(programOf(name), text);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function programOf(name: string): string {
  return join(folder, `${name.replaceAll(" ", "-")}.mjs`);
}

describe("what becomes of the instance", () => {
  let side: BillingSide;
  let gate: TestGate["gate"];
  let job: ConvergeJob;
  const pools: RunnerPool[] = [];

  beforeAll(async () => {
    side = await startBillingSide();
    ({ gate } = await startTestGate(side.apply.sql, {}));
  });
  afterAll(async () => {
    await gate.close();
    await side.close();
  });
  beforeEach(async () => {
    side.subscribe("bob");
    await side.settle();
    const { sql } = side.apply;
    await sql`delete from pgboss.job`;
    // A cell that is up, and an instance that was: no cloud is asked before the run.
    const cell = {
      networkId: "1",
      subnetId: "1-1",
      sshKeyId: "1",
      zoneId: "z",
      zoneName: "claws.example",
      cloudflareRanges: ["173.245.48.0/20"],
    };
    await sql`update clawfleet.cells set outputs = ${sql.json(cell)}, observed_generation = generation`;
    const [row] = await sql<{ id: string; cell: string; type: string; location: string }[]>`
      select id, cell, server_type as type, location from clawfleet.instances`;
    const place = { serverType: row?.type ?? "", location: row?.location ?? "" };
    const host = "bob.claws.example";
    const outputs = { ...instanceOutputs, ...place, url: `https://${host}`, hosts: [host] };
    await sql`update clawfleet.instances set observed_phase = 'running', outputs = ${sql.json(outputs)}`;
    job = {
      stack: "bob",
      instanceId: row?.id ?? "",
      cell: row?.cell ?? "",
      kind: "converge",
      reason: "paid",
      actor: "test",
    };
  });
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.stop();
    await side.apply.sql`
      truncate clawfleet.instances, clawfleet.orders, clawfleet.operations, clawfleet.subscriptions cascade`;
  });

  function createDeps(program: keyof typeof programs, deadlineMs: number): ConvergeDeps {
    const { sql, queue, clock } = side.apply;
    const environment = { PATH: process.env["PATH"] ?? "" };
    const pool = createRunnerPool({ log, environment, program: programOf(program) });
    pools.push(pool);
    const cloudsOf = () => ({
      hetzner: createHetzner({ baseUrl: "http://127.0.0.1:9", token: "h", fetch }),
      cloudflare: createCloudflare({ baseUrl: "http://127.0.0.1:9", token: "c", fetch }),
    });
    return {
      sql,
      queue,
      clock,
      log,
      pool,
      gate,
      cloudsOf,
      redact: String,
      alerts: createAlerts({ sql, clock, log, redact: String }),
      workerName: "test-1",
      deadlineMs,
      recover: createRecovery({ sql, store: undefined, hostname: "test", clock, cloudsOf }),
      trimHistory: async () => undefined,
      random: () => 0.5,
      pricesOf: () => Promise.reject(new Error("no prices are here")),
      retryFirstMs: 5_000,
      masterKey: side.apply.masterKey,
      runOnMachine,
    };
  }

  async function seen() {
    const [row] = await side.apply.sql<
      { status: string; detail: string; failures: number; waitMs: number }[]
    >`
      select status, status_detail as detail, failures,
        round(extract(epoch from retry_at - ${side.now()}::timestamptz))::int * 1000 as "waitMs"
      from clawfleet.instances where slug = 'bob'`;
    return row;
  }

  test("a runner that dies is tried again at once twice, then with growing pauses", async () => {
    const waits: (number | undefined)[] = [];
    for (let count = 0; count < 4; count += 1) {
      // A recovery of what it left would ask the clouds.
      await side.apply.sql`truncate clawfleet.operations cascade`;
      await handleConvergeJob(createDeps("dies", 60_000), job, new AbortController().signal);
      waits.push((await seen())?.waitMs);
    }
    expect(waits).toEqual([0, 0, 20_000, 40_000]);
    expect(await seen()).toMatchObject({ status: "waiting", failures: 4 });
    expect((await seen())?.detail).toMatch(/^the runner (died|cannot be reached)/);
  });

  test("a run beyond its deadline is ended, says so, and waits before the next", async () => {
    await handleConvergeJob(createDeps("hangs", 500), job, new AbortController().signal);
    expect(await seen()).toMatchObject({ status: "waiting", failures: 1, waitMs: 5_000 });
    expect((await seen())?.detail).toBe("it took longer than 0.5 s");
    const rows = await side.apply.sql`select outcome from clawfleet.operations`;
    expect(rows).toEqual([{ outcome: "interrupted" }]);
  });

  test("one that a stop ends has not failed", async () => {
    const stop = new AbortController();
    const ended = handleConvergeJob(createDeps("hangs", 60_000), job, stop.signal);
    await eventually("it runs", async () => {
      const rows = await side.apply.sql`select 1 from clawfleet.operations where ended_at is null`;
      return rows.length === 1;
    });
    stop.abort(new Error("the service is stopping"));
    await ended;
    expect(await seen()).toMatchObject({ status: "waiting", failures: 0, waitMs: 0 });
  });
});

describe("the ladder", () => {
  const ladder = [
    { signal: "SIGINT", waitMs: 300 },
    { signal: "SIGINT", waitMs: 300 },
    { signal: "SIGTERM", waitMs: 300 },
    { signal: "SIGKILL", waitMs: 60_000 },
  ] as const;

  async function startStubborn(name: string) {
    const told = join(folder, name);
    await writeFile(told, "");
    const environment = { PATH: process.env["PATH"] ?? "", TOLD: told };
    const runner = startRunner({ log, environment, program: programOf("takes no signal"), ladder });
    return { runner, told: async () => (await readFile(told, "utf8")).trim().split("\n") };
  }
  const input = { kind: "up", stack: "bob", message: "test" } as const;

  test("interrupts twice, terminates, kills: what takes no signal is gone all the same", async () => {
    const { runner, told } = await startStubborn("stop");
    const stop = new AbortController();
    const outcome = runner.run(input, () => undefined, stop.signal);
    await eventually("it runs", async () => (await told()).includes("run"));
    stop.abort(new Error("enough"));
    expect(await outcome).toEqual({ kind: "interrupted", why: "enough" });
    expect(await told()).toEqual(["run", "SIGINT", "SIGINT", "SIGTERM"]);
    await eventually("it is dead", () => !runner.isAlive());
  });

  test("a claim that others have leaves no time: it is killed at once", async () => {
    const { runner, told } = await startStubborn("taken");
    const lost = new AbortController();
    const lease = { lost: lost.signal, endWithinMs: 0 };
    const outcome = runner.run(input, () => undefined, new AbortController().signal, lease);
    await eventually("it runs", async () => (await told()).includes("run"));
    lost.abort(new Error("others have it"));
    expect(await outcome).toEqual({ kind: "interrupted", why: "others have it" });
    await eventually("it is dead", () => !runner.isAlive());
  });
});
