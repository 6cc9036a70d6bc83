/** Writes an operation's events in batches while it runs: a run must not wait for its own record. */
import type { Sql } from "postgres";
import type { OperationEvent } from "./engine-events.ts";
import type { Redact } from "./redact.ts";
import { insertEvents, notifyOperation } from "./rows.ts";

export type EventRecorder = {
  add(event: OperationEvent): void;
  /** Resolves when everything that was added is written. @throws what the last write threw. */
  flush(): Promise<void>;
};

const batchMs = 150;
const maxMessage = 20_000;

export function createEventRecorder(deps: {
  sql: Sql;
  redact: Redact;
  clock: { now(): Date };
  operationId: number;
  stack: string;
}): EventRecorder {
  let seq = 0;
  let waiting: (OperationEvent & { seq: number; at: Date })[] = [];
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  function write(): Promise<void> {
    timer = undefined;
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return writing;
    writing = writing.then(async () => {
      await insertEvents(deps.sql, deps.operationId, batch);
      await notifyOperation(deps.sql, deps.stack);
    });
    return writing;
  }

  return {
    add(event) {
      const message = deps.redact(event.message).slice(0, maxMessage);
      waiting.push({ ...event, message, seq, at: deps.clock.now() });
      seq += 1;
      // A failed write is thrown by flush; here it must not become an unhandled rejection.
      timer ??= setTimeout(() => void write().catch(() => undefined), batchMs);
    },
    async flush() {
      clearTimeout(timer);
      await write();
    },
  };
}
