/** Proves whose lock is removed and whose is not, from facts. It cannot prove that the facts are read rightly. */
import { describe, expect, test } from "vitest";
import { judgeLock, parseLocks, type LockFacts, type PastRun } from "../../reconciler/recovery/locks.ts";
import { describeHeld, unlockRemedy } from "../../reconciler/recovery/remedies.ts";

const at = (minute: number, second = 0) => new Date(Date.UTC(2026, 0, 1, 12, minute, second));
const lock = { pid: 77, username: "alice", hostname: "here", takenAt: at(10) };
const process = { startedAt: at(9), isOurs: false };
const run: PastRun = {
  id: 5,
  worker: "there-9",
  outcome: "interrupted",
  processes: [
    { pid: 76, startedAt: at(8) },
    { pid: 77, startedAt: at(9, 50) },
  ],
};
const there = { ...lock, hostname: "there" };

describe("whose lock may be removed", () => {
  const cases: [string, typeof lock, Partial<LockFacts>, string][] = [
    ["a process of this machine that is gone", lock, { process: null }, "dead"],
    ["a living process of this machine", lock, { process }, "living"],
    [
      "a process that started after the lock was taken",
      lock,
      { process: { ...process, startedAt: at(11) } },
      "dead",
    ],
    [
      "one that started within the same seconds",
      lock,
      { process: { ...process, startedAt: at(10, 1) } },
      "living",
    ],
    ["one whose start nobody knows", lock, { process: { ...process, startedAt: undefined } }, "living"],
    ["a run of ours that lives without a claim", lock, { process: { ...process, isOurs: true } }, "orphan"],
    ["another machine, no run of ours there", there, {}, "living"],
    ["another machine, a process of a run of ours that was cut off", there, { runs: [run] }, "dead"],
    [
      "another machine, a process of a run that nobody ended",
      there,
      { runs: [{ ...run, outcome: null }] },
      "dead",
    ],
    [
      "another machine, a process of a run that ended by itself",
      there,
      { runs: [{ ...run, outcome: "failed" }] },
      "living",
    ],
    ["a person's there, while a run of ours was dead", { ...there, pid: 78 }, { runs: [run] }, "living"],
    ["a run that recorded no process", there, { runs: [{ ...run, processes: [] }] }, "living"],
    ["the same number, long after ours", { ...there, takenAt: at(13) }, { runs: [run] }, "living"],
    ["the same number, before ours", { ...there, takenAt: at(9) }, { runs: [run] }, "living"],
    ["the same number on a third machine", { ...lock, hostname: "laptop" }, { runs: [run] }, "living"],
    ["a machine whose name begins the same", { ...lock, hostname: "there-9" }, { runs: [run] }, "living"],
  ];
  test.each(cases)("%s", (_name, held, facts, verdict) => {
    expect(judgeLock(held, { hostname: "here", process: undefined, runs: [], ...facts }).kind).toBe(verdict);
  });
});

test("the engine's own words about locks are read, all of them", () => {
  const text = `error: the stack is currently locked by 2 lock(s). Either wait for the other process(es) to end or delete the lock file with \`pulumi cancel\`.
  file:///x/a.json: created by alice@laptop (pid 12) at 2026-01-01T12:00:00Z
  file:///x/b.json: created by bob@host-2.example (pid 345) at 2026-01-01T13:00:00+01:00`;
  expect(parseLocks(text)).toEqual([
    { username: "alice", hostname: "laptop", pid: 12, takenAt: at(0) },
    { username: "bob", hostname: "host-2.example", pid: 345, takenAt: at(0) },
  ]);
  expect(parseLocks("nothing of the kind")).toEqual([]);
});

test("a person reads who holds it since when, and what to type", () => {
  expect(describeHeld("bob", [lock])).toBe(
    "bob is locked by alice@here (pid 77) since 2026-01-01T12:10:00.000Z",
  );
  expect(unlockRemedy("bob", [lock])).toBe(
    "see whether that run is alive (on here: ps -fp 77); when it is not: npm run pulumi -- cancel --yes --stack bob; then: npm run fleet -- apply bob",
  );
});
