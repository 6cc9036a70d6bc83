/** Stops asking a cloud that only refuses or does not answer, and finds out with one request when it is well again. Pure. */
import { backoffMs } from "../converge/backoff.ts";

export const breakerStates = ["closed", "open", "half-open"] as const;
export type BreakerState = (typeof breakerStates)[number];

export type Breaker = {
  state: BreakerState;
  /** End of the pause, or of the time that the one probe has. */
  until: Date | null;
  /** Pauses in a row. */
  opened: number;
  /** Bad answers in a row. */
  bad: number;
};

export const closedBreaker: Breaker = { state: "closed", until: null, opened: 0, bad: 0 };

/** `bad`: 429, 5xx or no answer. `retryAfterMs` when the cloud said how long it will refuse. */
export type Verdict = { kind: "good" } | { kind: "bad"; retryAfterMs?: number };

/** So many bad answers in a row, without a good one between them, are a storm. */
export const stormLength = 5;
const firstPauseMs = 5_000;
const longestPauseMs = 10 * 60_000;
/** A prober that died must not keep everybody waiting. */
const probeMs = 30_000;

/** `random`: 0 to 1. */
export function observe(breaker: Breaker, verdict: Verdict, now: Date, random: number): Breaker {
  if (verdict.kind === "good") return breaker.state === "closed" ? closedBreaker : breaker;
  const bad = breaker.bad + 1;
  const announced = verdict.retryAfterMs;
  if (announced === undefined && (bad < stormLength || breaker.state !== "closed"))
    return { ...breaker, bad };
  const until = pauseUntil(breaker, announced, now, random);
  if (breaker.state === "open" && breaker.until !== null && breaker.until >= until)
    return { ...breaker, bad };
  return { state: "open", until, opened: breaker.opened + (breaker.state === "closed" ? 1 : 0), bad };
}

/** Of the one request that looks whether the cloud is well. */
export function concludeProbe(breaker: Breaker, verdict: Verdict, now: Date, random: number): Breaker {
  if (breaker.state === "closed" || verdict.kind === "good") return closedBreaker;
  const until = pauseUntil(breaker, verdict.retryAfterMs, now, random);
  return { state: "open", until, opened: breaker.opened + 1, bad: breaker.bad + 1 };
}

function pauseUntil(breaker: Breaker, announced: number | undefined, now: Date, random: number): Date {
  const pause = announced ?? backoffMs(breaker.opened + 1, random, firstPauseMs);
  return new Date(now.getTime() + Math.min(longestPauseMs, pause));
}

/** Whether requests go through; `probe`: whoever asked now has to look, and nobody else. */
export type Passage = { kind: "pass" } | { kind: "probe"; breaker: Breaker } | { kind: "wait"; ms: number };

export function askBreaker(breaker: Breaker, now: Date): Passage {
  if (breaker.state === "closed") return { kind: "pass" };
  const left = (breaker.until?.getTime() ?? 0) - now.getTime();
  if (left > 0) return { kind: "wait", ms: left };
  const probing: Breaker = { ...breaker, state: "half-open", until: new Date(now.getTime() + probeMs) };
  return { kind: "probe", breaker: probing };
}
