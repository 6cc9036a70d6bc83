/**
 * What a person would say should be, written apart from the product's own table: only from what happened at Stripe, when it
 * was first read, and the clock.
 */
import type { Phase } from "../../../infra/config.ts";

/** Half days, so that a step's milliseconds never decide. */
export const modelGrace = { pastDueDays: 6.5, archiveAfterDays: 6.5, deleteAfterDays: 29.5 } as const;

export type KnownSubscription = {
  id: string;
  slug: string;
  status: string;
  endedAt: number | null;
  /** As it was read last, when that was read for the first time, and when again. */
  read: { status: string; at: number; againAt: number } | undefined;
};

const dayMs = 86_400_000;
export const badness: Record<Phase, number> = { running: 0, suspended: 1, archived: 2, gone: 3 };

/** By what has been read; `undefined` when nothing decides. */
export function expectPhase(subscriptions: readonly KnownSubscription[], now: number): Phase | undefined {
  return best(
    subscriptions.flatMap((one) => {
      if (!one.read) return [];
      const { status, at, againAt } = one.read;
      const since = status === "canceled" ? (one.endedAt ?? at) : at;
      // Nobody's payment is late for days in which nobody asked.
      const until = status === "past_due" ? againAt : now;
      return phaseOf(status, (until - since) / dayMs) ?? [];
    }),
  );
}

/** By what is true at Stripe now, read or not. */
export function truePhase(subscriptions: readonly KnownSubscription[], now: number): Phase | undefined {
  return best(
    subscriptions.flatMap((one) => {
      const since = one.endedAt ?? (one.read?.status === one.status ? one.read.at : now);
      return phaseOf(one.status, (now - since) / dayMs) ?? [];
    }),
  );
}

function best(phases: readonly Phase[]): Phase | undefined {
  return phases.toSorted((a, b) => badness[a] - badness[b])[0];
}

function phaseOf(status: string, days: number): Phase | undefined {
  switch (status) {
    case "active":
    case "trialing":
      return "running";
    case "past_due":
      return days < modelGrace.pastDueDays ? "running" : "suspended";
    case "unpaid":
    case "paused":
      return "suspended";
    case "canceled":
      if (days < modelGrace.archiveAfterDays) return "suspended";
      return days < modelGrace.deleteAfterDays ? "archived" : "gone";
    default:
      return undefined;
  }
}
