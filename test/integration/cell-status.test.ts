/**
 * Proves on the real queue and a real PostgreSQL what each class of failure does to a cell and to those who wait for it: parked
 * with what to do, blocked, backoff; who wakes whom. No engine runs here: the pool answers as a run would have.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { enqueueProbes, heal } from "../../reconciler/converge/blocked.ts";
import { waitForCell } from "../../reconciler/converge/converge-cell.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import { toCellJob } from "../../reconciler/converge/jobs.ts";
import { enqueueDue, handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { findCellRow } from "../../reconciler/db/cell-status.ts";
import { listCells, upsertCell } from "../../reconciler/db/cells.ts";
import { findConvergeRow } from "../../reconciler/db/observed.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import type { RunOutcome } from "../../reconciler/engine/runner.ts";
import { applyCell, readCells } from "../../reconciler/operators/cells.ts";
import type { ConvergeJob, Reason } from "../../reconciler/queue/jobs.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";
import {
  cellOutputs,
  cellRun,
  createCannedRuns,
  failedRun,
  type CannedRuns,
} from "../support/canned-runs.ts";

const cell = "lab";
const minuteMs = 60_000;
let side: BillingSide;
let runs: CannedRuns;
let deps: ConvergeDeps;

beforeAll(async () => {
  side = await startBillingSide();
  runs = await createCannedRuns(side.apply);
  deps = runs.deps;
});
beforeEach(async () => {
  for (const slug of ["amy", "bob"]) side.subscribe(slug);
  await side.settle();
  await deps.sql`delete from pgboss.job`;
  side.lines.length = 0;
});
afterEach(async () => {
  await deps.sql`
    truncate clawfleet.blocks, clawfleet.instances, clawfleet.orders, clawfleet.operations, clawfleet.cells cascade`;
  await syncCells(side.apply);
});
afterAll(async () => {
  await runs.close();
  await side.close();
});

/** As a worker does with the cell's job. */
async function converge(result: RunOutcome | Error, reason: Reason = "paid"): Promise<void> {
  runs.answer = result;
  const job = toCellJob({ name: cell, retryReason: reason }, "test");
  await handleConvergeJob(deps, job, new AbortController().signal);
}

async function rowOf(slug: string) {
  const [found] = await deps.sql<{ id: string }[]>`select id from clawfleet.instances where slug = ${slug}`;
  const row = await findConvergeRow(deps.sql, found?.id ?? "");
  if (!row) throw new Error(`there is no ${slug}`);
  return row;
}

/** As a worker does with the instance's job. */
async function convergeInstance(slug: string, reason: Reason = "paid"): Promise<void> {
  const { id } = await rowOf(slug);
  const job = { stack: slug, instanceId: id, cell, kind: "converge", reason, actor: "test" } as const;
  await handleConvergeJob(deps, job, new AbortController().signal);
}

const seenCell = async () => (await readCells(deps.sql)).cells[0];
const waitMs = async () => {
  const [row] = await deps.sql<{ ms: number }[]>`
    select round(extract(epoch from retry_at - ${side.now()}::timestamptz))::int * 1000 as ms from clawfleet.cells`;
  return row?.ms;
};
async function seen(slug: string) {
  const [row] = await deps.sql<{ status: string; detail: string | null; by: string | null }[]>`
    select status, status_detail as detail, blocked_by as by from clawfleet.instances where slug = ${slug}`;
  return row;
}
async function takeJobs(): Promise<ConvergeJob[]> {
  const rows = await deps.sql<{ data: ConvergeJob }[]>`
    with taken as (delete from pgboss.job where name = 'converge' and state = 'created' returning data, priority)
    select data from taken order by priority desc, data ->> 'stack'`;
  return rows.map(({ data }) => data);
}
const takeQueued = async () => (await takeJobs()).map(({ stack, reason }) => `${stack} ${reason}`);

const refused = "invalid input in field 'ip_range' (invalid_input, 11aa)";
const ill = "internal error (unavailable)";
const locked = "network is locked (locked)";

describe("a cell that Hetzner refuses", () => {
  beforeEach(async () => {
    await convergeInstance("bob");
    await converge(failedRun(refused));
  });

  test("is parked, and the operators' list says why and what to do", async () => {
    expect(await seenCell()).toMatchObject({
      status: "parked",
      state: "open",
      detail: expect.stringMatching(/invalid input in field.*; Hetzner refuses.*correct it in stacks\//),
    });
    expect(side.lines).toContainEqual(expect.objectContaining({ alert: "parked", about: "cell.lab" }));
  });

  test("says so to those that wait for it, before and after, and nobody's need hurries it", async () => {
    expect(await seen("bob")).toMatchObject({
      status: "waiting",
      by: "cell",
      detail: expect.stringMatching(/^waiting for the cell lab: invalid input in field/),
    });
    await takeQueued();
    await convergeInstance("amy");
    expect((await seen("amy"))?.detail).toBe((await seen("bob"))?.detail);
    await syncCells(side.apply);
    side.advance(60 * minuteMs);
    await enqueueDue(deps);
    expect((await takeQueued()).filter((job) => job.startsWith("cell."))).toEqual([]);
  });

  test("is tried again with new settings", async () => {
    const [row] = await listCells(deps.sql);
    if (!row) throw new Error("there is no cell");
    const settings = { ...row.settings, capacity: row.settings.capacity - 1 };
    expect(await upsertCell(deps.sql, { ...row, settings, secrets: new Uint8Array() })).toBe("changed");
    expect(await seenCell()).toMatchObject({ status: "pending", detail: null });
    await takeQueued();
    await syncCells(side.apply);
    expect(await takeQueued()).toEqual(["cell.lab paid"]);
  });

  test("is tried again when an operator says so, comes up, and they go on at once", async () => {
    await takeQueued();
    await applyCell(side.apply, { cell, refresh: false, actor: "zoe" });
    expect(await takeQueued()).toEqual(["cell.lab operator"]);
    await converge(cellRun(1), "operator");
    expect(await seenCell()).toMatchObject({ status: "ready", detail: null });
    expect(await seen("bob")).toMatchObject({ status: "pending", by: null });
    expect(await takeQueued()).toEqual(["bob paid"]);
    const nowhere = applyCell(side.apply, { cell: "eu9", refresh: false, actor: "zoe" });
    await expect(nowhere).rejects.toMatchObject({ code: "not_found" });
  });
});

/** Who is ill together: everybody with the same token. */
const hetzner = () => deps.gate.budgetOf("hetzner", "default");

describe("a cell that waits for Hetzner", () => {
  test("is woken by the heal, and its instances by the cell", async () => {
    await convergeInstance("amy", "resync");
    await convergeInstance("bob", "paid");
    expect(await takeQueued(), "who needs it asks for it").toEqual(["cell.lab paid"]);
    await converge(failedRun(ill));
    expect(await findCellRow(deps.sql, cell)).toMatchObject({
      status: "waiting",
      blockedBy: "hetzner",
      blockedScope: hetzner(),
      failures: 0,
    });
    expect((await seen("bob"))?.detail).toBe(`waiting for the cell lab: waiting for Hetzner: ${ill}`);

    expect(await heal(deps, ["hetzner"], hetzner(), { force: true })).toBe(1);
    expect(await takeQueued(), "the cell first").toEqual(["cell.lab paid"]);
    await converge(cellRun(1));
    expect(await takeQueued(), "then its instances").toEqual(["bob paid", "amy resync"]);
  });

  test("looks itself, in turn with the instances that wait for the same", async () => {
    await converge(cellRun(1));
    await converge(failedRun(ill), "operator");
    await deps.sql`
      update clawfleet.instances set status = 'waiting', blocked_by = 'hetzner', blocked_scope = ${hetzner()}, retry_reason = 'paid'
      where slug = 'bob'`;
    const looked: string[] = [];
    for (let look = 0; look < 3; look += 1) {
      side.advance(15 * minuteMs);
      await takeQueued();
      await enqueueProbes(deps);
      looked.push(...(await takeQueued()));
    }
    expect(looked).toEqual(["cell.lab operator", "bob paid", "cell.lab operator"]);
  });

  test("waits for a higher limit with the remedy in its detail, until a success after which there is room", async () => {
    await converge(failedRun("network limit exceeded (resource_limit_exceeded)"));
    expect(await findCellRow(deps.sql, cell)).toMatchObject({
      status: "waiting",
      blockedBy: "hetzner-limit",
      statusDetail: expect.stringMatching(/^waiting for a higher limit at Hetzner: .*; ask Hetzner/),
    });
    expect(await heal(deps, ["hetzner"], hetzner(), { force: true })).toBe(0);
    expect(await heal(deps, ["hetzner-limit"], hetzner(), { force: true })).toBe(1);
  });
});

describe("a cell whose converge failed", () => {
  test("is tried again by itself, with growing pauses that end with a success", async () => {
    const waits: (number | undefined)[] = [];
    for (let round = 0; round < 3; round += 1) {
      await converge(failedRun(locked), "operator");
      const ms = (await waitMs()) ?? 0;
      waits.push(ms);
      await takeQueued();
      expect(await enqueueDue(deps), "not yet").toBe(0);
      side.advance(ms + 1_000);
      await enqueueDue(deps);
      expect(await takeQueued()).toEqual(["cell.lab operator"]);
    }
    expect(waits).toEqual([5_000, 10_000, 20_000]);
    await converge(cellRun(1));
    expect(await findCellRow(deps.sql, cell)).toMatchObject({
      status: "ready",
      failures: 0,
      retryReason: null,
    });
    expect(await waitMs()).toBeNull();
  });

  test("in a way that nobody foresaw waits as well: nothing is left to the queue", async () => {
    await convergeInstance("bob");
    await converge(new Error("the pool is out of its mind"));
    expect(await seenCell()).toMatchObject({ status: "waiting", detail: "the pool is out of its mind" });
    expect(await waitMs()).toBe(5_000);
    expect((await seen("bob"))?.detail).toBe("waiting for the cell lab: the pool is out of its mind");
  });

  test("keeps nobody waiting once its network stands", async () => {
    await converge(cellRun(1));
    await converge(failedRun(refused), "operator");
    expect(await seenCell()).toMatchObject({ status: "parked" });
    await convergeInstance("bob");
    expect(await seen("bob"), "it went on, as far as this test's clouds").toMatchObject({
      by: null,
      detail: "no cloud is here",
    });
  });
});

describe("an operator's order for a cell that is as desired", () => {
  test.each([
    ["alone", []],
    ["beside a more urgent one", [null]],
    ["beside another operator's", ["operator" as const]],
  ])("is done, with the clouds read anew or not: %s", async (_what, others) => {
    for (const refresh of [true, false]) {
      await converge(cellRun(1));
      runs.asked.length = 0;
      await applyCell(side.apply, { cell, refresh, actor: "zoe" });
      for (const retryReason of others)
        await deps.queue.enqueueConverge(deps.sql, toCellJob({ name: cell, retryReason }, "test"));
      for (const job of await takeJobs()) await handleConvergeJob(deps, job, new AbortController().signal);
      expect(runs.asked).toMatchObject([{ refresh }]);
    }
  });
});

describe("no instance is left behind", () => {
  test("when its cell comes up between its look and its wait", async () => {
    const before = await rowOf("bob");
    await converge(cellRun(1));
    await takeQueued();
    await waitForCell(deps, before, "paid");
    expect(await takeQueued()).toEqual(["bob paid"]);
    expect(await seen("bob")).toMatchObject({ status: "pending", by: null });
  });

  test("when the word of it is lost: one looks, finds the cell up, and wakes all", async () => {
    await convergeInstance("amy");
    await convergeInstance("bob");
    const row = await findCellRow(deps.sql, cell);
    await deps.sql`update clawfleet.cells set outputs = ${deps.sql.json(cellOutputs)}, status = 'ready',
      observed_generation = ${row?.generation ?? 0}`;
    await takeQueued();
    side.advance(minuteMs);
    await enqueueDue(deps);
    expect(await takeQueued()).toEqual(["amy paid"]);
    await convergeInstance("amy");
    expect(await takeQueued()).toEqual(["amy paid", "bob paid"]);
    expect(await seen("bob")).toMatchObject({ status: "pending", by: null });
  });

  test("when its settings change during the run: the cell runs again", async () => {
    await deps.sql`update clawfleet.cells set generation = generation + 1`;
    await takeQueued();
    await converge(cellRun(1));
    expect(await seenCell()).toMatchObject({ status: "pending" });
    expect(await takeQueued()).toEqual(["cell.lab paid"]);
  });
});
