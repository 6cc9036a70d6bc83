/**
 * Proves who may move money on an order's billing page: nobody by its address alone, and whoever reads the mail of its subscription
 * by a link that works once. On the real pages, rows and SMTP, without a browser: what one makes of Strict cookies is not proved.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startAccountSide, type AccountSide } from "../support/account.ts";
import type { Page, Visitor } from "../support/console.ts";

const minuteMs = 60_000;

let account: AccountSide;
let orderId: string;
let home: string;
beforeEach(async () => {
  account = await startAccountSide();
  orderId = await account.buy(account.side.billing, "starter", "bob");
  home = `/orders/${orderId}/billing`;
});
afterEach(() => account.close());

const linksSent = () => account.mail.mails.filter(({ subject }) => subject.startsWith("Your way into"));
const tokenIn = (link: string) => new URLSearchParams(link.split("?")[1]).get("token") ?? "";
const isEntered = ({ html }: Page) => html.includes('name="csrf"');
const cancelsAt = () => account.side.stripe.subscriptions()[0]?.cancel_at_period_end;
const enterWith = (visitor: Visitor, link: string, to = home) =>
  visitor.submit(`${to}/enter`, { token: tokenIn(link) });

describe("the order's address alone", () => {
  test("shows how the subscription stands, and what was paid", async () => {
    const page = await account.visitor().open(home);
    expect(page.html).toContain('data-state="paid"');
    expect(page.html).toContain("€29.00");
    expect(page.html).toContain("Send me a link");
    expect(page.html).not.toMatch(/invoices\/|\/cancel|\/portal|\/change/);
  });

  test("orders nothing", async () => {
    const form = { plan: "pro", at: new Date().toISOString() };
    for (const verb of ["change", "cancel", "keep", "return", "portal", "leave"]) {
      const answer = await account.visitor().submit(`${home}/${verb}`, form);
      expect([verb, answer.status, answer.location]).toEqual([verb, 403, ""]);
      expect(answer.html).toContain("Nothing was changed. Ask for a link first");
    }
    expect(cancelsAt()).toBe(false);
  });

  test("shows no price and no document", async () => {
    for (const what of ["change?plan=pro", "change?quantity=2", "invoices/in_1"])
      expect((await account.visitor().open(`${home}/${what}`)).status).toBe(403);
  });
});

describe("a link from a mail", () => {
  test("goes to the address of the subscription, in text and HTML, and opens the page for an hour", async () => {
    const link = await account.link(orderId);
    const [mail] = linksSent();
    expect(mail?.to).toEqual(["bob@example.com"]);
    expect(mail?.html).toContain(tokenIn(link));
    const visitor = account.visitor();
    const entry = await visitor.open(link, { "sec-fetch-site": "cross-site" });
    expect(entry.html).toContain("For an hour, this browser may change your subscription.");
    const entered = await enterWith(visitor, link);
    expect([entered.status, entered.location]).toEqual([303, home]);
    expect(entered.headers.getSetCookie().join()).toMatch(
      /^__Host-clawfleet-account=[\w-]{43}; Max-Age=3600; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    expect(isEntered(await visitor.open(home))).toBe(true);
    expect((await visitor.submit(`${home}/cancel`)).status).toBe(303);
    expect(cancelsAt()).toBe(true);
    account.side.advance(61 * minuteMs);
    expect((await visitor.submit(`${home}/keep`)).status).toBe(403);
    expect(cancelsAt()).toBe(true);
  });

  test("is looked at by a program without being used up, and works once", async () => {
    const link = await account.link(orderId);
    for (let looks = 0; looks < 3; looks += 1) await account.visitor().open(link);
    expect((await enterWith(account.visitor(), link)).status).toBe(303);
    const again = account.visitor();
    const refused = await enterWith(again, link);
    expect([refused.status, again.cookie]).toEqual([403, ""]);
    expect(refused.html).toContain("This link has been used, or is too old");
  });

  test("is too old after half an hour", async () => {
    const link = await account.link(orderId);
    account.side.advance(31 * minuteMs);
    expect((await enterWith(account.visitor(), link)).status).toBe(403);
  });

  test("opens its own order and no other, as its session does", async () => {
    const amys = `/orders/${await account.buy(account.side.billing, "starter", "amy")}/billing`;
    const link = await account.link(orderId);
    expect((await enterWith(account.visitor(), link, amys)).status).toBe(403);
    const visitor = account.visitor();
    await enterWith(visitor, link);
    await visitor.open(home);
    expect((await visitor.submit(`${amys}/cancel`)).status).toBe(403);
    expect(isEntered(await visitor.open(amys))).toBe(false);
  });

  test("is in no row, nor is what it gives", async () => {
    const link = await account.link(orderId);
    const visitor = account.visitor();
    await enterWith(visitor, link);
    const { sql } = account.side.apply;
    const kept = await sql`
      select (select jsonb_agg(to_jsonb(o)) from clawfleet.outbox o) as outbox,
        (select jsonb_agg(encode(token_hash, 'escape')) from clawfleet.account_sessions) as sessions`;
    for (const secret of [tokenIn(link), visitor.cookie.split("=")[1] ?? ""])
      expect(JSON.stringify(kept)).not.toContain(secret.slice(0, 12));
  });

  test("is one letter however often it is asked for in two minutes, and ten in a day", async () => {
    const windowMs = 2 * minuteMs;
    account.side.advance(windowMs - (account.side.now().getTime() % windowMs));
    for (let times = 0; times < 3; times += 1) await account.link(orderId);
    expect(linksSent()).toHaveLength(1);
    for (let times = 0; times < 12; times += 1) {
      account.side.advance(3 * minuteMs);
      await account.link(orderId);
    }
    expect(linksSent()).toHaveLength(10);
    const refused = await account.visitor().submit(`${home}/ask`);
    expect([refused.status, refused.html.includes("Too many links were sent today")]).toEqual([429, true]);
    account.side.advance(24 * 60 * minuteMs);
    expect((await account.visitor().submit(`${home}/ask`)).location).toBe(`${home}?asked=1`);
  });

  test("cannot go to who has no address: the page says so", async () => {
    await account.side.apply.sql`update clawfleet.instances set email = null`;
    const answer = await account.visitor().submit(`${home}/ask`);
    expect([answer.status, answer.html.includes("No e-mail address is known")]).toEqual([409, true]);
  });
});

describe("a form", () => {
  test("of another site changes nothing, with the cookie or without", async () => {
    const visitor = await account.enter(orderId);
    const foreign = { "sec-fetch-site": "cross-site" };
    expect((await visitor.submit(`${home}/cancel`, {}, foreign)).status).toBe(403);
    expect((await account.visitor().submit(`${home}/ask`, {}, foreign)).status).toBe(403);
    expect(cancelsAt()).toBe(false);
  });

  test("of another session changes nothing", async () => {
    const visitor = await account.enter(orderId);
    const answer = await visitor.submit(`${home}/cancel`, { csrf: "x".repeat(43) });
    expect([answer.status, answer.html.includes("Open the page again")]).toEqual([403, true]);
    expect(cancelsAt()).toBe(false);
  });

  test("that locks the page ends the session", async () => {
    const visitor = await account.enter(orderId);
    const { cookie } = visitor;
    await visitor.submit(`${home}/leave`);
    expect(visitor.cookie).toBe("");
    visitor.cookie = cookie;
    expect(isEntered(await visitor.open(home))).toBe(false);
  });
});

test("who comes back from a payment page without the cookie is asked for it once more", async () => {
  const back = { "sec-fetch-site": "cross-site" };
  expect((await account.visitor().open(home, back)).html).toContain('http-equiv="refresh"');
  const visitor = await account.enter(orderId);
  expect((await visitor.open(home, back)).html).toContain('data-state="paid"');
});

test("where no mail can be sent the order's address is enough, for forms of this page", async () => {
  await account.close();
  account = await startAccountSide({ mail: false });
  orderId = await account.buy(account.side.billing, "starter", "bob");
  home = `/orders/${orderId}/billing`;
  const visitor = account.visitor();
  expect((await visitor.open(home)).html).toContain(`${home}/cancel`);
  expect((await visitor.submit(`${home}/cancel`, {}, { "sec-fetch-site": "cross-site" })).status).toBe(403);
  expect((await visitor.submit(`${home}/cancel`)).status).toBe(303);
  expect(cancelsAt()).toBe(true);
});
