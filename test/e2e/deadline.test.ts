/**
 * Proves with the real engine that a run beyond its deadline is ended although a cloud keeps it waiting, leaves no process and
 * no lock, and that the next run goes on with the server that it made. The ladder's steps are short here; their order and the
 * last one are proven in integration/run-ends.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createRunnerPool, type RunnerPool } from "../../reconciler/engine/runner-pool.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import type { ConvergeJob } from "../../reconciler/queue/jobs.ts";
import { startConvergeRig, type ConvergeRig } from "../support/converge-rig.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { findTestEngine } from "../support/engine.ts";
import { createTestLog } from "../support/log.ts";
import { eventually } from "../support/poll.ts";
import { findByEnvironment } from "../support/processes.ts";

const obstacle = (await findTestEngine()) === undefined ? "the engine is not installed" : undefined;
if (obstacle !== undefined) process.stderr.write(`skipped: ${obstacle}\n`);

const ladder = [
  { signal: "SIGINT", waitMs: 2_000 },
  { signal: "SIGINT", waitMs: 2_000 },
  { signal: "SIGTERM", waitMs: 2_000 },
  { signal: "SIGKILL", waitMs: 60_000 },
] as const;

let database: TestDatabase;
let rig: ConvergeRig;
let pool: RunnerPool;
let deps: ConvergeDeps;
let job: ConvergeJob;

const serversOf = (slug: string) =>
  rig.sandbox.hetzner
    .project()
    .servers()
    .filter(({ name }) => name === `cf-${slug}`);

async function rowOf(slug: string) {
  const [row] = await database.sql<{ status: string; detail: string | null; failures: number }[]>`
    select status, status_detail as detail, failures from clawfleet.instances where slug = ${slug}`;
  return row;
}

describe.skipIf(obstacle !== undefined)("a run that takes too long", () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    rig = await startConvergeRig(database);
    const { log } = createTestLog();
    pool = createRunnerPool({ log, environment: rig.environment, ladder });
    deps = { ...rig.createWorkerDeps(), pool };
    job = await rig.addInstance("dawn");
  });
  afterAll(async () => {
    await pool?.stop();
    await rig?.close();
    await database?.close();
  });

  test("is ended with everything that it started, and has failed", async () => {
    const effect = { kind: "hold-after", ms: 300_000 } as const;
    rig.sandbox.hetzner.faults.add({ method: "POST", path: "^/v1/servers$", effect });
    const ended = rig.converge({ ...deps, deadlineMs: 30_000 }, job, "paid");
    await expect(ended).rejects.toThrow("dawn is waiting: it took longer than 30 s");
    expect(await rowOf("dawn")).toMatchObject({ status: "waiting", failures: 1 });
    expect(serversOf("dawn")).toHaveLength(1);
    await eventually(
      "nothing of it runs",
      async () => (await findByEnvironment(`TMPDIR=${rig.tmp}`)).length === 0,
    );
  });

  test("the next one adopts what it made and comes to its end", async () => {
    rig.sandbox.hetzner.faults.clear();
    const [server] = serversOf("dawn");
    await rig.converge(deps, job, "paid");
    expect(serversOf("dawn").map(({ id }) => id)).toEqual([server?.id]);
    expect(await rowOf("dawn")).toMatchObject({ status: "ready", failures: 0 });
    const locks = await database.sql`select key from public.pulumi_state where key like '%/locks/%/dawn/%'`;
    expect(locks).toEqual([]);
  });
});
