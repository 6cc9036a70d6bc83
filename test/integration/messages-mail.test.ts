/**
 * Proves that each mail in the outbox leaves once and in order, with several senders at once and a mail server that fails
 * in every way, and that nothing from outside becomes a header. Real PostgreSQL, real SMTP. Cannot prove what a mail system
 * does with a double that has the same Message-ID: none is sent. Processes that die: messages-crash.test.ts.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { claimMessage } from "../../reconciler/db/outbox.ts";
import { hostileScripts } from "../support/hostile-texts.ts";
import { startMessageSide, type MessageSide } from "../support/messages.ts";

const minuteMs = 60_000;
const ready = { kind: "ready", again: false } as const;
const paid = { kind: "paid", payment: "paid" } as const;
const deleted = { kind: "deleted" } as const;

let side: MessageSide;
beforeEach(async () => {
  side = await startMessageSide();
});
afterEach(() => side.close());

const states = async () => (await side.outbox()).map(({ state }) => state);
/** Until nothing is due any more, as the clock of a process does it, with time passing between two looks. */
async function lookUntilDone(look: () => Promise<void>): Promise<void> {
  for (let round = 0; round < 40; round += 1) {
    await look();
    if ((await states()).every((state) => state !== "waiting" && state !== "claimed")) return;
    side.advance(minuteMs);
  }
}

describe("a mail", () => {
  test("arrives as it was written: addressee, sender, text and HTML, nothing secret", async () => {
    const id = await side.addInstance("bob");
    await side.say(id, ready);
    await side.createProcess().look();
    const [mail] = side.mail.mails;
    expect(mail).toMatchObject({
      to: ["bob@example.com"],
      subject: "Your assistant is ready: bob.claws.example",
    });
    expect(mail?.from).toBe("Claws <hello@claws.example>");
    expect(mail?.messageId).toMatch(/^<[0-9a-f]{32}@claws\.example>$/);
    expect(mail?.text).toContain("Plan: Starter");
    expect(mail?.html).toContain("bob.claws.example");
    expect(mail?.headers).toContainEqual({ key: "auto-submitted", value: "auto-generated" });
    expect(await side.outbox()).toMatchObject([{ occasion: "ready", state: "sent" }]);
  });

  test("leaves once, however often the occasion comes up and however many processes look at once", async () => {
    const slugs = Array.from({ length: 25 }, (_, index) => `a${index}`);
    for (const slug of slugs) await side.addInstance(slug);
    const processes = [1, 2, 3].map(() => side.createProcess());
    for (let sweep = 0; sweep < 3; sweep += 1) {
      for (const slug of slugs) await side.say(`i-${slug}`, paid);
      for (const slug of slugs) await side.say(`i-${slug}`, ready);
      await Promise.all(processes.map((one) => one.look()));
    }
    await lookUntilDone(() => side.createProcess().look());
    const seen = side.letters().map(({ to, subject }) => `${to[0]} ${subject.split(":")[0]}`);
    expect(seen).toHaveLength(50);
    expect(new Set(seen).size).toBe(50);
    for (const slug of slugs) {
      const own = seen
        .filter((one) => one.startsWith(`${slug}@`))
        .map((one) => one.split(" ").slice(1).join(" "));
      expect(own, "of one customer in the order of what happened").toEqual([
        "Your order",
        "Your assistant is ready",
      ]);
    }
  });

  test("of a customer waits for the one before it, whoever has that one; others' do not", async () => {
    const free = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const hold = { kind: "hold", at: "data", release: free.promise, onHeld: held.resolve } as const;
    side.mail.rules.add({ to: "bob@", effect: hold });
    for (const slug of ["bob", "cleo"]) await side.say(await side.addInstance(slug), paid);
    await side.say("i-bob", ready);
    const slow = side.createProcess().look();
    await held.promise;
    await side.createProcess().look();
    expect(await states()).toEqual(["sending", "sent", "waiting"]);
    free.resolve();
    await slow;
    expect(side.letters().map(({ to }) => to[0])).toEqual([
      "cleo@example.com",
      "bob@example.com",
      "bob@example.com",
    ]);
  });

  test("that somebody is about to take is left to them, without waiting", async () => {
    for (const slug of ["bob", "cleo"]) await side.say(await side.addInstance(slug), paid);
    const now = side.clock.now();
    const wanted = { channels: ["mail"] as const, until: new Date(now.getTime() + minuteMs), now };
    await side.database.sql.begin(async (tx) => {
      expect(await claimMessage(tx, { ...wanted, claim: "first" })).toMatchObject({ slug: "bob" });
      const second = await claimMessage(side.database.sql, { ...wanted, claim: "second" });
      expect(second).toMatchObject({ slug: "cleo" });
    });
  });

  test("goes to the address that billing knows now, the last one to the address it was written for", async () => {
    const id = await side.addInstance("bob");
    await side.say(id, ready);
    await side.say(id, deleted);
    await side.database.sql`update clawfleet.instances set email = 'new@example.com' where id = ${id}`;
    await side.createProcess().look();
    expect(side.letters().map(({ to }) => to)).toEqual([["new@example.com"], ["bob@example.com"]]);
  });

  test("of who has no address is none", async () => {
    const id = await side.addInstance("bob", null);
    await side.say(id, ready);
    expect(await side.outbox()).toEqual([]);
  });

  test("is skipped where no mail server is configured, and not caught up on later", async () => {
    const id = await side.addInstance("bob");
    await side.say(id, paid);
    const settings = { mail: undefined, alertEmail: undefined, slackUrl: undefined, telegram: undefined };
    await side.createProcess({ settings }).look();
    await side.createProcess().look();
    await side.say(id, ready);
    await side.createProcess().look();
    expect(await states()).toEqual(["skipped", "sent"]);
    expect(side.subjects()).toEqual(["Your assistant is ready: bob.claws.example"]);
  });

  test("forgets its addressee after a week, but not that it was sent", async () => {
    await side.say(await side.addInstance("bob"), ready);
    await side.createProcess().look();
    side.advance(8 * 24 * 60 * minuteMs);
    await side.createProcess().look();
    const [row] = await side.database.sql`select recipient, facts, state from clawfleet.outbox`;
    expect(row).toEqual({ recipient: null, facts: {}, state: "sent" });
  });
});

describe("a mail server", () => {
  test("that is down gets everything later, in order", async () => {
    const messages = side.createProcess();
    await side.mail.goDown();
    for (const slug of ["amy", "bob", "cleo"]) {
      await side.say(await side.addInstance(slug), paid);
      side.advance(1000);
    }
    for (let round = 0; round < 4; round += 1) {
      await messages.look();
      side.advance(10 * minuteMs);
    }
    await side.say("i-amy", ready);
    expect(await states()).toEqual(["waiting", "waiting", "waiting", "waiting"]);
    await side.mail.comeBack();
    await messages.look();
    expect(side.letters().map(({ to, subject }) => `${to[0]} ${subject.split(":")[0]}`)).toEqual([
      "amy@example.com Your order",
      "bob@example.com Your order",
      "cleo@example.com Your order",
      "amy@example.com Your assistant is ready",
    ]);
    await side.createProcess().look();
    expect(
      side.alerts.alerts.filter(({ text }) => text.includes("Mail to customers")),
      "told once a channel",
    ).toHaveLength(2);
  });

  test("that refuses one address for good does not keep the others waiting, and operators hear of it", async () => {
    const messages = side.createProcess();
    side.mail.rules.add({
      to: "bob@",
      effect: { kind: "answer", at: "rcpt", code: 550, text: "<bob@example.com> is unknown here" },
    });
    for (const slug of ["amy", "bob", "cleo"]) await side.say(await side.addInstance(slug), paid);
    await side.say("i-bob", ready);
    await messages.look();
    expect(side.letters().map(({ to }) => to[0])).toEqual([
      "amy@example.com",
      "cleo@example.com",
      "bob@example.com",
    ]);
    expect(await states()).toEqual(["sent", "given_up", "sent", "sent"]);
    await messages.stop();
    await side.createProcess().look();
    const [alert] = side.alerts.alerts;
    expect(alert?.text).toContain("A mail to a customer was refused for good: bob");
    expect(alert?.text).toContain("550");
    expect(JSON.stringify(side.alerts.alerts)).not.toContain("bob@example.com");
  });

  test("that greylists one address gets that mail later and everybody else's now", async () => {
    const messages = side.createProcess();
    const later = { kind: "answer", at: "rcpt", code: 451, text: "try again later" } as const;
    side.mail.rules.add({ to: "bob@", times: 2, effect: later });
    for (const slug of ["bob", "cleo"]) await side.say(await side.addInstance(slug), paid);
    await side.say("i-bob", ready);
    await messages.look();
    expect(side.letters().map(({ to }) => to[0])).toEqual(["cleo@example.com"]);
    await lookUntilDone(() => messages.look());
    expect(
      side
        .subjects()
        .slice(1)
        .map((subject) => subject.split(":")[0]),
    ).toEqual(["Your order", "Your assistant is ready"]);
    expect(side.alerts.alerts).toEqual([]);
  });

  test("that refuses one address forever without saying so is given up on after three days", async () => {
    const messages = side.createProcess();
    const later = { kind: "answer", at: "data", code: 451, text: "not now" } as const;
    side.mail.rules.add({ times: 1000, effect: later });
    await side.say(await side.addInstance("bob"), paid);
    for (let round = 0; round < 11; round += 1) {
      await messages.look();
      side.advance(8 * 60 * minuteMs);
    }
    expect(await states()).toEqual(["given_up"]);
  });

  test("that breaks one conversation before it took the mail gets it again", async () => {
    const messages = side.createProcess();
    side.mail.rules.add({ to: "bob@", effect: { kind: "drop-before" } });
    await side.say(await side.addInstance("bob"), paid);
    await lookUntilDone(() => messages.look());
    expect(side.subjects()).toHaveLength(1);
    expect(await states()).toEqual(["sent"]);
  });

  test("that took a mail and broke before it said so never gets it twice; operators hear of it", async () => {
    const messages = side.createProcess();
    side.mail.rules.add({ to: "bob@", effect: { kind: "drop-after" } });
    await side.say(await side.addInstance("bob"), paid);
    await side.say("i-bob", ready);
    await lookUntilDone(() => messages.look());
    side.advance(60 * minuteMs);
    await messages.stop();
    await side.createProcess().look();
    expect(await states()).toEqual(["uncertain", "sent"]);
    expect(side.subjects().map((subject) => subject.split(":")[0])).toEqual([
      "Your order",
      "Your assistant is ready",
    ]);
    expect(side.alerts.alerts[0]?.text).toContain("Nobody knows whether a mail to a customer went out: bob");
  });
});

describe("texts from outside", () => {
  test("become no header, no second addressee and no second mail", async () => {
    const hostile = [...hostileScripts, "a\r\nBcc: all@example.com", "a\r\n.\r\nMAIL FROM:<x@example.com>"];
    for (const [index, text] of hostile.entries()) {
      const id = await side.addInstance(`a${index}`);
      await side.database
        .sql`update clawfleet.instances set slug = ${`${index} ${text}`}, plan = ${text} where id = ${id}`;
      await side.say(id, ready);
    }
    await side.createProcess().look();
    expect(side.mail.mails).toHaveLength(hostile.length);
    const expected = [
      "auto-submitted",
      "content-type",
      "date",
      "from",
      "message-id",
      "mime-version",
      "subject",
      "to",
    ];
    for (const [index, mail] of side.mail.mails.entries()) {
      expect(mail.to).toEqual([`a${index}@example.com`]);
      expect(mail.headers.map(({ key }) => key).toSorted()).toEqual(expected);
      expect(mail.subject).not.toMatch(/\p{Cc}/u);
    }
  });

  test("are no addresses where they only look like some", async () => {
    const addresses = [
      "",
      "bob",
      "bob@example.com, all@example.com",
      "bob@example.com\r\nRCPT TO:<all@example.com>",
      "<bob@example.com>",
      "Bob <bob@example.com>",
      "group:bob@example.com;",
      "bob@example.com all@example.com",
      "bob(@x)@example.com",
    ];
    for (const [index, address] of addresses.entries())
      await side.say(await side.addInstance(`a${index}`, address), ready);
    await side.createProcess().look();
    expect(side.mail.mails).toEqual([]);
    expect(new Set(await states())).toEqual(new Set(["given_up"]));
  });
});
