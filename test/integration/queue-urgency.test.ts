/**
 * Proves in which order converges start, and who may take which: urgency behind a large resync, workers bound to cells, jobs
 * that nobody serves, and what a stop hands back. Order only: how long a converge takes is not measured here.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readConditions } from "../../reconciler/conditions.ts";
import { insertCell } from "../../reconciler/db/cells.ts";
import { forgetWorker, listUnserved, reportWorker } from "../../reconciler/db/workers.ts";
import { cellSettingsSchema } from "../../infra/config.ts";
import type { Binding, Remit } from "../../reconciler/queue/binding.ts";
import { priorities, type ConvergeJob, type Reason } from "../../reconciler/queue/jobs.ts";
import { createQueue, type Queue } from "../../reconciler/queue/queue.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTestLog } from "../support/log.ts";
import { eventually } from "../support/poll.ts";

const { log } = createTestLog();
const everything: Binding = { kind: "all" };
const eu1: Binding = { kind: "cells", cells: ["eu1"] };
const withAll = (binding: Binding): Remit => ({ binding, accounts: ["default", "second"] });

let database: TestDatabase;
let queue: Queue;
const queues: Queue[] = [];

beforeAll(async () => {
  database = await createTestDatabase({ max: 20 });
  for (const [name, reach, account] of [
    ["eu1", "private", "default"],
    ["eu2", "private", "default"],
    ["pub", "public", "default"],
    ["two", "public", "second"],
  ] as const) {
    const settings = cellSettingsSchema.parse({
      zone: "claws.example",
      reach,
      backendPublicIps: ["192.0.2.1/32"],
    });
    await insertCell(database.sql, { name, account, settings, secrets: new Uint8Array() });
  }
});
beforeEach(async () => {
  queue = await startQueue();
});
afterEach(async () => {
  await Promise.all(queues.splice(0).map((one) => one.stop(0)));
  await database.sql`delete from pgboss.job`;
  await database.sql`delete from clawfleet.workers`;
});
afterAll(() => database.close());

async function startQueue(): Promise<Queue> {
  const made = createQueue({ sql: database.sql, connectionString: database.url, log, pollMs: 50 });
  queues.push(made);
  await made.start();
  return made;
}

function job(stack: string, reason: Reason, cell = "eu1"): ConvergeJob {
  return { stack, instanceId: `i-${stack}`, cell, kind: "converge", reason, actor: "test" };
}

function toRemit(what: Binding | Remit): Remit {
  return "accounts" in what ? what : withAll(what);
}

/** A worker whose every job waits until it is let go. */
function work(binding: Binding | Remit, on: Queue = queue, concurrency = 1) {
  const started: string[] = [];
  const gates: (() => void)[] = [];
  const worker = on.work("converge", { concurrency, remit: toRemit(binding) }, async ({ data }, signal) => {
    started.push(data.stack);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    gates.push(resolve);
    signal.addEventListener("abort", () => reject(new Error("told to stop")));
    await promise;
  });
  return {
    started,
    worker,
    /** Ends the job that runs longest and waits until another one has started. */
    async next(): Promise<string> {
      const before = started.length;
      gates.shift()?.();
      await eventually("the next job starts", () => started.length > before);
      return started[before] ?? "";
    },
    finishAll: () => gates.splice(0).forEach((open) => open()),
  };
}

const resync = (count: number, cell = "eu1") =>
  Array.from({ length: count }, (_, index) =>
    job(`${cell}-r${String(index).padStart(4, "0")}`, "resync", cell),
  );

describe.each([
  ["a worker of everything", everything],
  ["a worker bound to the cell", eu1],
])("behind a resync of a thousand, with %s", (_who, binding) => {
  test("a new customer waits for the one job that runs and for no other", async () => {
    await queue.enqueueConverge(database.sql, resync(1000));
    const one = work(binding);
    await eventually("a resync runs", () => one.started.length === 1);
    await queue.enqueueConverge(database.sql, job("newcomer", "paid"));
    expect(await one.next()).toBe("newcomer");
    expect(await one.next()).toMatch(/^eu1-r/);
  });

  test("with two workers the one that is free first takes the newcomer", async () => {
    await queue.enqueueConverge(database.sql, resync(1000));
    const first = work(binding);
    const second = work(binding, await startQueue());
    await eventually("two resyncs run", () => first.started.length + second.started.length === 2);
    expect(first.started).not.toEqual(second.started);
    await queue.enqueueConverge(database.sql, [job("newcomer", "paid"), job("leaver", "cancel")]);
    expect(await second.next()).toBe("newcomer");
    expect(await first.next()).toBe("leaver");
  });

  test("a job that waits far behind starts next once it is paid for, under its new reason", async () => {
    await queue.enqueueConverge(database.sql, resync(1000));
    const one = work(binding);
    await eventually("a resync runs", () => one.started.length === 1);
    expect(await queue.enqueueConverge(database.sql, job("eu1-r0950", "paid"))).toBe(0);
    expect(await one.next()).toBe("eu1-r0950");
  });

  test("reasons start in their order, however they came in", async () => {
    const one = work(binding);
    await queue.enqueueConverge(database.sql, job("first", "paid"));
    await eventually("it is busy", () => one.started.length === 1);
    const reasons: Reason[] = [
      "spare",
      "resync",
      "drift",
      "pull-request",
      "operator",
      "heal",
      "cancel",
      "paid",
    ];
    for (const reason of reasons) await queue.enqueueConverge(database.sql, job(reason, reason));
    const seen: string[] = [];
    while (seen.length < reasons.length) seen.push(await one.next());
    expect(seen).toEqual(reasons.toReversed());
    expect(Object.keys(priorities)).toEqual(reasons.toReversed());
  });
});

describe("who may take what", () => {
  test("a bound worker leaves other cells alone, and is not held up by a thousand urgent ones of them", async () => {
    await queue.enqueueConverge(
      database.sql,
      resync(1000, "eu2").map((one): ConvergeJob => ({ ...one, reason: "paid" })),
    );
    await queue.enqueueConverge(database.sql, job("ours", "spare"));
    const one = work(eu1);
    await eventually("ours runs", () => one.started.length === 1);
    expect(one.started).toEqual(["ours"]);
    one.finishAll();
    await queue.enqueueConverge(database.sql, job("ours too", "spare"));
    await eventually("the next of ours runs", () => one.started.length === 2);
    expect(one.started).toEqual(["ours", "ours too"]);
  });

  test("an unbound worker takes cells with public reach, and the stack of any cell, since that needs no way in", async () => {
    const { instanceId: _none, ...cell } = { ...job("cell.eu2", "paid", "eu2") };
    await queue.enqueueConverge(database.sql, [job("inside", "paid"), job("outside", "resync", "pub"), cell]);
    const one = work({ kind: "public" }, queue, 3);
    await eventually("two run", () => one.started.length === 2);
    expect(one.started.toSorted()).toEqual(["cell.eu2", "outside"]);
    one.finishAll();
    await eventually("only the one inside is left", async () => (await queue.count()).length === 1);
    expect(await queue.count()).toEqual([{ queue: "converge", state: "created", count: 1 }]);
  });

  test.each<[string, Binding, string[]]>([
    ["one that takes everything", everything, ["ours", "outside"]],
    ["one for public addresses", { kind: "public" }, ["outside"]],
    ["one that is bound to the cell itself", { kind: "cells", cells: ["eu1", "two"] }, ["ours"]],
  ])("%s takes nothing of an account that it has no tokens of", async (_who, binding, mayTake) => {
    const { instanceId: _none, ...cell } = job("cell.two", "paid", "two");
    const theirs = [cell, job("theirs", "paid", "two")];
    await queue.enqueueConverge(database.sql, [
      ...theirs,
      job("ours", "resync"),
      job("outside", "spare", "pub"),
    ]);
    const without = work({ binding, accounts: ["default"] }, queue, 4);
    await eventually("it takes what it may", () => without.started.length === mayTake.length);
    const second: Remit = { binding: { kind: "cells", cells: ["two"] }, accounts: ["second"] };
    const having = work(second, await startQueue(), 4);
    await eventually("the one that has them takes the rest", () => having.started.length === theirs.length);
    expect(having.started.toSorted()).toEqual(["cell.two", "theirs"]);
    expect(without.started.toSorted()).toEqual(mayTake);
  });

  test("bound and unbound workers together never run one instance twice at once", async () => {
    const running = new Map<string, number>();
    let most = 0;
    let done = 0;
    const other = await startQueue();
    for (const [on, binding] of [
      [queue, eu1],
      [other, everything],
      [other, { kind: "cells", cells: ["eu1", "eu2"] }],
    ] as const) {
      on.work("converge", { concurrency: 2, remit: withAll(binding) }, async ({ data }) => {
        const now = (running.get(data.stack) ?? 0) + 1;
        running.set(data.stack, now);
        most = Math.max(most, now);
        await new Promise((resolve) => setImmediate(resolve));
        running.set(data.stack, now - 1);
        done += 1;
      });
    }
    const stacks = ["a", "b", "c"];
    for (let round = 0; round < 20; round += 1) {
      await queue.enqueueConverge(
        database.sql,
        stacks.map((stack) => job(stack, "paid")),
      );
    }
    await eventually("nothing is left", async () => (await queue.count()).length === 0);
    expect(done).toBeGreaterThanOrEqual(stacks.length);
    expect(most).toBe(1);
  });

  test("a job that no living worker may take is counted, and is not once somebody may", async () => {
    const { sql } = database;
    await queue.enqueueConverge(sql, [job("inside", "paid"), job("outside", "paid", "pub")]);
    expect(await listUnserved(sql, 0)).toEqual([
      { cell: "eu1", jobs: 1 },
      { cell: "pub", jobs: 1 },
    ]);
    const alive = { slots: 1, draining: false };
    await reportWorker(sql, { ...alive, name: "outer", ...withAll({ kind: "public" }) });
    expect(await listUnserved(sql, 0)).toEqual([{ cell: "eu1", jobs: 1 }]);
    await reportWorker(sql, { ...alive, name: "inner", ...withAll(eu1) });
    expect(await listUnserved(sql, 0)).toEqual([]);
    await reportWorker(sql, { ...alive, name: "inner", ...withAll(eu1), draining: true });
    expect(await listUnserved(sql, 0)).toEqual([{ cell: "eu1", jobs: 1 }]);
    await reportWorker(sql, { ...alive, name: "inner", ...withAll(eu1) });
    await sql`update clawfleet.workers set seen_at = now() - interval '1 minute' where name = 'inner'`;
    expect(await listUnserved(sql, 0), "a silent one is taken for dead").toEqual([{ cell: "eu1", jobs: 1 }]);
    await reportWorker(sql, { ...alive, name: "poor", binding: everything, accounts: ["second"] });
    expect(await listUnserved(sql, 0), "one without tokens").toEqual([{ cell: "eu1", jobs: 1 }]);
    await sql`update pgboss.job set start_after = now() - interval '1 minute'`;
    const said = (await readConditions(sql)).find(({ kind }) => kind === "no_worker_for_cell");
    expect(said).toMatchObject({ count: 1, detail: expect.stringContaining("no worker serves eu1") });
    await forgetWorker(sql, "outer");
    expect(await listUnserved(sql, 0)).toHaveLength(2);
  });
});

describe("a stop", () => {
  test("that is hurried hands back what runs: others take it at once, as urgent as it was", async () => {
    const mine = work(everything);
    await queue.enqueueConverge(database.sql, job("urgent", "paid"));
    await eventually("it runs", () => mine.started.length === 1);
    const hurry = new AbortController();
    const stopped = queue.stop(600_000, hurry.signal);
    hurry.abort();
    await stopped;
    const [row] = await database.sql<{ state: string; due: boolean; priority: number }[]>`
      select state::text, start_after <= now() as due, priority from pgboss.job`;
    expect(row).toEqual({ state: "retry", due: true, priority: priorities.paid });
    const heir = work(everything, await startQueue());
    await eventually("the next worker runs it", () => heir.started.length === 1);
    heir.finishAll();
  });

  test("leaves a claim alone that is somebody else's by now", async () => {
    const mine = work(everything);
    await queue.enqueueConverge(database.sql, job("taken", "paid"));
    await eventually("it runs", () => mine.started.length === 1);
    // As the supervisor and another worker do after a long silence of ours.
    await database.sql`update pgboss.job set retry_count = retry_count + 1`;
    await queue.stop(0);
    const [row] = await database.sql<{ state: string }[]>`select state::text from pgboss.job`;
    expect(row?.state).toBe("active");
  });
});
