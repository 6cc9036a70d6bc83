/**
 * Proves where paid orders go when there are several cells, above all when many come at once and when every cell is full:
 * none overfull, none lost, and what waited goes on. On a real PostgreSQL with two processes' pools; no engine runs.
 */
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readConditions } from "../../reconciler/conditions.ts";
import { openDatabase } from "../../reconciler/db/database.ts";
import { beginReading, storeReadings } from "../../reconciler/db/subscriptions.ts";
import { applyDesired, type ApplyResult } from "../../reconciler/desired/apply.ts";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { findSellingZone } from "../../reconciler/desired/selling.ts";
import { readCellFiles, readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { drainCell, readCells } from "../../reconciler/operators/cells.ts";
import { createQueue, type Queue } from "../../reconciler/queue/queue.ts";
import { lookForRoom } from "../../reconciler/service/clocks.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { starterKey } from "../support/billing.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTestLog } from "../support/log.ts";

let database: TestDatabase;
let stacksDir: string;
const cellFiles = async () => (await readCellFiles(stacksDir)).cells;
let alerts: string[];
let one: ApplyDeps;
let other: ApplyDeps;
const queues: Queue[] = [];

beforeEach(async () => {
  stacksDir = await mkdtemp(join(tmpdir(), "clawfleet-stacks-"));
  await cp(join(sandboxStacks, "plans.yaml"), join(stacksDir, "plans.yaml"));
  database = await createTestDatabase();
  alerts = [];
  one = await createApply();
  other = await createApply();
});
afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.stop(0)));
  await Promise.all([one.sql.end(), other.sql.end()]);
  await database.close();
  await rm(stacksDir, { recursive: true, force: true });
});

/** What one process of ours has. */
async function createApply(): Promise<ApplyDeps> {
  const { log } = createTestLog();
  const sql = openDatabase(database.url, { max: 10 });
  const queue = createQueue({ sql, connectionString: database.url, log });
  queues.push(queue);
  await queue.start();
  return {
    sql,
    queue,
    log,
    clock: { now: () => new Date() },
    masterKey: "ab".repeat(32),
    files: () => readStackFiles(stacksDir),
    onAlert: ({ kind }) => alerts.push(kind),
  };
}

async function writeCell(name: string, keys: Record<string, string | number>): Promise<void> {
  const lines = Object.entries({ zone: `${name}.example`, ...keys }).map(
    ([key, value]) => `  clawfleet:${key}: ${value}\n`,
  );
  await writeFile(join(stacksDir, `Pulumi.cell.${name}.yaml`), `config:\n${lines.join("")}`);
}

async function addCell(name: string, keys: Record<string, string | number> = {}): Promise<void> {
  await writeCell(name, keys);
  await syncCells(one);
}

async function pay(slug: string): Promise<void> {
  const now = new Date();
  const reading = {
    id: `sub_${slug}`,
    customerId: `cus_${slug}`,
    email: null,
    slug,
    orderId: null,
    priceKeys: [starterKey],
    status: "active",
    createdAt: now,
    periodEnd: null,
    cancelAt: null,
    endedAt: null,
  };
  const asked = await beginReading(database.sql, now);
  await storeReadings(database.sql, { provider: "stripe", asked, readings: [reading] });
}

function apply(deps: ApplyDeps, slugs: readonly string[]): Promise<ApplyResult> {
  return applyDesired(deps, { kind: "slugs", slugs, reason: "resync", actor: "test" });
}

async function order(deps: ApplyDeps, slug: string): Promise<ApplyResult> {
  await pay(slug);
  return await apply(deps, [slug]);
}

const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `c${index}`);

async function countByCell(): Promise<Record<string, number>> {
  const rows = await database.sql<{ cell: string; count: number }[]>`
    select coalesce(cell, 'waiting') as cell, count(*)::int as count from clawfleet.instances
    where status <> 'gone' group by 1 order by 1`;
  return Object.fromEntries(rows.map(({ cell, count }) => [cell, count]));
}

const find = async (slug: string) =>
  (
    await database.sql<{ cell: string | null; status: string; detail: string | null; location: string }[]>`
      select cell, status, status_detail as detail, location from clawfleet.instances where slug = ${slug} and status <> 'gone'`
  )[0];

async function queuedStacks(): Promise<string[]> {
  const rows = await database.sql<{ stack: string }[]>`
    select data ->> 'stack' as stack from pgboss.job where name = 'converge' and data ->> 'instanceId' is not null
    order by created_on`;
  return rows.map(({ stack }) => stack);
}

describe("orders at once", () => {
  test("a hundred into two cells of sixty: each gets a place, none is overfull, no address twice", async () => {
    await addCell("eu1", { capacity: 60 });
    await addCell("eu2", { capacity: 60 });
    await Promise.all(names(100).map((slug, index) => order(index % 2 === 0 ? one : other, slug)));
    const counts = await countByCell();
    expect(Object.keys(counts)).toEqual(["eu1", "eu2"]);
    expect((counts["eu1"] ?? 0) + (counts["eu2"] ?? 0)).toBe(100);
    for (const count of Object.values(counts)) expect(count).toBeLessThanOrEqual(60);
    const [addresses] = await database.sql<{ different: number }[]>`
      select count(distinct (cell, private_ip))::int as different from clawfleet.instances`;
    expect(addresses?.different).toBe(100);
    expect(new Set(await queuedStacks())).toHaveLength(100);
  });

  test("more than there is room for: every place is used, the rest wait and are told why", async () => {
    await addCell("eu1", { capacity: 6 });
    await addCell("eu2", { capacity: 6 });
    await Promise.all(names(20).map((slug, index) => order(index % 2 === 0 ? one : other, slug)));
    expect(await countByCell()).toEqual({ eu1: 6, eu2: 6, waiting: 8 });
    expect(alerts).toContain("cells_full");
    const [condition] = await readConditions(database.sql);
    expect(condition).toMatchObject({ kind: "cells_full", count: 8 });
    expect(await findSellingZone(database.sql), "nobody can pay for what is not there").toBeUndefined();
  });

  test("readings of the same names at once settle without one of them failing", async () => {
    await addCell("eu1");
    const slugs = names(12);
    for (const slug of slugs) await pay(slug);
    const overlapping = Array.from({ length: 16 }, (_, index) =>
      apply(index % 2 === 0 ? one : other, index % 3 === 0 ? slugs.toReversed() : slugs.slice(index % 6)),
    );
    const results = await Promise.allSettled(overlapping);
    expect(results.filter(({ status }) => status === "rejected")).toEqual([]);
    expect(await countByCell()).toEqual({ eu1: 12 });
  });
});

describe("an order that no cell has room for", () => {
  beforeEach(async () => {
    await addCell("eu1", { capacity: 1 });
    await order(one, "first");
    await order(one, "second");
    await order(one, "third");
  });

  test("keeps its name, waits with a status that says so, and is not queued", async () => {
    expect(await find("second")).toMatchObject({
      cell: null,
      status: "waiting",
      detail: /^no cell has room/,
    });
    expect(await queuedStacks()).toEqual(["first"]);
    await apply(one, ["first", "second", "third"]);
    expect(await countByCell(), "another reading changes nothing").toEqual({ eu1: 1, waiting: 2 });
  });

  test("goes on as soon as a cell's file is there, the oldest first", async () => {
    await writeCell("eu2", { capacity: 1 });
    await lookForRoom(other, cellFiles);
    expect(await find("second")).toMatchObject({ cell: "eu2", status: "pending", detail: null });
    expect(await find("third")).toMatchObject({ cell: null, status: "waiting" });
    expect(await queuedStacks()).toEqual(["first", "second"]);
    await Promise.all([lookForRoom(one, cellFiles), lookForRoom(other, cellFiles)]);
    expect(await queuedStacks(), "looking again places nobody twice").toEqual(["first", "second"]);
    const before = await database.sql`select generation from clawfleet.instances where slug = 'second'`;
    await apply(one, ["second"]);
    expect(await database.sql`select generation from clawfleet.instances where slug = 'second'`).toEqual(
      before,
    );
  });

  test("takes the place of one that went", async () => {
    await database.sql`update clawfleet.instances set status = 'gone', private_ip = null where slug = 'first'`;
    await lookForRoom(one, cellFiles);
    expect(await countByCell()).toEqual({ eu1: 1, waiting: 1 });
    expect(await find("second")).toMatchObject({ cell: "eu1" });
  });

  test("is gone at once when it ends before it began", async () => {
    await database.sql`
      update clawfleet.subscriptions set status = 'incomplete_expired', ended_at = now() - interval '99 days',
        status_since = now() - interval '99 days' where slug = 'second'`;
    await database.sql`update clawfleet.instances set delete_votes = 2, delete_vote_phase = 'gone' where slug = 'second'`;
    await apply(one, ["second"]);
    expect(await find("second")).toBeUndefined();
    expect(await countByCell()).toEqual({ eu1: 1, waiting: 1 });
  });
});

describe("which cell", () => {
  test("two cells of one zone share its records", async () => {
    await addCell("eu1", { zone: "shared.example", recordQuota: 6, capacity: 50 });
    await addCell("eu2", { zone: "shared.example", recordQuota: 6, capacity: 50 });
    for (const slug of names(5)) await order(one, slug);
    expect(await countByCell()).toEqual({ eu1: 2, eu2: 1, waiting: 2 });
    const { cells, waiting } = await readCells(database.sql);
    expect(cells).toMatchObject([
      { name: "eu1", members: 2, capacity: 50, records: 6, recordQuota: 6, room: 0 },
      { name: "eu2", members: 1, records: 6, room: 0 },
    ]);
    expect(waiting).toBe(2);
  });

  test("only one in a network zone of the plan's locations, and the server is tried in that zone", async () => {
    await addCell("us1", { networkZone: "us-east" });
    await order(one, "bob");
    expect(await find("bob")).toMatchObject({ cell: null, detail: expect.stringContaining("eu-central") });
    expect(alerts).toEqual(["no_cell_for_plan"]);
    await addCell("eu1");
    await lookForRoom(one, cellFiles);
    expect(await find("bob")).toMatchObject({ cell: "eu1", location: "nbg1" });
  });

  test("an override that names a location of another network zone is refused and said", async () => {
    await addCell("eu1");
    await order(one, "bob");
    await writeFile(join(stacksDir, "Pulumi.bob.yaml"), "config:\n  clawfleet:location: ash\n");
    expect(await apply(one, ["bob"])).toMatchObject({ changed: 0 });
    expect(await find("bob")).toMatchObject({ location: "nbg1" });
    expect(alerts).toContain("location_outside_cell");
  });

  test("none that is drained, until it is opened again; those in it stay", async () => {
    await addCell("eu1");
    await order(one, "amy");
    await drainCell(one, { cell: "eu1", drained: true, actor: "zoe" });
    await order(one, "bob");
    expect(await countByCell()).toEqual({ eu1: 1, waiting: 1 });
    expect((await readCells(database.sql)).cells[0]).toMatchObject({ state: "drained", drainedBy: "zoe" });
    await syncCells(one);
    expect((await readCells(database.sql)).cells[0], "its file does not open it").toMatchObject({
      state: "drained",
    });
    await drainCell(one, { cell: "eu1", drained: false, actor: "zoe" });
    expect(await countByCell()).toEqual({ eu1: 2 });
    const nowhere = drainCell(one, { cell: "eu9", drained: true, actor: "zoe" });
    await expect(nowhere).rejects.toMatchObject({ code: "not_found" });
  });

  test("none whose file is gone, until it is back", async () => {
    await addCell("eu1");
    await rm(join(stacksDir, "Pulumi.cell.eu1.yaml"));
    await syncCells(one);
    await order(one, "bob");
    expect(await countByCell()).toEqual({ waiting: 1 });
    expect((await readCells(database.sql)).cells[0]).toMatchObject({ state: "without file" });
    await addCell("eu1");
    await lookForRoom(one, cellFiles);
    expect(await countByCell()).toEqual({ eu1: 1 });
  });
});
