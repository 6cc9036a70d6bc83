/**
 * Proves that every alert reaches every channel once, is counted while it is silent, is summed up later, and that a flood
 * becomes a few notices without losing one. Real PostgreSQL, real HTTP and SMTP. Cannot prove what Slack and Telegram show.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RaisedAlert } from "../../reconciler/messages/alerts.ts";
import type { Messages } from "../../reconciler/messages/messages.ts";
import { startMessageSide, type MessageSide } from "../support/messages.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let side: MessageSide;
let messages: Messages;
beforeEach(async () => {
  side = await startMessageSide();
  messages = side.createProcess();
});
afterEach(() => side.close());

const texts = (channel = "slack") =>
  side.alerts.alerts.filter((one) => one.channel === channel).map(({ text }) => text);

/** Raised, written and looked at. */
async function raise(...alerts: RaisedAlert[]): Promise<void> {
  for (const one of alerts) side.raised.raise(one);
  await side.raised.settle();
  await messages.look();
}

const cellsFull = { kind: "cells_full", about: "bob", message: "no cell has room for bob" } as const;

describe("an alert", () => {
  test("reaches Slack, Telegram and mail, with what to do", async () => {
    await raise(cellsFull);
    const text =
      "Paid orders wait for a cell with room: bob\nno cell has room for bob\nWhat to do: add stacks/Pulumi.cell.&lt;name&gt;.yaml; they go on by themselves";
    expect(texts("slack")).toEqual([text]);
    expect(texts("telegram")).toEqual([text.replaceAll("&lt;", "<").replaceAll("&gt;", ">")]);
    expect(side.mail.mails).toMatchObject([
      { to: ["ops@claws.example"], subject: "[Clawfleet] Paid orders wait for a cell with room: bob" },
    ]);
  });

  test("that comes again is counted, and summed up when its hour is over", async () => {
    await raise(cellsFull);
    for (let minute = 0; minute < 30; minute += 1) {
      side.advance(minuteMs);
      await raise(cellsFull);
    }
    expect(texts()).toHaveLength(1);
    side.advance(31 * minuteMs);
    await messages.look();
    expect(texts()).toHaveLength(2);
    expect(texts()[1]).toContain("30 times since 2026-03-01 12:00 UTC");
    side.advance(6 * hourMs);
    await messages.look();
    expect(texts(), "nothing more of what does not come again").toHaveLength(2);
  });

  test("that goes on for a day is told ever less often", async () => {
    for (let minute = 0; minute < 24 * 60; minute += 10) {
      await raise(cellsFull);
      side.advance(10 * minuteMs);
    }
    expect(texts()).toHaveLength(5);
  });

  test("is counted and logged wherever it is raised, in a transaction once that is committed", async () => {
    const logged = () => side.lines.filter((line) => line["alert"] === "parked");
    const parked = { kind: "parked", about: "bob", message: "a record is in the way" } as const;
    const failing = side.raised.begin(async (_tx, tell) => {
      await tell(parked);
      throw new Error("the row is gone");
    });
    await expect(failing).rejects.toThrow("the row is gone");
    expect([side.counted, logged()]).toEqual([[], []]);
    expect(await side.raised.begin(async (_tx, tell) => tell(parked).then(() => "done"))).toBe("done");
    await raise(cellsFull);
    expect(side.counted).toEqual(["parked", "cells_full"]);
    expect(logged()).toMatchObject([{ about: "bob", msg: "a record is in the way" }]);
    expect(texts()).toHaveLength(2);
  });

  test("about another is another alert", async () => {
    await raise(cellsFull, { ...cellsFull, about: "amy" });
    expect(texts()).toHaveLength(2);
  });

  test("is told once by however many processes look at once", async () => {
    side.raised.raise(cellsFull);
    await side.raised.settle();
    const others = [1, 2, 3].map(() => side.createProcess());
    await Promise.all([messages, ...others].map((one) => one.look()));
    await messages.look();
    expect(side.alerts.alerts).toHaveLength(2);
    expect(side.mail.mails).toHaveLength(1);
  });

  test("holds no secret, whatever raised it", async () => {
    await raise({
      ...cellsFull,
      message: `token ${side.alerts.telegram.token} and sk_live_123 were refused`,
    });
    expect(texts()[0]).toContain("token [redacted] and [redacted] were refused");
  });

  test("that cannot be kept does not stop whoever raised it", async () => {
    await side.database.sql`alter table clawfleet.alerts rename to elsewhere`;
    side.raised.raise(cellsFull);
    await side.raised.settle();
    expect(side.lines.some(({ msg }) => msg.includes("could not be kept"))).toBe(true);
    await side.database.sql`alter table clawfleet.elsewhere rename to alerts`;
  });
});

describe("a flood of alerts", () => {
  test("is one notice for all of them", async () => {
    await raise(...Array.from({ length: 60 }, (_, index) => ({ ...cellsFull, about: `a${index}` })));
    expect(texts()).toHaveLength(1);
    expect(texts()[0]).toMatch(/^60 conditions to look at/);
  });

  test("that trickles in is held back at the hourly limit, and told together when the hour is over", async () => {
    for (let index = 0; index < 30; index += 1) {
      await raise({ ...cellsFull, about: `a${index}` });
      side.advance(1000);
    }
    expect(texts()).toHaveLength(20);
    side.advance(hourMs);
    await messages.look();
    expect(texts()).toHaveLength(21);
    expect(texts()[20]).toMatch(/^10 conditions to look at/);
  });
});

describe("a chat", () => {
  test("that asks for patience gets the alert when it said", async () => {
    const busy = { kind: "answer", status: 429, body: {}, headers: { "retry-after": "90" } } as const;
    side.alerts.faults.add({ path: "^/services/", effect: busy });
    await raise(cellsFull);
    side.advance(80_000);
    await messages.look();
    expect(texts("slack")).toEqual([]);
    expect(texts("telegram"), "the other one did not wait").toHaveLength(1);
    side.advance(11_000);
    await messages.look();
    expect(texts("slack")).toHaveLength(1);
  });

  test("that does not answer gets the alert later, though perhaps twice", async () => {
    side.alerts.faults.add({ path: "^/services/", effect: { kind: "drop-after" } });
    await raise(cellsFull);
    expect(texts("telegram")).toHaveLength(1);
    side.advance(minuteMs);
    await messages.look();
    expect(texts("slack")).toHaveLength(2);
  });

  test("that knows us no more is given up, without an alert about the alert", async () => {
    const gone = { kind: "answer", status: 404, body: { error: "no_service" } } as const;
    side.alerts.faults.add({ path: "^/services/", times: 100, effect: gone });
    await raise(cellsFull);
    side.advance(hourMs);
    await messages.look();
    expect(texts("slack")).toEqual([]);
    expect(texts("telegram")).toHaveLength(1);
    const given = side.lines.filter(({ msg }) => msg === "a message was given up");
    expect(given).toMatchObject([{ channel: "slack", detail: "Slack answered 404" }]);
    expect(JSON.stringify(side.lines), "the address of the webhook is its secret").not.toContain(
      "sandboxhook",
    );
  });

  test("that nobody configured is no reason to keep alerts", async () => {
    const settings = { mail: undefined, alertEmail: undefined, slackUrl: undefined, telegram: undefined };
    messages = side.createProcess({ settings });
    await raise(cellsFull);
    expect(side.alerts.alerts).toEqual([]);
    const [row] = await side.database.sql`select untold, occurrences from clawfleet.alerts`;
    expect(row).toEqual({ untold: 0, occurrences: 1 });
  });
});
