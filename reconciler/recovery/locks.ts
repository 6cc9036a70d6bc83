/**
 * Whose is a lock on a stack, and may it be removed? Pulumi's self-managed backends never expire one, and `pulumi cancel`
 * removes everybody's. Pure.
 */

export type Lock = { pid: number; username: string; hostname: string; takenAt: Date };

/** The process of that number on this machine, as it is now. */
export type ProcessFacts = {
  /** Undefined where the system does not say. */
  startedAt: Date | undefined;
  /** It carries the mark of a runner of ours in its environment. */
  isOurs: boolean;
};

/** A run of ours on this stack. */
export type PastRun = {
  id: number;
  /** `<host>-<pid>` of the worker. */
  worker: string;
  outcome: string | null;
  /** Processes that its runner started, by the clock of their machine: what may have taken a lock. */
  processes: readonly { pid: number; startedAt: Date }[];
};

export type LockFacts = {
  hostname: string;
  /** Absent for a lock of another machine; null when no process has that number. */
  process: ProcessFacts | null | undefined;
  runs: readonly PastRun[];
};

export type LockVerdict =
  | { kind: "dead"; why: string }
  /** A run of ours whose claim is lost, alive on this machine: it is ended, then it is dead. */
  | { kind: "orphan"; why: string }
  | { kind: "living" };

/** A process starts before it takes a lock; the system says so to the second. */
const processSlackMs = 2_000;
/** The CLI takes its lock before anything else; a process of the same number that locks later is another one. */
const lockWithinMs = 120_000;

/**
 * We hold the claim on the stack, so no other run of ours can be rightly under way: what our runs started is dead
 * (queue/lease.ts). Of another machine that is all that can be known; a person who works there has another process.
 */
export function judgeLock(lock: Lock, facts: LockFacts): LockVerdict {
  if (lock.hostname === facts.hostname) return judgeLocal(lock, facts.process);
  const run = facts.runs.find((candidate) => tookLock(candidate, lock));
  if (!run) return { kind: "living" };
  const why = `process ${lock.pid} was of operation ${run.id}, whose worker ${run.worker} lost its claim`;
  return { kind: "dead", why };
}

function judgeLocal(lock: Lock, process: ProcessFacts | null | undefined): LockVerdict {
  if (process === undefined) return { kind: "living" };
  if (process === null) return { kind: "dead", why: `its process ${lock.pid} is gone` };
  const { startedAt, isOurs } = process;
  if (startedAt && startedAt.getTime() > lock.takenAt.getTime() + processSlackMs)
    return { kind: "dead", why: `process ${lock.pid} was started later and is another one` };
  if (isOurs) return { kind: "orphan", why: `process ${lock.pid} is a run of ours without a claim` };
  return { kind: "living" };
}

/** A run that ended by itself gave its lock back; one that its worker could not end did not. */
function tookLock(run: PastRun, lock: Lock): boolean {
  if (hostOf(run.worker) !== lock.hostname) return false;
  if (run.outcome !== null && run.outcome !== "interrupted") return false;
  return run.processes.some(({ pid, startedAt }) => {
    const afterMs = lock.takenAt.getTime() - startedAt.getTime();
    return pid === lock.pid && -processSlackMs <= afterMs && afterMs <= lockWithinMs;
  });
}

function hostOf(worker: string): string {
  return worker.replace(/-\d+$/, "");
}

export function describeOwner(lock: Lock): string {
  return `${lock.username}@${lock.hostname} (pid ${lock.pid}) since ${lock.takenAt.toISOString()}`;
}

const refusal = /created by ([^@\s]+)@(\S+) \(pid (\d+)\) at (\S+)/g;

/** What the engine says of the locks that it met; the only way to see them in a backend that is not PostgreSQL. */
export function parseLocks(text: string): Lock[] {
  return [...text.matchAll(refusal)].flatMap(([, username = "", hostname = "", pid = "", at = ""]) => {
    const takenAt = new Date(at);
    return Number.isNaN(takenAt.getTime()) ? [] : [{ username, hostname, pid: Number(pid), takenAt }];
  });
}
