/**
 * Proves the table from billing status and age to phase, row by row and at the edge of each grace time. Cannot prove that
 * the status and its age are right: the sweep's tests do.
 */
import { describe, expect, it } from "vitest";
import {
  decidePhase,
  describePhases,
  phaseTable,
  type PhaseDecision,
} from "../../reconciler/desired/phases.ts";

const grace = { pastDueDays: 7, deleteAfterDays: 30 };
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

describe("decidePhase", () => {
  it.each<[status: string, now: Date, decision: PhaseDecision]>([
    ["active", after(0), settled("running", "paid")],
    ["active", after(3650), settled("running", "paid")],
    ["trialing", after(90), settled("running", "paid")],
    ["past_due", after(0), { phase: "running", reason: "payment is late", nextChangeAt: after(7) }],
    ["past_due", after(7, -1), { phase: "running", reason: "payment is late", nextChangeAt: after(7) }],
    ["past_due", after(7), settled("suspended", "payment is late for too long")],
    ["past_due", after(365), settled("suspended", "payment is late for too long")],
    ["unpaid", after(0), settled("suspended", "not paid")],
    ["unpaid", after(365), settled("suspended", "not paid")],
    ["paused", after(365), settled("suspended", "not paid")],
    ["canceled", after(0), { phase: "suspended", reason: "subscription ended", nextChangeAt: after(30) }],
    [
      "canceled",
      after(30, -1),
      { phase: "suspended", reason: "subscription ended", nextChangeAt: after(30) },
    ],
    ["canceled", after(30), settled("gone", "subscription ended")],
    ["missing", after(29), { phase: "suspended", reason: "subscription ended", nextChangeAt: after(30) }],
    ["missing", after(30), settled("gone", "subscription ended")],
    ["incomplete_expired", after(31), settled("gone", "subscription ended")],
    ["incomplete", after(365), settled(null, "first payment is under way")],
    ["frozen", after(365), settled(null, "unknown billing status frozen")],
    ["", after(365), settled(null, "unknown billing status ")],
    ["Active", after(0), settled(null, "unknown billing status Active")],
    ["constructor", after(0), settled(null, "unknown billing status constructor")],
  ])("%s at %s", (status, now, decision) => {
    expect(decidePhase(status, since, grace, now)).toEqual(decision);
  });

  it.each([
    ["past_due", { ...grace, pastDueDays: 0 }, settled("suspended", "payment is late for too long")],
    ["canceled", { ...grace, deleteAfterDays: 0 }, settled("gone", "subscription ended")],
  ])("%s without any grace changes at once", (status, none, decision) => {
    expect(decidePhase(status, since, none, since)).toEqual(decision);
  });

  it("takes half a day for half a day", () => {
    const half = { ...grace, pastDueDays: 0.5 };
    expect(decidePhase("past_due", since, half, after(0.5, -1)).nextChangeAt).toEqual(after(0.5));
    expect(decidePhase("past_due", since, half, after(0.5)).phase).toBe("suspended");
  });

  it("deletes nobody for a status that began in the future", () => {
    expect(decidePhase("canceled", after(1), grace, since).phase).toBe("suspended");
  });

  it("never deletes for a status that is not an end, however old", () => {
    const ends = ["canceled", "incomplete_expired", "missing"];
    const deleted = phaseTable
      .flatMap((row) => row.statuses)
      .filter((status) => decidePhase(status, since, grace, after(10_000)).phase === "gone");
    expect(deleted).toEqual(ends);
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

  it("has a grace exactly where it has an afterwards", () => {
    for (const row of phaseTable) expect(row.grace === undefined).toBe(row.afterwards === undefined);
  });

  it("can be read by a person", () => {
    expect(describePhases(grace)).toEqual([
      "active, trialing: running",
      "past_due: running, suspended after 7 days",
      "unpaid, paused: suspended",
      "canceled, incomplete_expired, missing: suspended, gone after 30 days",
      "incomplete: nothing",
    ]);
  });
});
