/** Carries the plan out, step by step. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Arena } from "./arena.ts";
import { armFault } from "./cloud-faults.ts";
import type { Customers } from "./customers.ts";
import type { Journal } from "./journal.ts";
import { strike } from "./kills.ts";
import { describeStep, type Step } from "./plan.ts";

export type StormDeps = { arena: Arena; customers: Customers; journal: Journal };
export type StormResult = { kills: number; missed: number };

/** Ends early, without an error, when the signal fires. */
export async function storm(
  { arena, customers, journal }: StormDeps,
  steps: readonly Step[],
  signal: AbortSignal,
): Promise<StormResult> {
  const result: StormResult = { kills: 0, missed: 0 };
  for (const step of steps) {
    await sleep(step.waitMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return result;
    switch (step.act.type) {
      case "work": {
        const done = await customers.perform(step.act.work);
        journal.note(done.text, done.slugs);
        break;
      }
      case "fault":
        armFault(arena, step.act.fault);
        journal.note(describeStep(step));
        break;
      case "kill": {
        const hit = await strike(arena, step.act.kill, signal);
        if (hit) result.kills += 1;
        else result.missed += 1;
        journal.note(hit?.text ?? `found nobody for: ${describeStep(step)}`, hit?.slugs);
        break;
      }
      case "cell":
        await waitForCell(arena, signal);
        journal.note("the cell is up");
        break;
    }
  }
  return result;
}

const cellPatienceMs = 60_000;

async function waitForCell({ sql }: Arena, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + cellPatienceMs;
  while (Date.now() < deadline && !signal.aborted) {
    const [open] = await sql`select 1 from clawfleet.cells where outputs is null`;
    if (!open) return;
    await sleep(200);
  }
}
