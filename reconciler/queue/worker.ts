/** Takes jobs one at a time, keeps the claim alive while they run, and lets go of the work when the claim is lost. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import type { PgBoss } from "pg-boss";
import type { Sql } from "postgres";
import { claimBound, type ClaimedJob, type Remit } from "./binding.ts";
import { withSpan } from "../tracing.ts";
import { readTrace, toSpan } from "./spans.ts";
import { toBossDb, wakeChannel } from "./enqueue.ts";
import { claimEndShare, type Lease } from "./lease.ts";
import { jobSchemas, type JobData, type QueueName } from "./jobs.ts";

export type RunningJob<Name extends QueueName> = {
  id: string;
  data: JobData<Name>;
  priority: number;
  /** 0 for the first try. */
  attempt: number;
  /** Seconds between the job becoming due and its start. */
  waitedSeconds: number;
  claim: Claim;
};

/** That this job is ours and nobody else's. */
export type Claim = {
  /** Fires when it is lost or may be: what runs has to be dead within `endWithinMs`, before others may take the job. */
  lost: AbortSignal;
  /** From now on; 0 when others have it already. */
  readonly endWithinMs: number;
  /** Asks the queue. Before anything that must not be done twice, and before anything is written of what was done. */
  confirm(): Promise<boolean>;
};

/** The signal fires when the claim is lost or the worker has to stop: whatever runs must end within `leaseMarginMs`. */
export type JobHandler<Name extends QueueName> = (
  job: RunningJob<Name>,
  signal: AbortSignal,
) => Promise<void>;

export type WorkerOptions = {
  concurrency: number;
  /** How long a handler may take to end once it is aborted; then its job is handed back. Default 5000. */
  handBackMs?: number;
  /** What it may take; for converges and drift only. Default: everything. */
  remit?: Remit;
};

export type Worker = {
  /**
   * Takes nothing new, lets running jobs finish for `timeoutMs` or until `hurry` fires, then aborts them and hands back
   * what is left: others may take it at once, and it counts as no failure.
   */
  stop(timeoutMs: number, hurry?: AbortSignal): Promise<void>;
};

export type WorkerDeps = { boss: PgBoss; sql: Sql; log: Logger; lease: Lease; pollMs: number };

const defaultHandBackMs = 5_000;
/** While versions are mixed; an older worker is gone within seconds of a newer database. */
const unreadableSeconds = 30;
/** Serializes fetches of a queue, so that two workers never see the same key free at once. */
const fetchLockClass = 7_264_190;

export type Wakeups = { count: number; waiters: Set<() => void> };

export function startWorker<Name extends QueueName>(
  deps: WorkerDeps,
  wakeups: Wakeups,
  queue: Name,
  options: WorkerOptions,
  handler: JobHandler<Name>,
): Worker {
  const stopping = new AbortController();
  const running = new Map<string, { abort: AbortController; attempt: number }>();

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const seen = wakeups.count;
      const job = await fetchNext(deps, queue, options.remit).catch((error: unknown) => {
        deps.log.error({ err: error, queue }, "cannot read the queue");
        return undefined;
      });
      // What was fetched while the stop came is somebody else's.
      if (job && stopping.signal.aborted) await handBack(deps, queue, job);
      else if (job) await run(job);
      else if (!stopping.signal.aborted) await idle(wakeups, seen, deps.pollMs);
    }
  }

  async function run(job: Fetched<Name>): Promise<void> {
    const abort = new AbortController();
    running.set(job.id, { abort, attempt: job.attempt });
    const claim = keepClaim(deps, queue, job, abort);
    let failure: { message: string } | undefined;
    try {
      await withSpan(`${queue} job`, toSpan(queue, job), () => handler({ ...job, claim }, abort.signal));
    } catch (error) {
      failure = { message: error instanceof Error ? error.message : "not an error object" };
      if (!abort.signal.aborted)
        deps.log.error({ err: error, queue, job: job.id }, "job failed and will be tried again");
    }
    running.delete(job.id);
    const stopped = failure !== undefined && stopping.signal.aborted && abort.signal.aborted;
    // By now it may be somebody else's: the same id runs again under a new claim.
    const ours = stopped || (await claim.confirm().catch(() => false));
    claim.stop();
    if (!ours) {
      deps.log.warn({ queue, job: job.id }, "a claim was lost: its work was ended, others have the job");
      return;
    }
    // What cannot be settled runs into its heartbeat and comes back: doing it twice changes nothing.
    await settle(job, stopped ? "handed back" : failure).catch((error: unknown) =>
      deps.log.error({ err: error, queue, job: job.id }, "cannot settle a job"),
    );
  }

  async function settle(
    job: Fetched<Name>,
    how: { message: string } | "handed back" | undefined,
  ): Promise<void> {
    if (how === undefined) await deps.boss.complete(queue, job.id);
    else if (how === "handed back") await handBack(deps, queue, job);
    else await deps.boss.fail(queue, job.id, how);
  }

  const loops = Array.from({ length: options.concurrency }, loop);
  return {
    async stop(timeoutMs, hurry) {
      stopping.abort();
      wake(wakeups);
      const done = Promise.all(loops);
      if (await within(done, timeoutMs, hurry)) return;
      for (const { abort } of running.values()) abort.abort(new Error("the service is stopping"));
      if (await within(done, options.handBackMs ?? defaultHandBackMs)) return;
      for (const [id, { attempt }] of running) await handBack(deps, queue, { id, attempt });
    },
  };
}

type Fetched<Name extends QueueName> = Omit<RunningJob<Name>, "claim"> & {
  /** Of who asked for it, where somebody collects spans. */
  trace: string | undefined;
};

async function fetchNext<Name extends QueueName>(
  deps: WorkerDeps,
  queue: Name,
  remit: Remit | undefined,
): Promise<Fetched<Name> | undefined> {
  const job = await deps.sql.begin(async (tx): Promise<ClaimedJob | undefined> => {
    await tx`select pg_advisory_xact_lock(${fetchLockClass}, hashtext(${queue}))`;
    if (remit) return await claimBound(tx, queue, remit);
    const fetched = await deps.boss.fetch(queue, {
      includeMetadata: true,
      groupConcurrency: 1,
      db: toBossDb(tx),
    });
    return fetched[0];
  });
  if (!job) return undefined;
  const parsed = jobSchemas[queue].safeParse(job.data);
  if (!parsed.success) {
    deps.log.error(
      { queue, job: job.id, problem: parsed.error.message },
      "a job that this version cannot read is left for another",
    );
    await handBack(deps, queue, { id: job.id, attempt: job.retryCount }, unreadableSeconds);
    return undefined;
  }
  return {
    id: job.id,
    data: parsed.data,
    trace: readTrace(job.data),
    priority: job.priority,
    attempt: job.retryCount,
    waitedSeconds: Math.max(0, (Date.now() - job.startAfter.getTime()) / 1000),
  };
}

/** Free for others, by default at once, with the urgency it had; pg-boss' own `fail` would make it wait as after a failure. */
async function handBack(
  deps: WorkerDeps,
  queue: QueueName,
  job: { id: string; attempt: number },
  inSeconds = 0,
): Promise<void> {
  await deps.sql`
    update pgboss.job set
      state = 'retry', start_after = now() + make_interval(secs => ${inSeconds}), heartbeat_on = null
    where name = ${queue} and id = ${job.id} and state = 'active' and retry_count = ${job.attempt}`;
  await deps.sql`select pg_notify(${wakeChannel}, ${queue})`;
}

/** Refreshes the claim; aborts the work when it is gone, or when we could not ask for so long that it may be. */
function keepClaim(
  deps: WorkerDeps,
  queue: QueueName,
  job: { id: string; attempt: number },
  abort: AbortController,
): Claim & { stop(): void } {
  const leaseMs = deps.lease.heartbeatSeconds * 1000;
  const giveUpMs = leaseMs - deps.lease.leaseMarginMs;
  const lost = new AbortController();
  let taken = false;
  let confirmedAt = performance.now();
  let expiry = setTimeout(isHeld, giveUpMs);
  let asking = false;

  function lose(why: string): void {
    lost.abort(new Error(why));
    abort.abort(new Error(why));
  }
  function isHeld(): boolean {
    // Looked at before every use: a process that was frozen must not believe its last answer.
    if (!lost.signal.aborted && performance.now() - confirmedAt >= giveUpMs)
      lose("the claim on this job could not be renewed");
    return !lost.signal.aborted;
  }
  async function confirm(): Promise<boolean> {
    const askedAt = performance.now();
    if (!isHeld()) return false;
    if (await touch(deps.sql, queue, job)) hold(askedAt);
    else {
      taken = true;
      lose("the claim on this job was lost");
    }
    return isHeld();
  }
  function hold(since: number): void {
    confirmedAt = Math.max(confirmedAt, since);
    clearTimeout(expiry);
    expiry = setTimeout(isHeld, confirmedAt + giveUpMs - performance.now());
  }

  const timer = setInterval(() => {
    if (!isHeld() || asking) return;
    asking = true;
    confirm()
      .catch((error: unknown) =>
        deps.log.warn({ err: error, queue, job: job.id }, "cannot renew the claim on a job"),
      )
      .finally(() => {
        asking = false;
      });
  }, deps.lease.refreshMs);
  return {
    lost: lost.signal,
    get endWithinMs() {
      const leftMs = taken ? 0 : confirmedAt + leaseMs - performance.now();
      return Math.max(0, leftMs * claimEndShare);
    },
    confirm,
    stop() {
      clearInterval(timer);
      clearTimeout(expiry);
    },
  };
}

/**
 * pg-boss' own touch goes by the id alone, which a job keeps when it is given to another worker; the number of the try
 * tells whose it is.
 */
async function touch(sql: Sql, queue: QueueName, job: { id: string; attempt: number }): Promise<boolean> {
  const rows = await sql`
    update pgboss.job set heartbeat_on = now()
    where name = ${queue} and id = ${job.id} and state = 'active' and retry_count = ${job.attempt}
    returning id`;
  return rows.length === 1;
}

export function wake(wakeups: Wakeups): void {
  wakeups.count += 1;
  for (const waiter of wakeups.waiters) waiter();
}

async function idle(wakeups: Wakeups, seen: number, pollMs: number): Promise<void> {
  if (wakeups.count !== seen) return;
  const cancel = new AbortController();
  const stop = (): void => cancel.abort();
  wakeups.waiters.add(stop);
  await sleep(pollMs, undefined, { signal: cancel.signal }).catch(() => undefined);
  wakeups.waiters.delete(stop);
}

async function within(work: Promise<unknown>, timeoutMs: number, hurry?: AbortSignal): Promise<boolean> {
  const cancel = new AbortController();
  const signal = hurry === undefined ? cancel.signal : AbortSignal.any([cancel.signal, hurry]);
  const timeout = sleep(timeoutMs, false, { signal }).catch(() => false);
  const done = await Promise.race([work.then(() => true), timeout]);
  cancel.abort();
  return done;
}
