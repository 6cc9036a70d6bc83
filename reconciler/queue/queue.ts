/** The queue: pg-boss in schema `pgboss` of our own database, with a queue for each kind of work and many workers. */
import { PgBoss } from "pg-boss";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { connections } from "../db/connections.ts";
import type { Query } from "../db/database.ts";
import { defaultLease, superviseSeconds, type Lease } from "./lease.ts";
import { withMigrationLock } from "../db/migrate.ts";
import { enqueue, wakeChannel, type EnqueueOptions } from "./enqueue.ts";
import {
  queueNames,
  queueOptions,
  toConvergeJob,
  toDriftQueueJob,
  toGitopsQueueJob,
  toHintJob,
  type ConvergeJob,
  type DriftJob,
  type GitopsJob,
  type HintJob,
  type QueueName,
  type SweepJob,
} from "./jobs.ts";
import {
  startWorker,
  wake,
  type JobHandler,
  type Wakeups,
  type Worker,
  type WorkerOptions,
} from "./worker.ts";

export type QueueDeps = {
  sql: Sql;
  /** Of the same database. pg-boss keeps a small pool of its own (db/connections.ts). */
  connectionString: string;
  log: Logger;
  lease?: Lease;
  /** How often an idle worker looks without being woken. Default 1000. */
  pollMs?: number;
};

export type Queue = {
  /** Installs or updates pg-boss' tables. Any number of processes may start at once. */
  start(): Promise<void>;
  /** Ends workers as `Worker.stop`, then lets go of every connection. */
  stop(timeoutMs?: number, hurry?: AbortSignal): Promise<void>;
  /** In the caller's transaction. Returns how many jobs are new. */
  enqueueConverge(
    sql: Query,
    jobs: ConvergeJob | readonly ConvergeJob[],
    options?: EnqueueOptions,
  ): Promise<number>;
  enqueueHint(sql: Query, job: HintJob): Promise<number>;
  /** At once. A sweep that waits already is that sweep. */
  requestSweep(sql: Query, job: SweepJob): Promise<number>;
  /** At once. A scan that waits already is that scan. */
  requestDrift(sql: Query, job: DriftJob): Promise<number>;
  requestGitops(sql: Query, job: GitopsJob): Promise<number>;
  /** As `requestDrift`, but once for every interval, however many processes ask. */
  requestScanEvery(intervalMs: number, account: string): Promise<void>;
  /** One sweep for every interval, however many processes ask; also one now. Ends with `stop`. */
  scheduleSweeps(intervalMs: number): void;
  work<Name extends QueueName>(queue: Name, options: WorkerOptions, handler: JobHandler<Name>): Worker;
  /** Waiting and running jobs, for metrics. */
  count(): Promise<{ queue: string; state: string; count: number }[]>;
};

/** Askings in an interval: clocks of several processes, and the slots of the database's, are not in step. */
const askingsAnInterval = 4;
const stopTimeoutMs = 30_000;

export function createQueue(deps: QueueDeps): Queue {
  const lease = deps.lease ?? defaultLease;
  const boss = new PgBoss({
    connectionString: deps.connectionString,
    schema: "pgboss",
    application_name: "clawfleet-queue",
    max: connections.queue,
    schedule: false,
    superviseIntervalSeconds: superviseSeconds,
    monitorIntervalSeconds: superviseSeconds,
  });
  boss.on("error", (error) => deps.log.error({ err: error }, "queue"));
  boss.on("warning", (warning) => deps.log.warn({ warning }, "queue"));

  const wakeups = new Map<QueueName, Wakeups>(
    queueNames.map((name) => [name, { count: 0, waiters: new Set() }]),
  );
  const workers: Worker[] = [];
  const timers: NodeJS.Timeout[] = [];
  let unlisten: (() => Promise<void>) | undefined;

  function wakeAll(payload?: string): void {
    for (const [name, one] of wakeups) if (payload === undefined || payload === name) wake(one);
  }

  function askForSweep(options: { singletonSeconds?: number }): void {
    const request = { singletonKey: "sweep", group: { id: "sweep" }, ...options };
    boss
      .send("sweep", { actor: "clock" }, request)
      .then(() => deps.sql`select pg_notify(${wakeChannel}, 'sweep')`)
      .catch((error: unknown) => deps.log.error({ err: error }, "cannot ask for a sweep"));
  }

  return {
    async start() {
      await withMigrationLock(deps.sql, async () => {
        await boss.start();
        for (const name of queueNames) {
          const { policy, ...options } = { ...queueOptions[name], heartbeatSeconds: lease.heartbeatSeconds };
          await boss.createQueue(name, { ...options, ...(policy === undefined ? {} : { policy }) });
          await boss.updateQueue(name, options);
        }
      });
    },

    async stop(timeoutMs = stopTimeoutMs, hurry) {
      for (const timer of timers.splice(0)) clearInterval(timer);
      await Promise.all(workers.splice(0).map((worker) => worker.stop(timeoutMs, hurry)));
      await unlisten?.();
      await boss.stop({ graceful: false });
    },

    async enqueueConverge(sql, jobs, options) {
      const list = Array.isArray(jobs) ? jobs : [jobs];
      return await enqueue(boss, sql, "converge", list.map(toConvergeJob), options);
    },

    async enqueueHint(sql, job) {
      return await enqueue(boss, sql, "billing-hint", [toHintJob(job)]);
    },

    async requestSweep(sql, job) {
      return await enqueue(boss, sql, "sweep", [
        { key: "sweep", group: { id: "sweep" }, priority: 0, data: job },
      ]);
    },

    async requestDrift(sql, job) {
      return await enqueue(boss, sql, "drift", [toDriftQueueJob(job)]);
    },

    async requestGitops(sql, job) {
      return await enqueue(boss, sql, "gitops", [toGitopsQueueJob(job)]);
    },

    async requestScanEvery(intervalMs, account) {
      const { key, group, data } = toDriftQueueJob({ kind: "scan", account, actor: "clock" });
      const singletonSeconds = Math.max(1, Math.round(intervalMs / 1000));
      const sent = await boss.send("drift", data, { singletonKey: key, group, singletonSeconds });
      if (sent !== null) await deps.sql`select pg_notify(${wakeChannel}, 'drift')`;
    },

    scheduleSweeps(intervalMs) {
      const singletonSeconds = Math.max(1, Math.round(intervalMs / 1000));
      askForSweep({});
      timers.push(setInterval(() => askForSweep({ singletonSeconds }), intervalMs / askingsAnInterval));
    },

    work(queue, options, handler) {
      const one = wakeups.get(queue) ?? { count: 0, waiters: new Set() };
      unlisten ??= listen(deps.sql, wakeAll, deps.log);
      const workerDeps = { boss, sql: deps.sql, log: deps.log, lease, pollMs: deps.pollMs ?? 1_000 };
      const worker = startWorker(workerDeps, one, queue, options, handler);
      workers.push(worker);
      return worker;
    },

    async count() {
      return await deps.sql<{ queue: string; state: string; count: number }[]>`
        select name as queue, state::text as state, count(*)::int as count from pgboss.job
        where state <= 'active' group by name, state`;
    },
  };
}

/** Everybody is woken after a reconnect: what was notified meanwhile is lost. */
function listen(sql: Sql, onWake: (payload?: string) => void, log: Logger): () => Promise<void> {
  const listening = sql.listen(
    wakeChannel,
    (payload) => onWake(payload),
    () => onWake(),
  );
  listening.catch((error: unknown) =>
    log.warn({ err: error }, "cannot listen for jobs; workers look by themselves"),
  );
  return async () => {
    await listening.then(
      (handle) => handle.unlisten(),
      () => undefined,
    );
  };
}
