/**
 * Proves what becomes of a mail whose process dies, freezes or loses its database at each point of the way: never two,
 * and none lost but the one of which nobody can know. Death is forged: rows as the dead leave them, conversations held open.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimMessage, markSending } from "../../reconciler/db/outbox.ts";
import { startMessageSide, type MessageSide } from "../support/messages.ts";
import { eventually } from "../support/poll.ts";

const minuteMs = 60_000;
const paid = { kind: "paid", payment: "paid" } as const;

let side: MessageSide;
beforeEach(async () => {
  side = await startMessageSide();
});
afterEach(() => side.close());

const states = async () => (await side.outbox()).map(({ state }) => state);

describe("a process that dies", () => {
  const claimOf = async (claim: string) =>
    await claimMessage(side.database.sql, {
      channels: ["mail"],
      claim,
      until: new Date(side.clock.now().getTime() + 5 * minuteMs),
      now: side.clock.now(),
    });

  function holdNext(at: "rcpt" | "data"): { held: Promise<void>; release: () => void } {
    const held = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    side.mail.rules.add({ effect: { kind: "hold", at, release: free.promise, onHeld: held.resolve } });
    return { held: held.promise, release: free.resolve };
  }

  test("before the final dot leaves a mail that another one sends", async () => {
    await side.say(await side.addInstance("bob"), paid);
    expect(await claimOf("of the dead")).toMatchObject({ subject: "i-bob" });
    const other = side.createProcess();
    await other.look();
    expect(side.subjects(), "it may still live").toEqual([]);
    side.advance(6 * minuteMs);
    await other.look();
    expect(side.subjects()).toHaveLength(1);
    expect(await states()).toEqual(["sent"]);
  });

  test("between the final dot and its record leaves a mail that nobody repeats", async () => {
    await side.say(await side.addInstance("bob"), paid);
    const message = await claimOf("of the dead");
    expect(
      await markSending(side.database.sql, { id: message?.id ?? 0, claim: "of the dead" }, side.clock.now()),
    ).toBe(true);
    const other = side.createProcess();
    for (let round = 0; round < 3; round += 1) {
      side.advance(6 * minuteMs);
      await other.look();
    }
    expect(side.subjects()).toEqual([]);
    expect(await states()).toEqual(["uncertain"]);
  });

  test("only for a while finds its claim gone before the final dot, and sends nothing", async () => {
    await side.say(await side.addInstance("bob"), paid);
    const { held, release } = holdNext("rcpt");
    const frozen = side.createProcess().look();
    await held;
    expect(await states()).toEqual(["claimed"]);
    side.advance(6 * minuteMs);
    await side.createProcess().look();
    expect(await states()).toEqual(["sent"]);
    release();
    await frozen;
    expect(side.subjects()).toHaveLength(1);
    expect(await states()).toEqual(["sent"]);
    expect(side.lines.some(({ msg }) => msg.includes("another process took it"))).toBe(true);
  });

  test("only for a while corrects the record when its answer comes after all", async () => {
    await side.say(await side.addInstance("bob"), paid);
    const { held, release } = holdNext("data");
    const slow = side.createProcess().look();
    await held;
    expect(await states()).toEqual(["sending"]);
    side.advance(6 * minuteMs);
    await side.createProcess().look();
    expect(await states()).toEqual(["uncertain"]);
    release();
    await slow;
    expect(await states()).toEqual(["sent"]);
    expect(side.subjects()).toHaveLength(1);
  });
});

test("a look that cannot reach the database is another look later", async () => {
  const { sql } = side.database;
  await side.say(await side.addInstance("bob"), paid);
  await sql`alter table clawfleet.outbox rename to elsewhere`;
  const messages = side.createProcess();
  messages.start();
  await eventually("the failure is said", () =>
    side.lines.some(({ msg }) => msg.includes("could not be looked after")),
  );
  await sql`alter table clawfleet.elsewhere rename to outbox`;
  await eventually("the mail is sent", () => side.subjects().length > 0);
  expect(side.subjects()).toEqual(["Your order: bob.claws.example"]);
});
