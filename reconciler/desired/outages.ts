/** Times in which an instance did not answer through our fault: trial and grace wait meanwhile. Pure. */
import type { Phase } from "../../infra/config.ts";

export type Outage = {
  from: Date;
  /** null: it goes on. */
  to: Date | null;
  /** Its machine was up and did not answer: we cannot tell our fault from what its owner did inside. */
  perhapsTheirs?: boolean;
};

/** Of those so much in all: operators have had their alerts by then, and nobody stops a clock for ever by breaking their own. */
const mostDoubtfulMs = 14 * 24 * 60 * 60_000;

/** A restart or a change of server type is no outage: every converge has its minutes. */
export const shortestOutageMs = 15 * 60_000;

/** Of a row: what is wanted, what there is, and whether its customer is served. */
export type Standing = {
  phase: Phase;
  phaseSince: Date;
  observedPhase: Phase | null;
  /** When it stopped serving because its server or its files go elsewhere; null: it did not. */
  downSince: Date | null;
};

/** Since when it should run and does not serve its customer. undefined: it serves, or should not run. */
export function findDownSince({ phase, phaseSince, observedPhase, downSince }: Standing): Date | undefined {
  if (phase !== "running" || (observedPhase === "running" && downSince === null)) return undefined;
  return downSince !== null && downSince > phaseSince ? downSince : phaseSince;
}

/** How much of the time from `since` to `now` no clock of the customer's ran. Outages of one instance may overlap. */
export function waitedMs(outages: readonly Outage[], since: Date, now: Date): number {
  const certain = outages.filter(({ perhapsTheirs }) => perhapsTheirs !== true);
  const all = coveredMs(outages, since, now);
  return Math.min(all, coveredMs(certain, since, now) + mostDoubtfulMs);
}

function coveredMs(outages: readonly Outage[], since: Date, now: Date): number {
  const spans = outages
    .map(({ from, to }) => ({
      from: Math.max(from.getTime(), since.getTime()),
      to: Math.min((to ?? now).getTime(), now.getTime()),
      whole: (to ?? now).getTime() - from.getTime(),
    }))
    .filter((span) => span.whole >= shortestOutageMs && span.to > span.from)
    .toSorted((a, b) => a.from - b.from);
  let waited = 0;
  let counted = -Infinity;
  for (const { from, to } of spans) {
    waited += Math.max(0, to - Math.max(from, counted));
    counted = Math.max(counted, to);
  }
  return waited;
}

/** One is going on, and for longer than a converge may take. */
export function waitsNow(outages: readonly Outage[], now: Date): boolean {
  return outages.some(({ from, to, perhapsTheirs }) => {
    const lasted = now.getTime() - from.getTime();
    return to === null && lasted >= shortestOutageMs && !(perhapsTheirs === true && lasted >= mostDoubtfulMs);
  });
}
