/** How long a claim on a job lasts, and what follows from that. Pure. */

export type Lease = {
  /** Silence after which others may take the job, as pg-boss knows it. */
  heartbeatSeconds: number;
  refreshMs: number;
  /** Time between our giving up and that moment: the work's chance to end. */
  leaseMarginMs: number;
};

export const defaultLease: Lease = { heartbeatSeconds: 30, refreshMs: 5_000, leaseMarginMs: 10_000 };

/** How often pg-boss looks for jobs whose heartbeat stopped. */
export const superviseSeconds = 10;

/** Share of the margin in which a run ends; the rest is for signals to arrive and for clocks that run at different speeds. */
export const claimEndShare = 0.8;

/** From a worker's death until others have its job, at most: the silence, two looks of the supervisor, the retry's delay. */
export function reclaimWithinMs(lease: Lease): number {
  const retryDelayMs = 1_000;
  return (lease.heartbeatSeconds + 2 * superviseSeconds) * 1000 + retryDelayMs;
}
