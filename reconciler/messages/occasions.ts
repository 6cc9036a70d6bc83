/**
 * Which occasions to write to a customer follow from a change or a row, and which of them are out of date by it. Pure.
 * An occasion has a period: the same period again is the same occasion, which is told once.
 */
import type { Phase } from "../../infra/config.ts";
import { findDownSince, type Standing } from "../desired/outages.ts";
import { hasEnded } from "../desired/phases.ts";
import { occasionKinds, type Facts, type OccasionKind } from "./facts.ts";

export type Announcement = {
  facts: Facts;
  period: string;
  dueAt: Date;
  /** Not worth saying any more from then on; null: late is better than never. */
  expiresAt: Date | null;
};

export type Announcements = {
  say: Announcement[];
  /** Waiting ones of these kinds are not true any more. */
  withdraw: OccasionKind[];
};

/** What billing, overrides and operators decided, as far as customers hear of it. */
export type Decided = {
  phase: Phase;
  /** Of the subscription that decided. */
  status: string;
  statusSince: Date;
  nextChangeAt: Date | null;
  /** When everything is deleted if nothing changes; null: not by itself. */
  deleteAt: Date | null;
};

/** Days before a deletion at which it is announced. */
export const warningDays = [7, 3, 1] as const;
/** So long after payment an assistant that fails to come up is said to be late. */
export const patienceMs = 60 * 60_000;

const dayMs = 86_400_000;
const once = "once";

/** An instance was made for somebody. */
export function announceOrder(order: { provider: string; status: string }, now: Date): Announcements {
  const payment = order.provider === "comped" ? "free" : order.status === "trialing" ? "trial" : "paid";
  return { say: [at(now, { kind: "paid", payment }, once)], withdraw: [] };
}

/** The desired row of a living instance is written anew. */
export function announceChange(before: { phase: Phase }, after: Decided, now: Date): Announcements {
  switch (after.phase) {
    case "running":
      return after.status === "past_due" && after.nextChangeAt !== null
        ? announceLatePayment(after, after.nextChangeAt, now)
        : { say: [], withdraw: ["past_due", "suspended", "deletion_warning"] };
    case "suspended":
    case "archived": {
      const stops = before.phase === "running";
      const warnings = warnBefore(after, stops ? now : after.statusSince);
      const cause = causeOf(after.status);
      const facts: Facts = { kind: "suspended", cause, deleteAt: after.deleteAt?.toISOString() ?? null };
      const stopped = stops ? [at(now, facts, now.toISOString())] : [];
      return {
        say: [...stopped, ...warnings],
        withdraw: ["past_due", "ready", "failed", "deletion_warning"],
      };
    }
    case "gone":
      return { say: [], withdraw: ["past_due", "ready", "failed", "suspended", "deletion_warning"] };
  }
}

function announceLatePayment(after: Decided, suspendAt: Date, now: Date): Announcements {
  const facts: Facts = { kind: "past_due", suspendAt: suspendAt.toISOString() };
  const late = { ...at(now, facts, after.statusSince.toISOString()), expiresAt: suspendAt };
  return { say: [late], withdraw: ["suspended", "deletion_warning"] };
}

/** Each warning is worth sending until the next one is due. Those that would come with the news itself are left out. */
function warnBefore({ deleteAt }: Decided, newsAt: Date): Announcement[] {
  if (!deleteAt) return [];
  const daysBefore = (days: number) => new Date(deleteAt.getTime() - days * dayMs);
  return warningDays
    .map((days, index) => ({
      facts: { kind: "deletion_warning" as const, deleteAt: deleteAt.toISOString() },
      period: `${deleteAt.toISOString()} -${days}d`,
      dueAt: daysBefore(days),
      expiresAt: daysBefore(warningDays[index + 1] ?? 0),
    }))
    .filter(({ dueAt }) => dueAt.getTime() - newsAt.getTime() >= dayMs);
}

function causeOf(status: string): "ended" | "unpaid" | "operator" {
  if (hasEnded(status)) return "ended";
  return status === "active" || status === "trialing" ? "operator" : "unpaid";
}

/** The observed half of an instance, as it was before what is recorded now. */
export type Observed = Standing & { readyBefore: boolean; failureTold: boolean };

/**
 * The gateway answers. Every time of running is told once, however often its instance is converged; that it is back from a move
 * or a copy only to who heard that it was not.
 */
export function announceReady(row: Observed, applied: Phase, now: Date): Announcements {
  if (applied !== "running" || row.phase !== "running") return nothing;
  const facts: Facts = { kind: "ready", again: row.readyBefore };
  const from = (row.failureTold && findDownSince(row)) || row.phaseSince;
  return { say: [at(now, facts, from.toISOString())], withdraw: ["failed"] };
}

/** Only a person can go on. Who has an assistant that runs is not told of a change that did not reach it. */
export function announceParked(row: Observed, now: Date): Announcements {
  const from = findDownSince(row);
  return from ? failed(row, from, now) : nothing;
}

/** It goes on by itself, tries or waits for a limit, a cloud or room, but for longer than somebody should wait without a word. */
export function announceLate(row: Observed, now: Date): Announcements {
  const from = findDownSince(row);
  return from && now.getTime() - from.getTime() >= patienceMs ? failed(row, from, now) : nothing;
}

export function announceGone(now: Date): Announcements {
  const withdraw = occasionKinds.filter((kind) => kind !== "deleted");
  return { say: [at(now, { kind: "deleted" }, once)], withdraw };
}

/** A customer asks for a way into their billing page. `asked`: the same time is the same letter. */
export function announceLink(
  { orderId, asked, expiresAt }: { orderId: string; asked: Date; expiresAt: Date },
  now: Date,
): Announcements {
  const facts: Facts = { kind: "account_link", orderId, expiresAt: expiresAt.toISOString() };
  return {
    say: [{ facts, period: `${asked.toISOString()} ${orderId}`, dueAt: now, expiresAt }],
    withdraw: [],
  };
}

/** A customer has used the messages of their plan for this month. Of no interest once the next month counts anew. */
export function announceMessageLimit({ limit }: { limit: number }, now: Date): Announcements {
  const renews = new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1));
  const facts: Facts = { kind: "message_limit", limit, renewsAt: renews.toISOString() };
  const period = `${now.toISOString().slice(0, 7)} ${limit}`;
  return { say: [{ facts, period, dueAt: now, expiresAt: renews }], withdraw: [] };
}

const nothing: Announcements = { say: [], withdraw: [] };

function failed(row: Observed, from: Date, now: Date): Announcements {
  const facts: Facts = { kind: "failed", again: row.readyBefore };
  return { say: [at(now, facts, from.toISOString())], withdraw: [] };
}

function at(now: Date, facts: Facts, period: string): Announcement {
  return { facts, period, dueAt: now, expiresAt: null };
}
