/** Proves that a lost claim's ladder ends before others may take the job, and how long that takes at most. Pure arithmetic. */
import { describe, expect, test } from "vitest";
import { silenceMs } from "../../infra/runner-protocol.ts";
import { defaultLadder, fitLadder } from "../../reconciler/engine/process-group.ts";
import { claimEndShare, defaultLease, reclaimWithinMs } from "../../reconciler/queue/lease.ts";

const total = (ladder: readonly { waitMs: number }[]) => ladder.reduce((sum, { waitMs }) => sum + waitMs, 0);

describe("ending a run in less time", () => {
  test.each([1_000, 8_000, 50_000, 500_000])("every signal is sent within %d ms", (withinMs) => {
    const ladder = fitLadder(defaultLadder, withinMs);
    expect(ladder.map(({ signal }) => signal)).toEqual(["SIGINT", "SIGINT", "SIGTERM", "SIGKILL"]);
    expect(total(ladder)).toBeLessThanOrEqual(Math.min(withinMs, total(defaultLadder)));
  });

  test("no time at all is a kill at once", () => {
    expect(total(fitLadder(defaultLadder, 0))).toBe(0);
  });
});

describe("the lease", () => {
  test("a run is dead before others may take its job, whether its worker lives or is frozen", () => {
    const { leaseMarginMs } = defaultLease;
    expect(leaseMarginMs * claimEndShare).toBeLessThan(leaseMarginMs);
    expect(silenceMs).toBeLessThan(leaseMarginMs);
  });

  test("a dead worker's job is taken within a minute", () => {
    expect(reclaimWithinMs(defaultLease)).toBeLessThan(60_000);
  });
});
