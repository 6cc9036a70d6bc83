/**
 * Proves which occasions follow from each change of a row, when each is due and what it puts out of date. Cannot prove
 * that they are written with the change: messages-occasions.test.ts does.
 */
import { describe, expect, it } from "vitest";
import { occasionKinds } from "../../reconciler/messages/facts.ts";
import {
  announceChange,
  announceGone,
  announceLate,
  announceMessageLimit,
  announceOrder,
  announceParked,
  announceReady,
  patienceMs,
  type Announcements,
  type Decided,
  type Observed,
} from "../../reconciler/messages/occasions.ts";

const dayMs = 86_400_000;
const now = new Date("2026-03-01T12:00:00.000Z");
const inDays = (days: number) => new Date(now.getTime() + days * dayMs);

/** `+3d` for what is due in three days. */
function said({ say }: Announcements): string[] {
  return say.map(({ facts, dueAt }) => {
    const days = (dueAt.getTime() - now.getTime()) / dayMs;
    return days === 0 ? facts.kind : `${facts.kind} ${days > 0 ? "+" : ""}${days}d`;
  });
}

const paid: Decided = {
  phase: "running",
  status: "active",
  statusSince: now,
  nextChangeAt: null,
  deleteAt: null,
};
const late: Decided = { ...paid, status: "past_due", nextChangeAt: inDays(7) };
const ended = (deleteInDays: number | null): Decided => ({
  phase: "suspended",
  status: "canceled",
  statusSince: now,
  nextChangeAt: deleteInDays === null ? null : inDays(deleteInDays),
  deleteAt: deleteInDays === null ? null : inDays(deleteInDays),
});

describe("a change of the desired row", () => {
  it.each<[string, "running" | "suspended" | "archived" | "gone", Decided, string[]]>([
    ["nothing new while it is paid", "running", paid, []],
    ["that the payment is late", "running", late, ["past_due"]],
    ["that the payment is late, after it was stopped", "suspended", late, ["past_due"]],
    ["nothing of a late payment to who is comped", "running", { ...late, nextChangeAt: null }, []],
    [
      "the end, and when it is deleted",
      "running",
      ended(30),
      ["suspended", "deletion_warning +23d", "deletion_warning +27d", "deletion_warning +29d"],
    ],
    [
      "the end with the one warning that does not come with it",
      "running",
      ended(2),
      ["suspended", "deletion_warning +1d"],
    ],
    [
      "no warning a week before to who is told of the end that week",
      "running",
      ended(7),
      ["suspended", "deletion_warning +4d", "deletion_warning +6d"],
    ],
    [
      "an end that was found late with the warnings that are left",
      "running",
      { ...ended(5), statusSince: inDays(-25) },
      ["suspended", "deletion_warning +2d", "deletion_warning +4d"],
    ],
    ["the end without any warning where there is no grace", "running", ended(null), ["suspended"]],
    [
      "nothing of the end a second time, but what lies ahead",
      "suspended",
      ended(2),
      ["deletion_warning +1d"],
    ],
    [
      "nothing when the server goes and the data stays",
      "suspended",
      { ...ended(2), phase: "archived" },
      ["deletion_warning +1d"],
    ],
    [
      "that it is stopped, when nobody had stopped it first",
      "running",
      { ...ended(null), phase: "archived" },
      ["suspended"],
    ],
    [
      "that it is stopped for want of payment",
      "running",
      { ...paid, phase: "suspended", status: "unpaid" },
      ["suspended"],
    ],
    ["nothing yet of a deletion that has not happened", "suspended", { ...ended(null), phase: "gone" }, []],
    ["nothing to who comes back, until it answers", "suspended", paid, []],
  ])("tells %s", (_what, before, after, expected) => {
    expect(said(announceChange({ phase: before }, after, now))).toEqual(expected);
  });

  it.each([
    ["canceled", "ended"],
    ["incomplete_expired", "ended"],
    ["missing", "ended"],
    ["past_due", "unpaid"],
    ["unpaid", "unpaid"],
    ["paused", "unpaid"],
    ["active", "operator"],
    ["trialing", "operator"],
  ])("that stops an assistant whose subscription is %s says: %s", (status, cause) => {
    const { say } = announceChange({ phase: "running" }, { ...paid, phase: "suspended", status }, now);
    expect(say[0]?.facts).toMatchObject({ kind: "suspended", cause });
  });

  it("to running takes back every waiting word of lateness, stop and deletion", () => {
    const { withdraw } = announceChange({ phase: "suspended" }, paid, now);
    expect(withdraw).toEqual(["past_due", "suspended", "deletion_warning"]);
  });

  it("is the same occasion however often it is decided, and another one in another period", () => {
    const periods = (decided: Decided, at: Date) =>
      announceChange({ phase: "suspended" }, decided, at).say.map(({ period }) => period);
    expect(periods(ended(30), inDays(3))).toEqual(periods(ended(30), now));
    expect(periods(ended(31), now)).not.toEqual(periods(ended(30), now));
    const lateAgain = { ...late, statusSince: inDays(40) };
    expect(announceChange(paid, lateAgain, now).say[0]?.period).not.toBe(
      announceChange(paid, late, now).say[0]?.period,
    );
  });

  it("makes each warning worthless when the next one is due, and the last with the deletion", () => {
    const { say } = announceChange({ phase: "suspended" }, ended(30), now);
    expect(say.map(({ expiresAt }) => expiresAt)).toEqual([inDays(27), inDays(29), inDays(30)]);
  });
});

describe("the messages of a plan", () => {
  const at = (time: string, limit = 5000) => announceMessageLimit({ limit }, new Date(time)).say[0];

  it("are used once in a month of UTC, and again with another limit", () => {
    expect(at("2026-03-31T23:59:59.999Z")?.period).toBe(at("2026-03-01T00:00:00.000Z")?.period);
    expect(at("2026-04-01T00:00:00.000Z")?.period).not.toBe(at("2026-03-01T00:00:00.000Z")?.period);
    expect(at("2026-03-01T00:00:00.000Z", 20_000)?.period).not.toBe(at("2026-03-01T00:00:00.000Z")?.period);
  });

  it("count anew with the next month, over the end of a year too, and nobody hears of the old one then", () => {
    const renews = new Date("2027-01-01T00:00:00.000Z");
    expect(at("2026-12-31T10:00:00.000Z")).toMatchObject({
      facts: { kind: "message_limit", limit: 5000, renewsAt: renews.toISOString() },
      expiresAt: renews,
    });
  });
});

describe("an order", () => {
  it.each([
    ["stripe", "active", "paid"],
    ["stripe", "trialing", "trial"],
    ["comped", "active", "free"],
  ])("of %s that is %s is told once, as %s", (provider, status, payment) => {
    const { say } = announceOrder({ provider, status }, now);
    expect(say).toEqual([{ facts: { kind: "paid", payment }, period: "once", dueAt: now, expiresAt: null }]);
  });
});

describe("the observed row", () => {
  const row: Observed = {
    phase: "running",
    phaseSince: now,
    observedPhase: null,
    downSince: null,
    readyBefore: false,
    failureTold: false,
  };
  const waiting = { ...row, phaseSince: new Date(now.getTime() - patienceMs) };
  const served: Observed = { ...row, phaseSince: inDays(-90), observedPhase: "running", readyBefore: true };
  const moving: Observed = { ...served, observedPhase: "archived", downSince: inDays(-0.01) };
  const stuck: Observed = { ...served, downSince: waiting.phaseSince };

  it.each<[string, Announcements, string[]]>([
    ["tells that it is ready", announceReady(row, "running", now), ["ready"]],
    [
      "tells nothing of a stop that was reached",
      announceReady({ ...row, phase: "suspended" }, "suspended", now),
      [],
    ],
    [
      "tells nothing of a start that is not wanted any more",
      announceReady({ ...row, phase: "suspended" }, "running", now),
      [],
    ],
    ["tells honestly that only a person can go on", announceParked(row, now), ["failed"]],
    [
      "tells nothing of a change that failed while the assistant runs",
      announceParked({ ...row, observedPhase: "running" }, now),
      [],
    ],
    ["tells nothing of a stop that failed", announceParked({ ...row, phase: "suspended" }, now), []],
    ["tells who waits too long", announceLate(waiting, now), ["failed"]],
    ["tells nobody who waits a little", announceLate(row, now), []],
    ["tells nobody who moves for some minutes after a long time", announceLate(moving, now), []],
    ["tells who was served and is not for too long", announceLate(stuck, now), ["failed"]],
    ["tells who is stopped for a copy that only a person can end", announceParked(stuck, now), ["failed"]],
    ["tells that everything is gone", announceGone(now), ["deleted"]],
  ])("%s", (_what, announcements, expected) => {
    expect(said(announcements)).toEqual(expected);
  });

  it("is ready once for each time of running, however often it is converged", () => {
    const [first] = announceReady(row, "running", now).say;
    const [again] = announceReady(
      { ...row, observedPhase: "running", readyBefore: true },
      "running",
      inDays(2),
    ).say;
    const [back] = announceReady(
      { ...row, phaseSince: inDays(9), readyBefore: true },
      "running",
      inDays(9),
    ).say;
    expect(again?.period).toBe(first?.period);
    expect(back?.period).not.toBe(first?.period);
    expect([first?.facts, back?.facts]).toEqual([
      { kind: "ready", again: false },
      { kind: "ready", again: true },
    ]);
  });

  it("is ready again after a move for those who heard that it was not, and for nobody else", () => {
    const period = (one: Observed) => announceReady(one, "running", now).say[0]?.period;
    expect(period(moving)).toBe(period(served));
    expect(period(stuck)).toBe(period(served));
    expect(period({ ...stuck, failureTold: true })).toBe(stuck.downSince?.toISOString());
    expect(period({ ...served, failureTold: true })).toBe(period(served));
  });

  it("that is gone takes back everything that waits", () => {
    expect(announceGone(now).withdraw.toSorted()).toEqual(
      occasionKinds.filter((kind) => kind !== "deleted").toSorted(),
    );
  });
});
