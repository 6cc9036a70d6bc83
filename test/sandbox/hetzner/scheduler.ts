/** Things that happen later, on a clock that a test may hold. */

export type Scheduler = {
  /** Runs `task` when the clock has moved on by `delayMs`; never within this call. */
  after(delayMs: number, task: () => void): void;
  /** Runs everything that is due now, including what that starts. Called before every request. */
  runDue(): void;
  /** Remembers work of others (machines) so that `close` can wait for it. */
  track(work: Promise<unknown>): void;
  /** Nothing runs any more; waits for tracked work, at most `limitMs`. */
  close(limitMs: number): Promise<void>;
};

type Task = { dueAt: number; run: () => void; timer: NodeJS.Timeout | undefined };

/**
 * Real timers wake it up, but the clock decides: with an injected clock a task waits until a request
 * (`runDue`) finds that its time has come.
 */
export function createScheduler(now: () => Date): Scheduler {
  const tasks = new Set<Task>();
  const tracked = new Set<Promise<unknown>>();
  let closed = false;
  /** Most calls find nothing due: they must not look at every waiting task. */
  let nextDueAt = Infinity;

  function runDue(): void {
    for (;;) {
      const time = now().getTime();
      if (closed || time < nextDueAt) return;
      const due = [...tasks].filter((task) => task.dueAt <= time);
      nextDueAt = Infinity;
      for (const task of tasks) if (task.dueAt > time) nextDueAt = Math.min(nextDueAt, task.dueAt);
      for (const task of due.toSorted((a, b) => a.dueAt - b.dueAt)) {
        tasks.delete(task);
        clearTimeout(task.timer);
        task.run();
      }
    }
  }

  return {
    after(delayMs, run) {
      if (closed) return;
      const task: Task = { dueAt: now().getTime() + delayMs, run, timer: undefined };
      tasks.add(task);
      nextDueAt = Math.min(nextDueAt, task.dueAt);
      // Timers may fire a moment before the clock shows their time.
      task.timer = setTimeout(runDue, delayMs + 2);
      task.timer.unref();
    },
    runDue,
    track(work) {
      const forget = (): void => void tracked.delete(work);
      tracked.add(work);
      work.then(forget, forget);
    },
    async close(limitMs) {
      closed = true;
      for (const task of tasks) clearTimeout(task.timer);
      tasks.clear();
      let timer: NodeJS.Timeout | undefined;
      const limit = new Promise((resolve) => {
        timer = setTimeout(resolve, limitMs);
      });
      await Promise.race([Promise.allSettled(tracked), limit]);
      clearTimeout(timer);
    },
  };
}
