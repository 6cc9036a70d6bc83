/**
 * Proves the arithmetic of the shared budget: refill, what headers teach, reserves, leases, and that no order of holders, answers
 * and refills spends more than there is. It cannot prove that PostgreSQL keeps exchanges apart; rate-budget in integration does.
 */
import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";
import { closedBreaker } from "../../reconciler/gate/breaker.ts";
import { judge, readBudget } from "../../reconciler/gate/headers.ts";
import { grant, levelAt, newLevel, report, reserves } from "../../reconciler/gate/level.ts";
import { leaseMs, settle, type Report, type SharedBudget } from "../../reconciler/gate/settle.ts";
import { priorities, reasonSchema, type Reason } from "../../reconciler/queue/jobs.ts";

const start = new Date("2026-11-20T12:00:00Z");
const at = (ms: number) => new Date(start.getTime() + ms);
const level = (remaining: number, limit = 100) => ({
  limit,
  periodMs: limit * 1000,
  remaining,
  asOf: start,
  resetAt: null,
});
const window = (remaining: number, resetMs: number | null = 60_000) => ({
  ...level(remaining),
  periodMs: 300_000,
  resetAt: resetMs === null ? null : at(resetMs),
});
const nothing: Report = { spent: 0, unheard: 0, verdicts: [], givenBack: 0 };

describe("refill", () => {
  test.each([
    ["hetzner", level(10), 5_000, 15],
    ["hetzner", level(98), 60_000, 100],
    ["hetzner", level(10), -5_000, 10],
    ["cloudflare", window(10), 59_999, 10],
    ["cloudflare", window(10), 60_000, 100],
    ["cloudflare", window(10, null), 600_000, 10],
  ] as const)("%s %o after %i ms: %i", (cloud, before, ms, after) => {
    expect(levelAt(cloud, before, at(ms)).remaining).toBe(after);
  });

  test("Hetzner gives 3,600 an hour, one a second; Cloudflare 1,200 in five minutes", () => {
    expect(newLevel("hetzner", start)).toMatchObject({ limit: 3600, periodMs: 3_600_000, remaining: 3600 });
    expect(newLevel("cloudflare", start)).toMatchObject({ limit: 1200, periodMs: 300_000, remaining: 1200 });
  });
});

describe("headers", () => {
  test.each([
    ["hetzner", { "ratelimit-limit": "3600", "ratelimit-remaining": "17" }, { limit: 3600, remaining: 17 }],
    ["hetzner", { "ratelimit-limit": "3600" }, undefined],
    ["hetzner", { "ratelimit-limit": "many", "ratelimit-remaining": "17" }, undefined],
    [
      "cloudflare",
      { ratelimit: '"default";r=50;t=30', "ratelimit-policy": '"default";q=1200;w=300' },
      { limit: 1200, periodMs: 300_000, remaining: 50, resetMs: 30_000 },
    ],
    [
      "cloudflare",
      { ratelimit: '"burst";r=90;t=1, "default";r=50;t=30', "ratelimit-policy": '"burst";q=100;w=60' },
      { remaining: 50, resetMs: 30_000 },
    ],
    ["cloudflare", { ratelimit: "nonsense" }, undefined],
    ["cloudflare", {}, undefined],
  ] as const)("%s %o", (cloud, headers, expected) => {
    expect(readBudget(cloud, headers)).toEqual(expected);
  });

  test.each([
    [200, {}, { kind: "good" }],
    [404, {}, { kind: "good" }],
    [429, {}, { kind: "bad" }],
    [429, { "retry-after": "30" }, { kind: "bad", retryAfterMs: 30_000 }],
    [429, { "retry-after": "Fri, 20 Nov 2026 12:01:00 GMT" }, { kind: "bad", retryAfterMs: 60_000 }],
    [429, { "retry-after": "soon" }, { kind: "bad" }],
    [502, {}, { kind: "bad" }],
    [520, {}, { kind: "bad" }],
  ] as const)("an answer %i %o is %o", (status, headers, verdict) => {
    expect(judge(status, headers, start)).toEqual(verdict);
  });
});

describe("what the cloud says", () => {
  test("stands over our own count when nobody reported later", () => {
    const learned = { limit: 100, remaining: 42, ageMs: 1000, sentAgeMs: 2000 };
    expect(report("hetzner", level(80), { unheard: 0, learned }, at(2000)).remaining).toBe(43);
  });

  test("can only lower it when somebody did", () => {
    const later = { ...level(30), asOf: at(5000) };
    const older = { limit: 100, remaining: 42, ageMs: 3000, sentAgeMs: 3500 };
    expect(report("hetzner", later, { unheard: 2, learned: older }, at(5000)).remaining).toBe(28);
    const lower = { ...older, remaining: 10 };
    expect(report("hetzner", later, { unheard: 0, learned: lower }, at(5000)).remaining).toBe(13);
  });

  test("an answer that was long under way does not know what others have reported meanwhile", () => {
    const later = { ...level(30), asOf: at(5000) };
    const slow = { limit: 100, remaining: 42, ageMs: 0, sentAgeMs: 1000 };
    expect(report("hetzner", later, { unheard: 0, learned: slow }, at(5500)).remaining).toBe(30.5);
  });

  test("sets limit and end of the window too", () => {
    const learned = { limit: 500, periodMs: 60_000, remaining: 7, resetMs: 20_000, ageMs: 0, sentAgeMs: 500 };
    const after = report("cloudflare", window(90), { unheard: 0, learned }, at(1000));
    expect(after).toMatchObject({ limit: 500, periodMs: 60_000, remaining: 7, resetAt: at(21_000) });
    expect(levelAt("cloudflare", after, at(21_000)).remaining).toBe(500);
  });
});

describe("reserve", () => {
  test("grows as urgency falls", () => {
    const sorted = reasonSchema.options.toSorted((a, b) => priorities[b] - priorities[a]);
    expect(sorted.map((reason) => reserves[reason])).toEqual(
      sorted.map((reason) => reserves[reason]).toSorted((a, b) => a - b),
    );
    expect(reserves.paid).toBe(0);
  });

  test.each([
    ["resync", 41, 1],
    ["resync", 40.5, 0],
    ["drift", 40, 10],
    ["cancel", 6, 1],
    ["cancel", 5, 0],
    ["paid", 5, 5],
    ["paid", 0.9, 0],
  ] as const)("%s with %d of 100 left gets %i of 20", (reason, remaining, granted) => {
    const want = { reason, needed: 20, ahead: 0 };
    expect(grant("hetzner", level(remaining), 0, want).granted).toBe(granted);
  });

  test("says how long to wait: for a refill, or for the end of the window", () => {
    const want = { reason: "resync", needed: 1, ahead: 0 } as const;
    expect(grant("hetzner", level(38.5), 0, want)).toEqual({ granted: 0, waitMs: 2500 });
    expect(grant("cloudflare", window(40), 0, want)).toEqual({ granted: 0, waitMs: 60_000 });
    expect(grant("hetzner", level(90), 60, want), "others hold it").toEqual({ granted: 0, waitMs: 1000 });
  });

  test("tokens ahead of need are given only while there is plenty", () => {
    const want = { reason: "paid", needed: 1, ahead: 8 } as const;
    expect(grant("hetzner", level(3600, 3600), 0, want).granted).toBe(9);
    expect(grant("hetzner", level(60), 0, want).granted).toBe(4);
    expect(grant("hetzner", level(10), 0, want).granted).toBe(1);
  });
});

describe("exchange", () => {
  const fresh = (remaining: number): SharedBudget => ({
    ...level(remaining),
    breaker: closedBreaker,
    leases: new Map(),
  });
  const ask = (holder: string, reason: Reason, needed: number, seen: Partial<Report> = {}) => ({
    holder,
    report: { ...nothing, ...seen },
    want: { reason, needed, ahead: 0 },
    random: 0.5,
  });

  test("what one holder has, another one cannot get; what is given back, it can", () => {
    const first = settle("hetzner", fresh(10), ask("a", "paid", 8), start);
    expect(first.reply).toEqual({ kind: "granted", granted: 8 });
    const second = settle("hetzner", first.budget, ask("b", "paid", 8), start);
    expect(second.reply).toEqual({ kind: "granted", granted: 2 });
    const third = settle("hetzner", second.budget, ask("a", "paid", 8, { givenBack: 5 }), start);
    expect(third.reply).toEqual({ kind: "granted", granted: 5 });
  });

  test("the lease of a holder that is never heard again ends", () => {
    const first = settle("hetzner", fresh(10), ask("dead", "paid", 10), start);
    const early = settle("hetzner", first.budget, ask("b", "paid", 200), at(1000));
    expect(early.reply).toEqual({ kind: "granted", granted: 1 });
    const late = settle("hetzner", first.budget, ask("b", "paid", 200), at(leaseMs + 1));
    expect(late.reply).toEqual({ kind: "granted", granted: 100 });
  });

  test("a flood of resyncs, however long, leaves a new customer their share", () => {
    let budget = fresh(100);
    for (let round = 0; round < 200; round += 1) {
      const result = settle("hetzner", budget, ask(`r${round}`, "resync", 10), at(round));
      budget = result.budget;
    }
    const paid = settle("hetzner", budget, ask("new", "paid", 30), at(200));
    expect(paid.reply).toEqual({ kind: "granted", granted: 30 });
  });

  test("whatever the order of holders, answers and time, the cloud is never asked more often than it allows", () => {
    const move = record({
      holder: constantFrom("a", "b", "c"),
      reason: constantFrom<Reason>("paid", "resync"),
      needed: integer({ min: 1, max: 30 }),
      use: integer({ min: 0, max: 30 }),
      passMs: integer({ min: 0, max: 3000 }),
      hears: boolean(),
    });
    assert(
      property(array(move, { maxLength: 80 }), integer({ min: 0, max: 50 }), (moves, initial) => {
        // The cloud's own bucket, and ours that begins without knowing what others have used of it.
        let bucket = initial;
        let budget = fresh(initial);
        let now = 0;
        const held = new Map<string, number>();
        for (const { holder, reason, needed, use, passMs, hears } of moves) {
          now += passMs;
          bucket = Math.min(100, bucket + passMs / 1000);
          const spent = Math.min(use, held.get(holder) ?? 0);
          bucket -= spent;
          expect(bucket).toBeGreaterThanOrEqual(-0.001);
          const learned = hears
            ? { limit: 100, remaining: Math.floor(bucket), ageMs: 0, sentAgeMs: 0 }
            : undefined;
          const seenBy = { spent, unheard: hears ? 0 : spent, learned };
          const settled = settle("hetzner", budget, ask(holder, reason, needed, seenBy), at(now));
          budget = settled.budget;
          const granted = settled.reply.kind === "granted" ? settled.reply.granted : 0;
          held.set(holder, (held.get(holder) ?? 0) - spent + granted);
        }
      }),
      { numRuns: 300 },
    );
  });
});
