/** Ends a run: the whole process group, harder step by step, within a bounded time. */
import { setTimeout as sleep } from "node:timers/promises";
import { killSession } from "../../infra/process-session.ts";

export type LadderStep = { signal: NodeJS.Signals; waitMs: number };

/** The engine takes one interrupt for "finish what is under way", a second for "stop now". */
export const defaultLadder: readonly LadderStep[] = [
  { signal: "SIGINT", waitMs: 30_000 },
  { signal: "SIGINT", waitMs: 10_000 },
  { signal: "SIGTERM", waitMs: 5_000 },
  { signal: "SIGKILL", waitMs: 5_000 },
];

/** The same steps in less time: their waits together are at most `withinMs`. Pure. */
export function fitLadder(ladder: readonly LadderStep[], withinMs: number): LadderStep[] {
  const totalMs = ladder.reduce((sum, step) => sum + step.waitMs, 0);
  const share = Math.min(1, withinMs / totalMs);
  return ladder.map(({ signal, waitMs }) => ({ signal, waitMs: Math.floor(waitMs * share) }));
}

/** Resolves when the group is empty or the ladder is used up. `hasEnded` tells of the leader. */
export async function endProcessGroup(
  leader: number,
  hasEnded: () => boolean,
  ladder: readonly LadderStep[] = defaultLadder,
): Promise<void> {
  for (const { signal, waitMs } of ladder) {
    if (signal === "SIGKILL") killSession(leader);
    else if (!signalGroup(leader, signal)) return;
    const deadline = Date.now() + waitMs;
    while (Date.now() < deadline) {
      if (hasEnded() && !signalGroup(leader, 0)) return;
      await sleep(50);
    }
  }
}

/** False when nobody of the group is left. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}
