/**
 * Proves that `fleet` waits as long as its order's job does, and ends with what the instance says once the job has ended without an
 * operation: the API, the queue and the worker are real. No engine runs, and no cloud can be asked.
 */
import { Hono } from "hono";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { applyCommand, environmentCommand, provisionCommand } from "../../reconciler/cli/commands.ts";
import { stepCommand } from "../../reconciler/cli/machine.ts";
import { handleConvergeJob, startConvergeWorker } from "../../reconciler/converge/worker.ts";
import { createOperators } from "../../reconciler/operators/operators.ts";
import type { ConvergeJob } from "../../reconciler/queue/jobs.ts";
import type { Queue } from "../../reconciler/queue/queue.ts";
import type { OperatorEnv } from "../../reconciler/routes/access.ts";
import { createCellRoutes } from "../../reconciler/routes/cells.ts";
import { createInstanceRoutes } from "../../reconciler/routes/instances.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { cellOutputs, createCannedRuns, failedRun, type CannedRuns } from "../support/canned-runs.ts";
import { createCliIo } from "../support/cli-io.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";
import { eventually } from "../support/poll.ts";

const json = { json: true } as const;
let api: AdminApp;
let canned: CannedRuns;
const sql = () => api.database.sql;

beforeAll(async () => {
  api = await startAdminApp();
  canned = await createCannedRuns(api.apply);
});
afterAll(async () => {
  await canned?.close();
  await api?.close();
});
beforeEach(async () => {
  await sql()`truncate clawfleet.instances, clawfleet.operations, clawfleet.blocks, clawfleet.pauses cascade`;
  await sql()`delete from pgboss.job`;
  await sql()`
    update clawfleet.cells set outputs = ${sql().json(cellOutputs)}, status = 'ready', status_detail = null,
      observed_generation = generation`;
});

/** One that nobody has made yet: a run would ask for its records first. */
async function provision(slug: string): Promise<void> {
  await api.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });
  await sql()`delete from pgboss.job`;
}

/** One with a server. */
async function setUp(slug: string): Promise<void> {
  await provision(slug);
  const outputs = sql().json({ ...instanceOutputs, serverId: "7" });
  await sql()`
    update clawfleet.instances set observed_generation = generation, status = 'ready', observed_phase = 'running',
      outputs = ${outputs} where slug = ${slug}`;
}

/** `take` resolves when it has the next job, with which it begins when it is told to. */
function startWorker(deps = canned.deps): { take: Promise<void>; begin(): void; end(): Promise<void> } {
  const taken = Promise.withResolvers<void>();
  const begin = Promise.withResolvers<void>();
  const queue: Queue = {
    ...api.apply.queue,
    work: (name, options, handle) =>
      api.apply.queue.work(name, options, async (job, signal) => {
        taken.resolve();
        await begin.promise;
        await handle(job, signal);
      }),
  };
  const worker = startConvergeWorker({ ...deps, queue, onAlert: () => undefined }, { concurrency: 1 });
  return {
    take: taken.promise,
    begin: () => begin.resolve(),
    async end() {
      await eventually("nothing is queued", async () => (await countJobs()) === 0);
      await worker.stop(10_000);
    },
  };
}

async function countJobs(): Promise<number> {
  const [row] = await sql()<{ count: number }[]>`
    select count(*)::int as count from pgboss.job where name = 'converge' and state <= 'active'`;
  return row?.count ?? 0;
}

/** As `steps` go by, one at each wait; it has to end with the look after the last one. */
function createIo(...steps: (() => Promise<void>)[]) {
  let waits = 0;
  const made = createCliIo(api, async () => {
    const step = steps[waits];
    waits += 1;
    if (!step) throw new Error("it waits on");
    await step();
  });
  return { ...made, waits: () => waits };
}

const nothing = () => Promise.resolve();

test("an order is waited for while its job waits and while it runs, and ends when that failed before the run", async () => {
  await provision("ada");
  // What it said before the order is no answer to it.
  await sql()`update clawfleet.instances set status = 'parked', status_detail = 'an old trouble'`;
  let worker: ReturnType<typeof startWorker> | undefined;
  const { io, said, waits } = createIo(
    nothing,
    nothing,
    async () => {
      worker = startWorker();
      await worker.take;
    },
    nothing,
    async () => {
      worker?.begin();
      await worker?.end();
    },
  );
  expect(await applyCommand(io, "ada")).toBe(1);
  expect(waits()).toBe(5);
  expect(said).toEqual([
    "apply of ada is queued",
    "no operation came of it: ada is waiting: no cloud is here",
    expect.stringContaining("what to do: nothing, or what it says: it goes on by itself"),
  ]);
  expect(await sql()`select 1 from clawfleet.operations`).toEqual([]);
});

/** What a worker does from taking the next job to nothing being queued any more. */
async function work(deps = canned.deps): Promise<void> {
  const worker = startWorker(deps);
  worker.begin();
  await worker.end();
}

/** What a worker has whose runs fail before they begin. */
function withoutBudget(): CannedRuns["deps"] {
  const openPass = () => {
    throw new Error("no budget is here");
  };
  return { ...canned.deps, gate: { ...canned.deps.gate, openPass } };
}

describe("an order ends with the instance's own words when it", () => {
  test("was paused before its turn, for a program too", async () => {
    await setUp("ada");
    const { io, said } = createIo(async () => {
      await api.request("PUT", "/api/v1/pauses/ada");
      await work();
    });
    expect(await applyCommand(io, "ada", json)).toBe(1);
    const [, printed = "", ...notes] = said;
    expect(JSON.parse(printed)).toEqual({
      name: "ada",
      after: 0,
      error: { message: "nothing was done: ada is paused", remedy: "fleet resume ada" },
    });
    expect(notes).toEqual(["nothing was done: ada is paused", "what to do: fleet resume ada"]);
  });

  test("was held before its turn, and is a step", async () => {
    await setUp("ada");
    const { io, said } = createIo(async () => {
      await sql()`update clawfleet.instances set override = '{"hold": true}'`;
      await work();
    });
    expect(await stepCommand(io, "ada", "restart", {})).toBe(1);
    expect(said.slice(1)).toEqual([
      "nothing was done: ada is held as it is by its override",
      expect.stringContaining("take clawfleet:hold out"),
    ]);
  });

  test("was stopped, and is a step that a removal would be", async () => {
    await setUp("ada");
    await sql()`insert into clawfleet.health (instance_id, probe_at, verdict) select id, now(), 'ill' from clawfleet.instances`;
    const { io, said } = createIo(async () => {
      await api.request("PUT", "/api/v1/halt", { body: {} });
      await work();
      await api.request("DELETE", "/api/v1/halt");
    });
    expect(await stepCommand(io, "ada", "rebuild", { yes: true })).toBe(1);
    expect(said.slice(1)).toEqual([
      "no operation came of it: ada is ready",
      expect.stringContaining("fleet show ada"),
    ]);
  });

  test("waits for a zone that its cell has not looked up", async () => {
    await setUp("ada");
    await sql()`update clawfleet.instances set override = '{"customDomain": "ada.example"}'`;
    const { io, said } = createIo(() => work());
    const read = () => Promise.resolve("x");
    expect(await environmentCommand(io, "ada", "API_KEY", { read })).toBe(1);
    expect(said.at(-2)).toContain("ada is waiting: the cell lab has not looked up the zone of ada.example");
  });

  test("is about a cell whose run does not begin", async () => {
    const { io, said } = createIo(nothing, () => work(withoutBudget()));
    expect(await applyCommand(io, "cell.lab")).toBe(1);
    expect(said[1]).toContain("no operation came of it: cell.lab is waiting: no budget is here");
    expect(said[2]).toContain("fleet show cell.lab");
  });
});

test("an order that waits for its cell is waited for as long as the cell is worked on", async () => {
  await sql()`update clawfleet.cells set outputs = null, status = 'pending'`;
  const doNext = async (): Promise<void> => {
    const [row] = await sql()<{ id: string; data: ConvergeJob }[]>`
      select id, data from pgboss.job where name = 'converge' and state < 'active' order by created_on limit 1`;
    if (!row) throw new Error("nothing is queued");
    await handleConvergeJob(canned.deps, row.data, new AbortController().signal);
    await sql()`delete from pgboss.job where id = ${row.id}`;
  };
  canned.answer = failedRun("error: sending request: internal error (unavailable)");
  const blocked = async (): Promise<void> => {
    await doNext();
    expect(await countJobs()).toBe(1);
  };
  const { io, said, waits } = createIo(nothing, blocked, nothing, doNext);
  expect(await provisionCommand(io, "ada", { plan: "starter" })).toBe(1);
  expect(waits()).toBe(4);
  expect(said.at(-2)).toContain(
    "no operation came of it: ada is waiting: waiting for the cell lab: waiting for Hetzner",
  );
});

test("a preview for somebody's plan is no order, and keeps nobody waiting", async () => {
  await setUp("ada");
  const idle = async () => (await api.request("GET", "/api/v1/instances/ada")).body;
  const [row] = await sql()<{ id: string }[]>`select id from clawfleet.instances`;
  const job: ConvergeJob = {
    stack: "ada",
    instanceId: row?.id ?? "",
    cell: "lab",
    kind: "preview",
    reason: "pull-request",
    actor: "git",
  };
  await api.apply.queue.enqueueConverge(sql(), { ...job, planId: 1 });
  expect(await idle()).toMatchObject({ idle: true });
  await api.apply.queue.enqueueConverge(sql(), job);
  expect(await idle()).toMatchObject({ idle: false });
});

describe("an answer that nothing is queued has", () => {
  /** The job that waits ends at the latest moment at which the answer may still say that none does. */
  function createRoutes() {
    const operators = createOperators({ ...api.apply, sleep: () => Promise.resolve() });
    const isIdle = async (stack: string) => {
      await work(withoutBudget());
      return await operators.operations.isIdle(stack);
    };
    const deps = { ...operators, sql: sql(), operations: { ...operators.operations, isIdle } };
    return new Hono<OperatorEnv>()
      .use(async (c, next) => {
        c.set("operator", { name: "test", keyId: "1", scopes: new Set(["read"]) });
        await next();
      })
      .route("/instances", createInstanceRoutes(deps))
      .route("/cells", createCellRoutes(deps));
  }

  test("the instance and its operations as the last job left them", async () => {
    await setUp("ada");
    await api.request("POST", "/api/v1/instances/ada/apply");
    const answer = await (await createRoutes().request("/instances/ada")).json();
    expect(answer).toMatchObject({ idle: true, instance: { status: "waiting" }, operations: [] });
  });

  test("the cell as the last job left it", async () => {
    await api.request("POST", "/api/v1/cells/lab/apply");
    const answer = await (await createRoutes().request("/cells/lab")).json();
    expect(answer).toMatchObject({ idle: true, cell: { status: "waiting" }, operations: [] });
  });
});
