/** Proves when the breaker opens, for how long, who looks, and what that look leads to. Times are data here; who asks is in integration. */
import { describe, expect, test } from "vitest";
import {
  askBreaker,
  closedBreaker,
  concludeProbe,
  observe,
  stormLength,
  type Breaker,
  type Verdict,
} from "../../reconciler/gate/breaker.ts";

const start = new Date("2026-11-20T12:00:00Z");
const at = (ms: number) => new Date(start.getTime() + ms);
const good: Verdict = { kind: "good" };
const bad: Verdict = { kind: "bad" };
const see = (...verdicts: Verdict[]) =>
  verdicts.reduce<Breaker>((breaker, verdict) => observe(breaker, verdict, start, 0.5), closedBreaker);
const times = (count: number, verdict: Verdict) => Array.from({ length: count }, () => verdict);
const pauseOf = ({ until }: Breaker) => (until?.getTime() ?? 0) - start.getTime();

describe("breaker", () => {
  test("stays closed while good answers come between bad ones", () => {
    const mixed = [...times(stormLength - 1, bad), good, ...times(stormLength - 1, bad)];
    expect(see(...mixed).state).toBe("closed");
  });

  test("opens for five seconds after so many bad ones in a row", () => {
    const breaker = see(...times(stormLength, bad));
    expect(breaker).toMatchObject({ state: "open", opened: 1 });
    expect(pauseOf(breaker)).toBe(5_000);
    expect(askBreaker(breaker, at(4_999))).toEqual({ kind: "wait", ms: 1 });
  });

  test("opens at once for as long as the cloud announces, at most ten minutes", () => {
    expect(pauseOf(see({ kind: "bad", retryAfterMs: 90_000 }))).toBe(90_000);
    expect(pauseOf(see({ kind: "bad", retryAfterMs: 86_400_000 }))).toBe(600_000);
  });

  test("an announcement during a pause lengthens it and never shortens it", () => {
    const open = see({ kind: "bad", retryAfterMs: 90_000 });
    expect(pauseOf(observe(open, { kind: "bad", retryAfterMs: 300_000 }, start, 0.5))).toBe(300_000);
    expect(pauseOf(observe(open, { kind: "bad", retryAfterMs: 1_000 }, start, 0.5))).toBe(90_000);
  });

  test("late answers to what was sent before do not close it", () => {
    const open = see(...times(stormLength, bad));
    expect(observe(open, good, at(1000), 0.5)).toEqual(open);
    expect(pauseOf(observe(open, bad, at(1000), 0.5))).toBe(5_000);
  });

  test("after the pause one looks and the others wait; a prober that dies is replaced", () => {
    const open = see(...times(stormLength, bad));
    const first = askBreaker(open, at(5_000));
    if (first.kind !== "probe") throw new Error("somebody has to look");
    expect(first.breaker.state).toBe("half-open");
    expect(askBreaker(first.breaker, at(5_001)).kind).toBe("wait");
    expect(askBreaker(first.breaker, at(5_000 + 30_000)).kind).toBe("probe");
  });

  test("a good look closes it, bad ones double the pause up to ten minutes", () => {
    let breaker = see(...times(stormLength, bad));
    expect(concludeProbe(breaker, good, at(5000), 0.5)).toEqual(closedBreaker);
    const pauses: number[] = [];
    for (let look = 0; look < 10; look += 1) {
      breaker = concludeProbe(breaker, bad, start, 0.5);
      pauses.push(pauseOf(breaker) / 1000);
    }
    expect(pauses).toEqual([10, 20, 40, 80, 160, 320, 600, 600, 600, 600]);
  });
});
