/**
 * Proves the table from billing status and age to phase: every row of it by its name, at the edge of each grace time, with
 * outages of ours in between; and that the handbook prints the same table. Cannot prove that the status and its age are
 * right: the sweep's tests do.
 */
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  decidePhase,
  describePhases,
  findDeletion,
  phaseTable,
  type PhaseDecision,
} from "../../reconciler/desired/phases.ts";

const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
const since = new Date("2026-11-01T00:00:00Z");
const day = 86_400_000;

function after(days: number, ms = 0): Date {
  return new Date(since.getTime() + days * day + ms);
}

const settled = (phase: PhaseDecision["phase"], reason: string): PhaseDecision => ({
  phase,
  reason,
  nextChangeAt: null,
});
const until = (phase: PhaseDecision["phase"], reason: string, days: number): PhaseDecision => ({
  phase,
  reason,
  nextChangeAt: after(days),
});

const late = "payment is late";
const tooLate = "payment is late for too long";
const ended = "subscription ended";

type Case = [row: string, status: string, now: Date, decision: PhaseDecision];

/** Each begins with the row of docs/operations.md that it is about. */
const cases: Case[] = [
  ["trialing, active: running", "active", after(0), settled("running", "paid")],
  ["trialing, active: running", "active", after(3650), settled("running", "paid")],
  ["trialing, active: running", "trialing", after(90), settled("running", "paid")],
  ["past_due: running with warnings", "past_due", after(0), until("running", late, 7)],
  ["past_due: running with warnings", "past_due", after(7, -1), until("running", late, 7)],
  ["past_due for 7 days: suspended", "past_due", after(7), settled("suspended", tooLate)],
  ["past_due for 7 days: suspended", "past_due", after(3650), settled("suspended", tooLate)],
  ["unpaid: suspended", "unpaid", after(0), settled("suspended", "not paid")],
  ["unpaid: suspended", "unpaid", after(3650), settled("suspended", "not paid")],
  ["paused: suspended", "paused", after(0), settled("suspended", "not paid")],
  ["paused: suspended", "paused", after(3650), settled("suspended", "not paid")],
  ["incomplete: nothing", "incomplete", after(365), settled(null, "first payment is under way")],
  ...["canceled", "incomplete_expired", "missing"].flatMap((status): Case[] => [
    [`${status}: suspended at once`, status, after(0), until("suspended", ended, 7)],
    [`${status}: suspended at once`, status, after(7, -1), until("suspended", ended, 7)],
    [`${status} for 7 days: archived`, status, after(7), until("archived", ended, 30)],
    [`${status} for 7 days: archived`, status, after(30, -1), until("archived", ended, 30)],
    [`${status} for 30 days: gone`, status, after(30), settled("gone", ended)],
    [`${status} for 30 days: gone`, status, after(3650), settled("gone", ended)],
  ]),
  [
    "a status that nobody knows: nothing",
    "frozen",
    after(365),
    settled(null, "unknown billing status frozen"),
  ],
  ["a status that nobody knows: nothing", "", after(365), settled(null, "unknown billing status ")],
  ["a status that nobody knows: nothing", "Active", after(0), settled(null, "unknown billing status Active")],
  [
    "a status that nobody knows: nothing",
    "constructor",
    after(0),
    settled(null, "unknown billing status constructor"),
  ],
];

describe("decidePhase", () => {
  it.each(cases)("%s (%s at %s)", (_row, status, now, decision) => {
    expect(decidePhase(status, { since, now }, grace)).toEqual(decision);
  });

  it.each([
    ["past_due", { ...grace, pastDueDays: 0 }, settled("suspended", tooLate)],
    ["canceled", { ...grace, archiveAfterDays: 0 }, until("archived", ended, 30)],
    ["canceled", { ...grace, archiveAfterDays: 0, deleteAfterDays: 0 }, settled("gone", ended)],
    ["canceled", { ...grace, archiveAfterDays: 40, deleteAfterDays: 0 }, settled("gone", ended)],
    ["canceled", { ...grace, archiveAfterDays: 40, deleteAfterDays: 30 }, until("suspended", ended, 30)],
  ])("%s with the grace %o", (status, other, decision) => {
    expect(decidePhase(status, { since, now: since }, other)).toEqual(decision);
  });

  it("takes half a day for half a day", () => {
    const half = { ...grace, pastDueDays: 0.5 };
    expect(decidePhase("past_due", { since, now: after(0.5, -1) }, half).nextChangeAt).toEqual(after(0.5));
    expect(decidePhase("past_due", { since, now: after(0.5) }, half).phase).toBe("suspended");
  });

  it("deletes nobody for a status that began in the future", () => {
    expect(decidePhase("canceled", { since: after(1), now: since }, grace).phase).toBe("suspended");
  });

  it("never takes a server away for a status that is not an end, however old", () => {
    const taken = phaseTable
      .flatMap((row) => row.statuses)
      .filter((status) =>
        ["archived", "gone"].includes(decidePhase(status, { since, now: after(10_000) }, grace).phase ?? ""),
      );
    expect(taken).toEqual(["canceled", "incomplete_expired", "missing"]);
  });
});

describe("a status that was read long ago", () => {
  const unread = settled("running", `${tooLate}; waits for a reading`);
  const outages = [{ from: after(1), to: after(3) }];
  it.each([
    ["past_due, not read since: running", "past_due", after(1), after(8), unread],
    ["past_due, not read since: running", "past_due", after(7, -1), after(3650), unread],
    [
      "past_due, read again on the day: suspended",
      "past_due",
      after(7),
      after(7),
      settled("suspended", tooLate),
    ],
    [
      "past_due, read by a clock that was ahead: running",
      "past_due",
      after(60),
      after(6),
      until("running", late, 7),
    ],
    ["unpaid: suspended", "unpaid", after(0), after(8), settled("suspended", "not paid")],
    [
      "canceled: its end is known, and removals count readings",
      "canceled",
      after(0),
      after(8),
      until("archived", ended, 30),
    ],
    [
      "canceled: its end is known, and removals count readings",
      "canceled",
      after(0),
      after(30),
      settled("gone", ended),
    ],
  ])("%s (%s, read %s, now %s)", (_row, status, readAt, now, decision) => {
    expect(decidePhase(status, { since, now, readAt }, grace)).toEqual(decision);
  });

  it("is read again in time only after our outages, too", () => {
    const decideBy = (readAt: Date) =>
      decidePhase("past_due", { since, now: after(10), readAt, outages }, grace);
    expect(decideBy(after(8))).toEqual(unread);
    expect(decideBy(after(9))).toEqual(settled("suspended", tooLate));
  });
});

describe("our own outages", () => {
  const outage = (from: number, to: number | null) => ({
    from: after(from),
    to: to === null ? null : after(to),
  });
  const decide = (now: Date, ...outages: ReturnType<typeof outage>[]) =>
    decidePhase("past_due", { since, now, outages }, grace);

  it("give their time back to the customer", () => {
    expect(decide(after(8), outage(1, 3))).toEqual(until("running", late, 9));
    expect(decide(after(9), outage(1, 3)).phase).toBe("suspended");
  });

  it("count once where they overlap, and only from when the status began", () => {
    expect(decide(after(8), outage(-5, 2), outage(1, 3)).nextChangeAt).toEqual(after(10));
  });

  it("stop the clock while they go on: nobody knows when it changes next", () => {
    expect(decide(after(100), outage(6, null))).toEqual(settled("running", late));
  });

  it("count for two weeks at most where the machine was up: its owner may have stopped the gateway", () => {
    const doubtful = { from: after(1), to: null, perhapsTheirs: true };
    const decideAt = (days: number) =>
      decidePhase("past_due", { since, now: after(days), outages: [doubtful] }, grace).phase;
    expect([decideAt(8), decideAt(20.9), decideAt(21)]).toEqual(["running", "running", "suspended"]);
    const again = { from: after(30), to: null, perhapsTheirs: true };
    const once = { from: after(1), to: after(15), perhapsTheirs: true };
    const now = after(31);
    expect(decidePhase("past_due", { since, now, outages: [once, again] }, grace).phase).toBe("suspended");
  });

  it("are none while they are as short as a converge", () => {
    const short = { from: after(1), to: after(1, 14 * 60_000) };
    expect(decidePhase("past_due", { since, now: after(6.9), outages: [short] }, grace).nextChangeAt).toEqual(
      after(7),
    );
    const begun = { from: after(7, -60_000), to: null };
    expect(decidePhase("past_due", { since, now: after(7), outages: [begun] }, grace).phase).toBe(
      "suspended",
    );
  });
});

describe("the deletion that lies ahead", () => {
  it.each([
    ["canceled", after(30)],
    ["missing", after(30)],
    ["past_due", null],
    ["active", null],
    ["nobody knows it", null],
  ])("of a subscription that is %s", (status, expected) => {
    expect(findDeletion(status, { since, now: since }, grace)).toEqual(expected);
  });
});

describe("the table", () => {
  it("knows every status of Stripe's subscriptions, each once", () => {
    const stripe = [
      "active",
      "trialing",
      "past_due",
      "unpaid",
      "paused",
      "canceled",
      "incomplete",
      "incomplete_expired",
    ];
    expect(phaseTable.flatMap((row) => row.statuses).toSorted()).toEqual([...stripe, "missing"].toSorted());
  });

  it("has a test that names it for each row", () => {
    const named = new Set(cases.map(([, status]) => status));
    expect(phaseTable.flatMap((row) => row.statuses).filter((status) => !named.has(status))).toEqual([]);
  });

  it("can be read by a person", () => {
    expect(describePhases(grace)).toEqual([
      "active, trialing: running",
      "past_due: running, suspended after 7 days",
      "unpaid, paused: suspended",
      "canceled, incomplete_expired, missing: suspended, archived after 7 days, gone after 30 days",
      "incomplete: nothing",
    ]);
  });

  it("stands in the handbook as it is here", async () => {
    const handbook = await readFile(new URL("../../docs/operations.md", import.meta.url), "utf8");
    for (const line of describePhases(grace)) {
      const [statuses, phases] = line.split(": ");
      expect(handbook).toMatch(
        new RegExp(`^\\| ${statuses?.replaceAll(/[a-z_]+/g, "`$&`") ?? ""} +\\| ${phases ?? ""} +\\|`, "m"),
      );
    }
  });
});
