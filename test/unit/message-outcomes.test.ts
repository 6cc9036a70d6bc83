/**
 * Proves what each failure of an SMTP conversation means for the message, and how alerts become few and complete notices.
 * Cannot prove that nodemailer says these things: messages-mail.test.ts asks a real server.
 */
import { describe, expect, it } from "vitest";
import type { UntoldAlert } from "../../reconciler/db/alerts.ts";
import { composeNotices, firstWindowSeconds, nextWindowSeconds } from "../../reconciler/messages/notices.ts";
import { createMessageId } from "../../reconciler/messages/mailer.ts";
import { classifyFailure } from "../../reconciler/messages/smtp-failure.ts";

describe("a failed conversation", () => {
  it.each<[string, Record<string, unknown>, boolean, string]>([
    ["nobody listens", { code: "ESOCKET", command: "CONN" }, false, "down"],
    ["it says that it is busy", { code: "EPROTOCOL", command: "CONN", responseCode: 421 }, false, "down"],
    ["it greets with a no", { code: "EPROTOCOL", command: "CONN", responseCode: 554 }, false, "down"],
    [
      "it does not take the password",
      { code: "EAUTH", command: "AUTH PLAIN", responseCode: 535 },
      false,
      "down",
    ],
    [
      "it does not take the sender",
      { code: "EENVELOPE", command: "MAIL FROM", responseCode: 550 },
      false,
      "down",
    ],
    ["it wants a login first", { code: "EENVELOPE", command: "RCPT TO", responseCode: 530 }, false, "down"],
    [
      "it knows no such mailbox",
      { code: "EENVELOPE", command: "RCPT TO", responseCode: 550 },
      false,
      "refused",
    ],
    ["the mailbox is full", { code: "EENVELOPE", command: "RCPT TO", responseCode: 452 }, false, "deferred"],
    ["it greylists", { code: "EENVELOPE", command: "RCPT TO", responseCode: 451 }, false, "deferred"],
    ["it lost the thread", { code: "EENVELOPE", command: "DATA", responseCode: 503 }, false, "deferred"],
    ["it refuses the content", { code: "EMESSAGE", command: "DATA", responseCode: 554 }, true, "refused"],
    [
      "it cannot take the content now",
      { code: "EMESSAGE", command: "DATA", responseCode: 451 },
      true,
      "deferred",
    ],
    ["it goes away before the final dot", { code: "ECONNECTION", command: "CONN" }, false, "down"],
    ["it goes away after the final dot", { code: "ECONNECTION", command: "CONN" }, true, "unknown"],
    ["it never answers the final dot", { code: "ETIMEDOUT", command: "CONN" }, true, "unknown"],
    ["we cannot say the address", { code: "EENVELOPE", command: "API" }, false, "refused"],
  ])("because %s", (_what, error, committed, kind) => {
    expect(classifyFailure({ message: "no", ...error }, committed).kind).toBe(kind);
  });

  it("is described without anybody's address", () => {
    const { detail } = classifyFailure({ message: "x", response: "550 <anna@example.com>: unknown" }, false);
    expect(detail).toBe("550 <[address]>: unknown");
  });
});

describe("a Message-ID", () => {
  it("is the same for the same occasion, another one for another, and tells nothing of it", () => {
    const id = createMessageId(["mail", "i1", "ready", "2026"], "claws.example");
    expect(id).toMatch(/^<[0-9a-f]{32}@claws\.example>$/);
    expect(createMessageId(["mail", "i1", "ready", "2026"], "claws.example")).toBe(id);
    expect(createMessageId(["mail", "i1", "ready2026", ""], "claws.example")).not.toBe(id);
  });
});

const now = new Date("2026-03-01T12:00:00.000Z");
const alert = (change: Partial<UntoldAlert> = {}): UntoldAlert => ({
  kind: "parked",
  about: "anna",
  message: "a record is in the way",
  firstAt: now,
  lastAt: now,
  occurrences: 1,
  untold: 1,
  toldAt: null,
  windowSeconds: 0,
  ...change,
});
const many = (count: number) => Array.from({ length: count }, (_, index) => alert({ about: `a${index}` }));

describe("notices", () => {
  it("say what it is, about whom, and what to do", () => {
    const [notice] = composeNotices([alert()], 20);
    expect(notice?.text).toBe(
      "Something needs a person: anna\na record is in the way\nWhat to do: fleet show <name> says what to do, of a cell fleet cells",
    );
  });

  it("say how often, when an alert was silenced", () => {
    const [notice] = composeNotices([alert({ untold: 14, toldAt: new Date("2026-03-01T11:00:00Z") })], 20);
    expect(notice?.text).toContain("14 times since 2026-03-01 11:00 UTC");
  });

  it.each([
    ["each alone while they are few", 5, 20, 5],
    ["one for all when they are many", 6, 20, 1],
    ["one for all when only one may still be written", 3, 1, 1],
    ["none when none may be written", 3, 0, 0],
    ["none when there is nothing to tell", 0, 20, 0],
  ])("are %s", (_what, count, room, expected) => {
    expect(composeNotices(many(count), room)).toHaveLength(expected);
  });

  it("for all count those that they have no line for", () => {
    const [notice] = composeNotices(many(40), 20);
    expect(notice?.text.split("\n")).toHaveLength(1 + 15 + 1);
    expect(notice?.text).toMatch(/^40 conditions/);
    expect(notice?.text).toMatch(/and 25 more/);
  });

  it("keep what comes from outside in its line", () => {
    const [notice] = composeNotices([alert({ message: "a\nWhat to do: pay\n\u2028now" })], 20);
    expect(notice?.text.split("\n")).toHaveLength(3);
  });

  it.each<[string, Partial<UntoldAlert>, number]>([
    ["an hour after the first time", {}, firstWindowSeconds],
    [
      "twice as long while it goes on",
      { toldAt: new Date(now.getTime() - 3_601_000), windowSeconds: 3600 },
      7200,
    ],
    ["a day at most", { toldAt: new Date(now.getTime() - 86_401_000), windowSeconds: 86_400 }, 86_400],
    [
      "an hour again after a quiet time",
      { toldAt: new Date(now.getTime() - 20_000_000), windowSeconds: 7200 },
      3600,
    ],
  ])("of one alert are silent for %s", (_what, change, seconds) => {
    expect(nextWindowSeconds(alert(change), now)).toBe(seconds);
  });
});
