/** Locks of stacks in Pulumi's backend, seen and removed by an operator; those of dead owners are removed without one (recovery/). */
import type { Sql } from "postgres";
import { listRunning } from "../operations/rows.ts";
import type { StateStore, StoredLock } from "../recovery/state-store.ts";
import { listWorkers } from "../db/workers.ts";
import { refused } from "./problems.ts";

export type LockAnswer = { pid: number; username: string; hostname: string; takenAt: string };

export type LockOperators = {
  list(stack: string): Promise<LockAnswer[]>;
  /** Gives back what it removed. @throws conflict while a living worker runs the stack */
  remove(input: { stack: string; actor: string }): Promise<LockAnswer[]>;
};

export function createLockOperators(deps: {
  sql: Sql;
  /** Opened for one question. @throws conflict where the states are not in PostgreSQL */
  withStore<T>(stack: string, ask: (store: StateStore) => Promise<T>): Promise<T>;
}): LockOperators {
  const { sql } = deps;
  return {
    list: (stack) => deps.withStore(stack, async (store) => (await store.readLocks(stack)).map(toAnswer)),
    remove: ({ stack }) =>
      deps.withStore(stack, async (store) => {
        const alive = new Set((await listWorkers(sql)).map(({ name }) => name));
        const running = (await listRunning(sql, stack)).find(({ worker }) => alive.has(worker));
        if (running)
          throw refused(
            `operation ${running.id} runs on ${stack} right now, by ${running.worker}`,
            `fleet logs ${stack} --follow; its lock ends with it`,
          );
        const locks = await store.readLocks(stack);
        for (const lock of locks) await store.removeLock(lock);
        return locks.map(toAnswer);
      }),
  };
}

function toAnswer({ pid, username, hostname, takenAt }: StoredLock): LockAnswer {
  return { pid, username, hostname, takenAt: takenAt.toISOString() };
}
