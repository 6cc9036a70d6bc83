/**
 * Proves what letters say, in text and in HTML, and that no text from outside can become markup, a line of its own or a
 * link to somewhere else. Cannot prove how a mail program shows them; headers on the wire: messages-mail.test.ts.
 */
import { describe, expect, it } from "vitest";
import type { Facts } from "../../reconciler/messages/facts.ts";
import { renderHtml } from "../../reconciler/messages/letter-html.tsx";
import { renderText } from "../../reconciler/messages/letter-text.ts";
import { writeLetter, type LetterInput } from "../../reconciler/messages/letter.ts";
import { oneLine } from "../../reconciler/messages/one-line.ts";
import { hostileScripts } from "../support/hostile-texts.ts";

const now = new Date("2026-03-01T12:00:00.000Z");
const deleteAt = "2026-03-08T09:00:00.000Z";

const everyOccasion: Facts[] = [
  { kind: "paid", payment: "paid" },
  { kind: "paid", payment: "trial" },
  { kind: "paid", payment: "free" },
  { kind: "ready", again: false },
  { kind: "ready", again: true },
  { kind: "failed", again: false },
  { kind: "failed", again: true },
  { kind: "past_due", suspendAt: deleteAt },
  { kind: "suspended", cause: "ended", deleteAt },
  { kind: "suspended", cause: "ended", deleteAt: null },
  { kind: "suspended", cause: "unpaid", deleteAt: null },
  { kind: "suspended", cause: "operator", deleteAt: null },
  { kind: "deletion_warning", deleteAt },
  { kind: "deleted" },
  { kind: "message_limit", limit: 5000, renewsAt: deleteAt },
  { kind: "account_link", orderId: "order-1", expiresAt: deleteAt },
];

function input(
  facts: Facts,
  change: Partial<LetterInput["customer"]> = {},
  planName = "Starter",
): LetterInput {
  const customer = {
    slug: "anna",
    plan: "starter",
    url: "https://anna.claws.example",
    domain: null,
    zone: "claws.example",
    orderId: "order-1",
    ...change,
  };
  return { facts, customer, planName, publicUrl: "https://join.example", sender: "Claws", now };
}

describe("a letter", () => {
  it.each(everyOccasion)("shows the customer's own domain where they have one: $kind", (facts) => {
    const letter = writeLetter(input(facts, { domain: "ai.firm.example", url: "https://ai.firm.example" }));
    expect(letter.details[0]?.value).toMatch(/^(https:\/\/)?ai\.firm\.example$/);
    expect(letter.subject).not.toContain("claws.example");
  });

  it.each(everyOccasion)("says the same in text and in HTML: $kind", async (facts) => {
    const letter = writeLetter(input(facts));
    const text = renderText(letter);
    const html = await renderHtml(letter);
    for (const part of [
      letter.heading,
      ...letter.paragraphs,
      "anna.claws.example",
      "Starter",
      "https://join.example/orders/order-1",
    ]) {
      expect(text).toContain(part);
      expect(html).toContain(part);
    }
    expect(letter.subject).toContain("anna.claws.example");
  });

  it("of a failure promises what we do and names what we never do by ourselves", () => {
    const text = renderText(writeLetter(input({ kind: "failed", again: false })));
    expect(text).toMatch(/on our side/);
    expect(text).toMatch(/do not cancel your subscription and we refund nothing by ourselves/);
  });

  it.each([
    ["2026-03-01T12:00:00.000Z", "in 7 days"],
    ["2026-03-05T08:00:00.000Z", "in 3 days"],
    ["2026-03-06T20:00:00.000Z", "in 2 days"],
    ["2026-03-07T09:00:00.000Z", "tomorrow"],
    ["2026-03-08T08:00:00.000Z", "today"],
  ])("written at %s counts the days from then: %s", (at, words) => {
    const letter = writeLetter({ ...input({ kind: "deletion_warning", deleteAt }), now: new Date(at) });
    expect(letter.subject).toContain(words);
    expect(letter.paragraphs.join()).toContain("March 8, 2026");
  });

  it("leads to the sign-up page who has no order", () => {
    const letter = writeLetter(input({ kind: "ready", again: false }, { orderId: null }));
    expect(letter.action.href).toBe("https://join.example");
  });

  it("that lets somebody in has the token in its link, and no other letter has", async () => {
    const token = "s3cret-token";
    const link = { kind: "account_link", orderId: "order-2", expiresAt: deleteAt } as const;
    const letter = writeLetter({ ...input(link), token });
    expect(letter.action.href).toBe(`https://join.example/orders/order-2/billing/enter?token=${token}`);
    expect(renderText(letter)).toContain("once, until 09:00 UTC");
    for (const facts of everyOccasion.filter(({ kind }) => kind !== "account_link")) {
      const other = writeLetter({ ...input(facts), token });
      expect(renderText(other) + (await renderHtml(other))).not.toContain(token);
    }
  });

  it("makes no link of an address that is none of the web", async () => {
    const letter = writeLetter(input({ kind: "ready", again: false }, { url: "javascript:alert(1)" }));
    expect(await renderHtml(letter)).not.toContain('href="javascript');
  });
});

const markup = [
  `<script>alert(1)</script>`,
  `"><img src=x onerror=alert(1)>`,
  `a\r\nBcc: all@example.com\r\n\r\nhello`,
  `\u202egnp.exe`,
  `&lt;b&gt;`,
];

describe("texts from outside", () => {
  it.each([...hostileScripts, ...markup])("stay text on their line: %j", async (hostile) => {
    const change = { slug: hostile, zone: hostile, orderId: hostile };
    for (const facts of everyOccasion) {
      const letter = writeLetter({ ...input(facts, change, hostile), sender: hostile });
      const plain = writeLetter(input(facts));
      expect(letter.subject).not.toMatch(/[\p{Cc}\u2028\u2029\u202e]/u);
      // An empty signature ends in nothing, and so do the lines of an empty one.
      expect(renderText(letter).split("\n")).toHaveLength(renderText(plain).split("\n").length);
      const html = await renderHtml(letter);
      expect(countTags(html)).toEqual(countTags(await renderHtml(plain)));
      expect(letter.action.href).toMatch(
        /^https:\/\/join\.example\/orders\/[\w.~!*'()%-]*(\/billing\/enter\?token=)?$/,
      );
    }
  });

  it.each([
    ["a\r\nb", "a b"],
    [" a ", "a"],
    ["a\u2028b", "a b"],
    ["a\u202eb", "a b"],
    ["x".repeat(300), `${"x".repeat(199)}…`],
  ])("%j is %j in one line", (text, line) => {
    expect(oneLine(text)).toBe(line);
  });
});

/** Every tag that a browser would see, with how often. */
function countTags(html: string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const [, tag = ""] of html.matchAll(/<([a-z!/][a-z0-9]*)/gi)) counts[tag] = (counts[tag] ?? 0) + 1;
  return counts;
}
