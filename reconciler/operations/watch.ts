/** Tells waiting readers that something about a stack may have changed: one listening connection for all of them. */
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { operationChannel } from "./rows.ts";

export type OperationWatch = {
  /** Resolves at the next change of the stack, or after `timeoutMs` at the latest. */
  wait(stack: string, timeoutMs: number): Promise<void>;
  stop(): Promise<void>;
};

/** A lost notification costs a reader no more than this. */
const longestWaitMs = 5_000;

export function createOperationWatch(sql: Sql, log: Logger): OperationWatch {
  const waiting = new Map<string, Set<() => void>>();

  function wake(stack: string): void {
    for (const resolve of waiting.get(stack) ?? []) resolve();
  }

  const listening = sql.listen(operationChannel, wake, () => [...waiting.keys()].forEach(wake));
  listening.catch((error: unknown) =>
    log.warn({ err: error }, "cannot listen for operations; readers look by themselves"),
  );

  return {
    async wait(stack, timeoutMs) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const set = waiting.get(stack) ?? new Set();
      waiting.set(stack, set.add(resolve));
      const timer = setTimeout(resolve, Math.min(timeoutMs, longestWaitMs));
      await promise;
      clearTimeout(timer);
      set.delete(resolve);
      if (set.size === 0) waiting.delete(stack);
    },
    async stop() {
      for (const stack of waiting.keys()) wake(stack);
      await listening.then(
        (handle) => handle.unlisten(),
        () => undefined,
      );
    },
  };
}
