/** Locks before a run: those of the dead are removed one by one, those of the living are waited for. */
import { describeOwner, judgeLock, parseLocks, type Lock, type LockVerdict, type PastRun } from "./locks.ts";
import { endOrphan, findProcess } from "./local-process.ts";
import type { StateStore } from "./state-store.ts";

export type UnlockDeps = {
  store: StateStore | undefined;
  hostname: string;
  note: (message: string) => void;
};

export type Unlocked =
  /** `cancel`: in a backend where single locks cannot be removed; all of them have dead owners. */
  { kind: "free"; cancel: boolean } | { kind: "held"; locks: Lock[] };

const orphanPatienceMs = 5_000;

/** `lastWords`: what the last run said when it failed; there a backend other than PostgreSQL names its locks. */
export async function unlock(
  deps: UnlockDeps,
  stack: string,
  runs: readonly PastRun[],
  lastWords: string,
): Promise<Unlocked> {
  const { store } = deps;
  if (!store) {
    const locks = parseLocks(lastWords);
    const held = await keepLiving(deps, locks, runs);
    return held.length > 0 ? { kind: "held", locks: held } : { kind: "free", cancel: locks.length > 0 };
  }
  const locks = await store.readLocks(stack);
  const held = await keepLiving(deps, locks, runs);
  for (const lock of locks) if (!held.includes(lock)) await store.removeLock(lock);
  return held.length > 0 ? { kind: "held", locks: held } : { kind: "free", cancel: false };
}

/** Ends runs of ours that lost their claim. */
async function keepLiving<Some extends Lock>(
  deps: UnlockDeps,
  locks: readonly Some[],
  runs: readonly PastRun[],
): Promise<Some[]> {
  const living: Some[] = [];
  for (const lock of locks) {
    const verdict = await judge(deps, lock, runs);
    if (verdict.kind === "living") living.push(lock);
    else if (verdict.kind === "orphan" && !(await endOrphan(lock.pid, orphanPatienceMs))) living.push(lock);
    else deps.note(`the lock of ${describeOwner(lock)} is removed: ${verdict.why}`);
  }
  return living;
}

async function judge(deps: UnlockDeps, lock: Lock, runs: readonly PastRun[]): Promise<LockVerdict> {
  const local = lock.hostname === deps.hostname;
  return judgeLock(lock, {
    hostname: deps.hostname,
    process: local ? await findProcess(lock.pid) : undefined,
    runs,
  });
}
