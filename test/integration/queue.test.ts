/**
 * Proves the queue on a real PostgreSQL: transactions, one job a key, urgency, claims. Cannot prove the time that pg-boss'
 * own supervisor takes to notice a dead worker: the tests ask it to look.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { ConvergeJob, Reason } from "../../reconciler/queue/jobs.ts";
import { createQueue, type Queue } from "../../reconciler/queue/queue.ts";
import type { RunningJob } from "../../reconciler/queue/worker.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTestLog } from "../support/log.ts";
import { eventually } from "../support/poll.ts";

let database: TestDatabase;
const queues: Queue[] = [];
const { log } = createTestLog();

beforeAll(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.stop(0)));
  await database.sql`delete from pgboss.job`;
});
afterAll(async () => {
  await database.close();
});

async function startQueue(): Promise<Queue> {
  const queue = createQueue({ sql: database.sql, connectionString: database.url, log, pollMs: 50 });
  queues.push(queue);
  await queue.start();
  return queue;
}

function converge(stack: string, reason: Reason, changes: Partial<ConvergeJob> = {}): ConvergeJob {
  return {
    stack,
    instanceId: `i-${stack}`,
    cell: "eu1",
    kind: "converge",
    reason,
    actor: "test",
    ...changes,
  };
}

type Gate = { promise: Promise<void>; open: () => void };
function createGate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: resolve };
}

test("a job vanishes with the transaction that queued it", async () => {
  const queue = await startQueue();
  await expect(
    database.sql.begin(async (tx) => {
      await queue.enqueueConverge(tx, converge("rolled", "paid"));
      throw new Error("rolled back");
    }),
  ).rejects.toThrow("rolled back");
  expect(await queue.count()).toEqual([]);
});

test("a waiting job of a key is one job, however often it is asked for, and two processes at once", async () => {
  const queue = await startQueue();
  const other = await startQueue();
  const asked = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? queue : other));
  const inserted = await Promise.all(
    asked.map((one) => database.sql.begin((tx) => one.enqueueConverge(tx, converge("once", "resync")))),
  );
  expect(inserted.reduce((sum, count) => sum + count, 0)).toBe(1);
  expect(await queue.count()).toEqual([{ queue: "converge", state: "created", count: 1 }]);
});

test("many jobs are queued in one go, and again without a second one of any", async () => {
  const queue = await startQueue();
  const jobs = Array.from({ length: 500 }, (_, index) => converge(`many${index}`, "resync"));
  expect(await queue.enqueueConverge(database.sql, jobs)).toBe(500);
  expect(await queue.enqueueConverge(database.sql, [...jobs, converge("more", "resync")])).toBe(1);
});

test("jobs run by urgency, and a waiting job takes the higher urgency and its reason", async () => {
  const queue = await startQueue();
  await queue.enqueueConverge(database.sql, converge("a", "resync"));
  await queue.enqueueConverge(database.sql, converge("b", "operator"));
  await queue.enqueueConverge(database.sql, converge("c", "resync"));
  await queue.enqueueConverge(database.sql, converge("c", "paid"));
  await queue.enqueueConverge(database.sql, converge("b", "resync"));
  const seen: string[] = [];
  queue.work("converge", { concurrency: 1 }, async (job) => {
    seen.push(`${job.data.stack} ${job.data.reason} ${job.priority}`);
  });
  await eventually("three jobs", () => seen.length === 3);
  expect(seen).toEqual(["c paid 100", "b operator 60", "a resync 20"]);
});

test("a job that is put off waits, and a new reason brings it forward", async () => {
  const queue = await startQueue();
  const seen: string[] = [];
  queue.work("converge", { concurrency: 1 }, async (job) => void seen.push(job.data.reason));
  const later = new Date(Date.now() + 3_600_000);
  await queue.enqueueConverge(database.sql, converge("late", "resync"), { startAfter: later });
  await queue.enqueueConverge(database.sql, converge("now", "spare"));
  await eventually("the job that may start", () => seen.length === 1);
  await queue.enqueueConverge(database.sql, converge("late", "paid"));
  await eventually("the one that was put off", () => seen.length === 2);
  expect(seen).toEqual(["spare", "paid"]);
});

test("one key never runs twice at once, and its next job does not hold up the others", async () => {
  const queue = await startQueue();
  const other = await startQueue();
  const gate = createGate();
  const running = new Map<string, number>();
  const seen: string[] = [];
  let overlaps = 0;
  async function handle(job: RunningJob<"converge">): Promise<void> {
    const stack = job.data.stack;
    running.set(stack, (running.get(stack) ?? 0) + 1);
    if ((running.get(stack) ?? 0) > 1) overlaps += 1;
    seen.push(stack);
    if (stack === "busy" && seen.filter((one) => one === "busy").length === 1) await gate.promise;
    running.set(stack, (running.get(stack) ?? 0) - 1);
  }
  await queue.enqueueConverge(database.sql, converge("busy", "paid"));
  for (const one of [queue, other]) one.work("converge", { concurrency: 2 }, handle);
  await eventually("the busy one runs", () => seen.includes("busy"));
  await queue.enqueueConverge(database.sql, [
    converge("busy", "paid"),
    converge("busy", "operator", { kind: "preview" }),
    converge("calm", "resync"),
  ]);
  await eventually("the calm one runs meanwhile", () => seen.includes("calm"));
  expect(seen.filter((stack) => stack === "busy")).toHaveLength(1);
  gate.open();
  await eventually("the busy one's converge and preview run after it", () => seen.length === 4);
  expect(overlaps).toBe(0);
});

test("a job is noticed at once and not only when the worker looks", async () => {
  const queue = createQueue({ sql: database.sql, connectionString: database.url, log, pollMs: 60_000 });
  queues.push(queue);
  await queue.start();
  const seen: number[] = [];
  queue.work("converge", { concurrency: 1 }, async () => void seen.push(Date.now()));
  await queue.enqueueConverge(database.sql, converge("first", "paid"));
  await eventually("the first job", () => seen.length === 1);
  const asked = Date.now();
  await queue.enqueueConverge(database.sql, converge("second", "paid"));
  await eventually("the second job", () => seen.length === 2);
  expect((seen[1] ?? Infinity) - asked).toBeLessThan(30_000);
});

test("a handler that throws is tried again", async () => {
  const queue = await startQueue();
  const tries: number[] = [];
  queue.work("converge", { concurrency: 1 }, async (job) => {
    tries.push(job.attempt);
    if (tries.length === 1) throw new Error("once");
  });
  await queue.enqueueConverge(database.sql, converge("again", "paid"));
  await eventually("the second try", () => tries.length === 2);
  expect(tries).toEqual([0, 1]);
});

test("the job of a worker that went silent comes back, and the silent one is told to stop", async () => {
  const lease = { heartbeatSeconds: 10, refreshMs: 100, leaseMarginMs: 1_000 };
  const queue = createQueue({ sql: database.sql, connectionString: database.url, log, pollMs: 50, lease });
  queues.push(queue);
  await queue.start();
  const gate = createGate();
  const reasons: unknown[] = [];
  const tries: number[] = [];
  queue.work("converge", { concurrency: 2 }, async (job, signal) => {
    tries.push(job.attempt);
    if (tries.length > 1) return;
    signal.addEventListener("abort", () => reasons.push(signal.reason));
    await gate.promise;
  });
  await queue.enqueueConverge(database.sql, converge("silent", "paid"));
  await eventually("it runs", () => tries.length === 1);
  // As the supervisor does with a job whose heartbeat is old.
  await database.sql`update pgboss.job set state = 'retry', start_after = now() where state = 'active'`;
  await eventually("the first one is aborted", () => reasons.length === 1);
  await eventually("it runs again", () => tries.length === 2);
  gate.open();
  await eventually("nothing is left", async () => (await queue.count()).length === 0);
  expect(tries).toEqual([0, 1]);
});

test("the job of a worker that died is free within a second of being found, however many died before", async () => {
  const queue = await startQueue();
  const gate = createGate();
  let running = 0;
  queue.work("converge", { concurrency: 1 }, async () => {
    running += 1;
    await gate.promise;
  });
  await queue.enqueueConverge(database.sql, converge("unlucky", "paid"));
  await eventually("it runs", () => running === 1);
  // Its tenth worker, which said nothing for an hour; pg-boss' own supervisor has to find it.
  await database.sql`
    update pgboss.job set retry_count = 9, heartbeat_on = now() - interval '1 hour' where state = 'active'`;
  const found = await eventually("it is found", async () => {
    const [row] = await database.sql<{ wait: number }[]>`
      select extract(epoch from start_after - now())::float as wait from pgboss.job where state = 'retry'`;
    return row;
  });
  expect(found.wait).toBeLessThanOrEqual(1);
  gate.open();
});

test("a job of a newer version is left for it, and not dropped", async () => {
  const queue = await startQueue();
  await queue.enqueueConverge(database.sql, converge("newer", "paid"));
  await database.sql`update pgboss.job set data = jsonb_set(data, '{kind}', '"unheard-of"')`;
  let runs = 0;
  queue.work("converge", { concurrency: 1 }, async () => void (runs += 1));
  const row = await eventually("it was looked at", async () => {
    const [found] = await database.sql`
      select start_after > now() + interval '5 seconds' as later from pgboss.job where state = 'retry'`;
    return found;
  });
  expect(row).toEqual({ later: true });
  expect(runs).toBe(0);
});

test("stopping lets a running job finish, and hands back one that does not", async () => {
  const queue = await startQueue();
  const gate = createGate();
  const outcomes: string[] = [];
  queue.work("converge", { concurrency: 2 }, async (job, signal) => {
    if (job.data.stack === "quick") {
      await gate.promise;
      outcomes.push("quick finished");
      return;
    }
    await new Promise((_, reject) =>
      signal.addEventListener("abort", () => reject(new Error("told to stop"))),
    );
  });
  await queue.enqueueConverge(database.sql, [converge("quick", "paid"), converge("slow", "paid")]);
  await eventually("both run", async () =>
    (await queue.count()).some((row) => row.state === "active" && row.count === 2),
  );
  const stopped = queue.stop(500);
  gate.open();
  await stopped;
  expect(outcomes).toEqual(["quick finished"]);
  const rows = await database.sql`select singleton_key as key, state::text from pgboss.job order by 1`;
  expect(rows).toEqual([
    { key: "i-quick", state: "completed" },
    { key: "i-slow", state: "retry" },
  ]);
});

test("several processes that ask for sweeps on the clock get one an interval", async () => {
  const [one, two] = [await startQueue(), await startQueue()];
  const seen: string[] = [];
  for (const queue of [one, two]) {
    queue.work("sweep", { concurrency: 1 }, async (job) => void seen.push(job.data.actor));
    queue.scheduleSweeps(3_600_000);
  }
  await eventually("a sweep at the start", () => seen.length > 0);
  await eventually("no sweep is left", async () => (await one.count()).length === 0);
  expect(seen.length).toBeLessThanOrEqual(2);
});

test.each([
  ["paid", "operator", { reason: "paid", also: "operator" }],
  ["operator", "paid", { reason: "paid", also: "operator" }],
  ["operator", "drift", { reason: "operator", also: "drift" }],
  ["pull-request", "paid", { reason: "paid", also: "pull-request" }],
  ["resync", "paid", { reason: "paid" }],
] as const)("a waiting '%s' that '%s' meets is one job that does both", async (first, second, expected) => {
  const queue = await startQueue();
  for (const reason of [first, second])
    await database.sql.begin((tx) => queue.enqueueConverge(tx, converge("both", reason)));
  const jobs = await database.sql<
    { data: ConvergeJob }[]
  >`select data from pgboss.job where name = 'converge'`;
  expect(jobs.map(({ data: { reason, also } }) => ({ reason, ...(also ? { also } : {}) }))).toEqual([
    expected,
  ]);
});
