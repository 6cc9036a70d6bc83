/** How much of a request budget is left, and who may still have of it. Pure. */
import type { CloudName } from "../cloud/http.ts";
import type { Reason } from "../queue/jobs.ts";

export type Level = {
  /** Requests in a full budget. */
  limit: number;
  /** In which an empty one becomes full (Hetzner), or the length of a window (Cloudflare). */
  periodMs: number;
  /** At `asOf`; leased tokens are not taken off. */
  remaining: number;
  asOf: Date;
  /** End of the present window; null: it refills steadily, or no window has begun. */
  resetAt: Date | null;
};

type Refill = "steady" | "window";

/** Source: facts.md; docs.hetzner.cloud "Rate Limiting", developers.cloudflare.com "API rate limits". */
const official: Record<CloudName, { limit: number; periodMs: number; refill: Refill }> = {
  hetzner: { limit: 3600, periodMs: 3_600_000, refill: "steady" },
  cloudflare: { limit: 1200, periodMs: 300_000, refill: "window" },
};

/** Share of a full budget that is kept for who is more urgent. */
export const reserves: Record<Reason, number> = {
  paid: 0,
  cancel: 0.05,
  heal: 0.05,
  operator: 0.1,
  "pull-request": 0.2,
  drift: 0.3,
  resync: 0.4,
  spare: 0.5,
};

/** Before anything was learned: full. */
export function newLevel(cloud: CloudName, now: Date): Level {
  const { limit, periodMs } = official[cloud];
  return { limit, periodMs, remaining: limit, asOf: now, resetAt: null };
}

/** The same budget at `now`. */
export function levelAt(cloud: CloudName, level: Level, now: Date): Level {
  // The clock of the database may stand still within a transaction; it never goes back for us.
  const at = now > level.asOf ? now : level.asOf;
  if (official[cloud].refill === "window") {
    if (level.resetAt === null || at < level.resetAt) return { ...level, asOf: at };
    return { ...level, remaining: level.limit, resetAt: null, asOf: at };
  }
  const refilled = (at.getTime() - level.asOf.getTime()) * (level.limit / level.periodMs);
  return { ...level, remaining: Math.min(level.limit, level.remaining + refilled), asOf: at };
}

/** What an answer's headers said. */
export type Said = {
  limit?: number;
  periodMs?: number;
  remaining: number;
  /** Time until a window ends, counted from the answer. */
  resetMs?: number;
};

export type Learned = Said & {
  /** Since the answer came. */
  ageMs: number;
  /** Since its request was sent: the cloud has counted what others had used up to then. */
  sentAgeMs: number;
};

/**
 * What a holder's answers said. Whoever was answered last was told what is left after all others, so that the least that was
 * said counts, and only `unheard` requests, whose answers said nothing, have to be taken off. It rises above what we knew only
 * when it was asked for after everybody's last report. `level` is as it was stored, not brought to `now`.
 */
export function report(
  cloud: CloudName,
  level: Level,
  seen: { unheard: number; learned?: Learned | undefined },
  now: Date,
): Level {
  const present = levelAt(cloud, level, now);
  const takeOff = (remaining: number): number => Math.max(0, remaining - seen.unheard);
  if (seen.learned === undefined) return { ...present, remaining: takeOff(present.remaining) };
  const learnedAt = new Date(now.getTime() - seen.learned.ageMs);
  const told = levelAt(cloud, toLevel(cloud, level, seen.learned, learnedAt), now);
  const isNewer = now.getTime() - seen.learned.sentAgeMs >= level.asOf.getTime();
  if (isNewer) return { ...told, remaining: takeOff(told.remaining) };
  return {
    ...present,
    limit: told.limit,
    periodMs: told.periodMs,
    remaining: takeOff(Math.min(present.remaining, told.remaining)),
    resetAt: present.resetAt ?? told.resetAt,
  };
}

function toLevel(cloud: CloudName, level: Level, learned: Learned, learnedAt: Date): Level {
  const isWindow = official[cloud].refill === "window" && learned.resetMs !== undefined;
  return {
    limit: learned.limit ?? level.limit,
    periodMs: learned.periodMs ?? level.periodMs,
    remaining: learned.remaining,
    asOf: learnedAt,
    resetAt: isWindow ? new Date(learnedAt.getTime() + (learned.resetMs ?? 0)) : null,
  };
}

/** How often holders report. */
export const settlingMs = 1_000;

export type Want = { reason: Reason; needed: number; ahead: number };

/** Tokens for one holder beside what all others hold. None: `waitMs` until it is worth asking again. */
export function grant(
  cloud: CloudName,
  level: Level,
  leased: number,
  want: Want,
): { granted: number; waitMs: number } {
  const reserve = reserves[want.reason] * level.limit;
  const free = Math.floor(level.remaining - leased - reserve);
  if (free >= 1) {
    // Ahead of need only while there is plenty: tokens that lie about are nobody's.
    const ahead = Math.min(want.ahead, Math.floor(free / 20));
    return { granted: Math.min(free, want.needed + ahead), waitMs: 0 };
  }
  // What others hold is soon used or given back, and counted then.
  if (level.remaining - reserve >= 1) return { granted: 0, waitMs: settlingMs };
  const missing = 1 - (level.remaining - reserve);
  if (official[cloud].refill === "steady") {
    return { granted: 0, waitMs: Math.ceil(missing * (level.periodMs / level.limit)) };
  }
  const windowEnd = level.resetAt ?? new Date(level.asOf.getTime() + level.periodMs);
  return { granted: 0, waitMs: Math.max(1, windowEnd.getTime() - level.asOf.getTime()) };
}

/** The first request of a window begins it, as far as we know before the cloud has answered. */
export function beginWindow(cloud: CloudName, level: Level): Level {
  if (official[cloud].refill !== "window" || level.resetAt !== null) return level;
  return { ...level, resetAt: new Date(level.asOf.getTime() + level.periodMs) };
}
