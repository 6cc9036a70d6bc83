/**
 * Proves the customer's own way through billing, on the real pages and rows and at both providers: what it costs before it is
 * changed, the change, its refusal, the cancellation, its withdrawal, the return, invoices and portal. The providers are
 * simulated, so that their own prorations and pages are not proved.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { startAccountSide, type AccountSide } from "../support/account.ts";
import { starterKey, type BillingSide } from "../support/billing.ts";
import { setQuantity } from "../support/billing-rounds.ts";
import type { Visitor } from "../support/console.ts";

const day = 86_400_000;

let account: AccountSide;
let side: BillingSide;
/** In the hour after a link from a mail, which account-access.test.ts is about. */
let browser: Visitor;
beforeEach(async () => {
  account = await startAccountSide();
  side = account.side;
  browser = account.visitor();
});
afterEach(() => account.close());

async function buy(seller: BillingProvider, plan: string, slug: string): Promise<string> {
  const orderId = await account.buy(seller, plan, slug);
  browser = await account.enter(orderId);
  return orderId;
}

type Seen = { status: number; text: string; to: string | null };

async function ask(path: string, form?: Record<string, string>): Promise<Seen> {
  const page = form ? await browser.submit(path, form) : await browser.open(path);
  return { status: page.status, text: page.html, to: page.headers.get("location") };
}

const stateIn = ({ text }: Seen) => /data-state="(\w+)"/.exec(text)?.[1];
const inElement = ({ text }: Seen, id: string) => new RegExp(`id="${id}">([^<]*)<`).exec(text)?.[1];
const agreedTo = ({ text }: Seen) => /name="at" value="([^"]+)"/.exec(text)?.[1] ?? "";
const rowOf = async (slug: string) => (await side.instances()).find((one) => one.slug === slug);

const sellers: [string, () => BillingProvider][] = [
  ["Stripe", () => side.billing],
  ["Paddle", () => side.paddleBilling],
];

describe.each(sellers)("at %s", (_name, seller) => {
  test("a plan change costs what was shown, and is true at once", async () => {
    const home = `/orders/${await buy(seller(), "starter", "bob")}/billing`;
    expect(stateIn(await ask(home))).toBe("paid");
    const preview = await ask(`${home}/change?plan=pro`);
    expect(preview.status).toBe(200);
    const [due, recurring] = [inElement(preview, "due-now") ?? "", inElement(preview, "recurring")];
    expect(due).toMatch(/\d/);
    expect(recurring).toMatch(/\d/);
    expect((await rowOf("bob"))?.plan).toBe("starter");
    expect(await ask(`${home}/change`, { plan: "pro", at: agreedTo(preview) })).toMatchObject({
      status: 303,
      to: home,
    });
    expect((await rowOf("bob"))?.plan).toBe("pro");
    expect(inElement(await ask(home), "plan")).toBe("Pro");
  });

  test("a cancellation lies ahead, is taken back, and comes to its end; coming back restores the same assistant", async () => {
    const orderId = await buy(seller(), "starter", "bob");
    const home = `/orders/${orderId}/billing`;
    const before = await rowOf("bob");
    await ask(`${home}/cancel`, {});
    expect(stateIn(await ask(home))).toBe("ending");
    expect((await rowOf("bob"))?.phase).toBe("running");
    await ask(`${home}/keep`, {});
    expect(stateIn(await ask(home))).toBe("paid");
    await ask(`${home}/cancel`, {});
    side.stripe.clock.advance(32 * day);
    side.paddle.clock.advance(32 * day);
    await side.settle();
    expect((await rowOf("bob"))?.phase).toBe("suspended");
    const ended = await ask(home);
    expect(stateIn(ended)).toBe("ended");
    expect(ended.text).toContain("come back before");
    const early = await ask(`${home}/return`, { plan: "starter" });
    const { status, to } = await ask(`${home}/return`, { plan: "starter" });
    expect(status).toBe(303);
    expect(to).not.toBe(early.to);
    await account.pay(to ?? "", "bob@example.com");
    expect(await rowOf("bob")).toMatchObject({ phase: "running", ip: before?.ip });
    expect(await side.instances()).toHaveLength(1);
    expect(stateIn(await ask(home))).toBe("paid");
  });

  test("another number of assistants costs what was shown, and a smaller one names who ends", async () => {
    const home = `/orders/${await buy(seller(), "starter", "bob")}/billing`;
    const preview = await ask(`${home}/change?quantity=3`);
    expect(inElement(preview, "recurring")).toBe("€87.00");
    // Paddle says the whole of it.
    expect(preview.text.includes("before tax and discounts")).toBe(seller() === side.billing);
    expect(await side.instances()).toHaveLength(1);
    await ask(`${home}/change`, { quantity: "3", at: agreedTo(preview) });
    const slugs = (await side.instances()).map(({ slug }) => slug);
    expect(slugs).toHaveLength(3);
    const page = await ask(home);
    for (const slug of slugs) expect(page.text).toContain(slug);
    expect(page.text).toContain("Cancel all 3 at the end of the period");
    expect((await ask(`${home}/change?plan=pro`)).text).toContain("All of your assistants change: bob, a-");
    const fewer = await ask(`${home}/change?quantity=2`);
    const ended = /deleted with all data after the time of your plan: (a-\w+)\./.exec(fewer.text)?.[1] ?? "";
    await ask(`${home}/change`, { quantity: "2", at: agreedTo(fewer) });
    expect(await rowOf(ended)).toMatchObject({ phase: "suspended" });
    expect((await side.instances()).filter(({ phase }) => phase === "running")).toHaveLength(2);
  });

  test("invoices and portal are the customer's own", async () => {
    const other = `/orders/${await buy(seller(), "starter", "amy")}/billing`;
    const amys = browser;
    const home = `/orders/${await buy(seller(), "starter", "bob")}/billing`;
    const page = await ask(home);
    const link = /href="(\/orders\/[^"]+\/invoices\/[^"]+)"/.exec(page.text)?.[1] ?? "";
    expect((await ask(link)).to).toMatch(/invoice/);
    expect((await amys.open(link.replace(home, other))).status).toBe(404);
    expect((await ask(`${home}/portal`, {})).to).toMatch(/^http.*\/(p\/session|portal)\//);
  });
});

test("of two payment pages for one return nobody can pay the first one any more", async () => {
  const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
  const [subscription] = side.stripe.subscriptions();
  side.stripe.cancelSubscription(subscription?.id ?? "");
  await side.settle();
  const first = await ask(`${home}/return`, { plan: "starter" });
  const second = await ask(`${home}/return`, { plan: "starter" });
  const sessionIn = ({ to }: Seen) => /cs_\w+/.exec(to ?? "")?.[0] ?? "";
  expect(() => side.stripe.payCheckout(sessionIn(first))).toThrow(/no longer|expired|not open/i);
  side.stripe.payCheckout(sessionIn(second));
  await side.settle();
  expect(await rowOf("bob")).toMatchObject({ phase: "running" });
});

test("of two clicks at the same moment one opens a payment page, and the next click opens another", async () => {
  const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
  const [subscription] = side.stripe.subscriptions();
  side.stripe.cancelSubscription(subscription?.id ?? "");
  await side.settle();
  const both = await Promise.all([1, 2].map(() => ask(`${home}/return`, { plan: "starter" })));
  const opened = both.filter(({ to }) => /cs_\w+/.test(to ?? ""));
  const refused = both.filter(({ status }) => status === 409);
  expect([opened.length, refused.length]).toEqual([1, 1]);
  expect(refused[0]?.text).toContain("is being opened this very moment");
  expect((await ask(`${home}/return`, { plan: "starter" })).to).toMatch(/cs_\w+/);
});

describe("nothing is changed", () => {
  test("when the card is declined: the page says so", async () => {
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    const preview = await ask(`${home}/change?plan=pro`);
    const error = { type: "card_error", code: "card_declined", message: "Your card was declined." };
    const effect = { kind: "answer", status: 402, body: { error } } as const;
    side.stripe.faults.add({ method: "POST", path: "^/v1/subscriptions/", effect });
    const refused = await ask(`${home}/change`, { plan: "pro", at: agreedTo(preview) });
    expect(refused).toMatchObject({ status: 409 });
    expect(refused.text).toContain("The payment was declined, and nothing was changed.");
    expect((await rowOf("bob"))?.plan).toBe("starter");
  });

  test("when the price that was shown is old", async () => {
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    const at = new Date(side.now().getTime() - 31 * 60_000).toISOString();
    expect(await ask(`${home}/change`, { plan: "pro", at })).toMatchObject({ status: 409 });
    expect((await rowOf("bob"))?.plan).toBe("starter");
  });

  test("when the provider cannot be asked: a calm page, and the rest of it", async () => {
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    side.stripe.faults.add({
      path: "^/v1/",
      times: 100,
      effect: { kind: "answer", status: 400, body: { error: { message: "no" } } },
    });
    const page = await ask(home);
    expect([page.status, stateIn(page)]).toEqual([200, "paid"]);
    expect(page.text).toContain("Your invoices cannot be shown right now.");
    const refused = await ask(`${home}/cancel`, {});
    expect(refused.status).toBe(503);
    expect(refused.text).toContain("Nothing was changed");
  });

  test.each([
    ["an order that nobody placed", "order_0123456789abcdefghij"],
    ["an order's id of another form", "short"],
  ])("for %s", async (_what, id) => {
    expect((await ask(`/orders/${id}/billing`)).status).toBe(404);
    expect((await ask(`/orders/${id}/billing/cancel`, {})).status).toBe(404);
  });

  test("for a plan that is none, or that has no price at this provider", async () => {
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    for (const wish of ["plan=lifetime", "plan=huge", "quantity=0", "quantity=51", "quantity=x"])
      expect((await ask(`${home}/change?${wish}`)).status).toBe(400);
  });
});

describe("the page says", () => {
  test("that more is paid for than one subscription has, and operators hear of it", async () => {
    const orderId = await buy(side.billing, "starter", "bob");
    const [subscription] = side.stripe.subscriptions();
    await setQuantity(side, subscription?.id ?? "", 51);
    expect(side.alerts).toContain("too_many_seats");
    const page = await ask(`/orders/${orderId}/billing`);
    expect(page.text).toContain("pays for 51 assistants, and one subscription has 50");
    expect(await side.instances()).toHaveLength(50);
  });

  test("that one assistant is paid for twice", async () => {
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    expect((await ask(home)).text).not.toContain("charged twice");
    const customer = side.stripe.subscriptions()[0]?.customer ?? "";
    const again = { lookupKey: starterKey, customer, email: "bob@example.com", metadata: { slug: "bob" } };
    side.stripe.createPaidSubscription(again);
    await side.settle();
    expect(side.alerts).toContain("paid_twice");
    expect((await ask(home)).text).toContain("You are charged twice for this one assistant");
  });
});

describe("an address that a customer chooses", () => {
  const labelOf = async (slug: string) => {
    const [row] = await side.apply.sql<{ label: string | null }[]>`
      select override ->> 'address' as label from clawfleet.instances where slug = ${slug} and status <> 'gone'`;
    return row?.label ?? null;
  };
  const hours = (count: number) => side.advance(count * 3_600_000);

  test("is theirs at once, nobody else's, once a day, and is given back with the name that they have", async () => {
    const amy = await buy(side.billing, "starter", "amy");
    const amys = browser;
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    expect((await ask(`${home}/address`, { address: " Bobby " })).status).toBe(303);
    expect(await labelOf("bob")).toBe("bobby");
    expect(await side.waitingConverges()).toContain("bob");
    expect((await ask(home)).text).toContain('value="bobby"');
    await expect(account.buy(side.billing, "starter", "bobby")).rejects.toMatchObject({ code: "slug_taken" });
    for (const address of ["bobby", "bob"]) {
      const refused = await amys.submit(`/orders/${amy}/billing/address`, { address });
      expect([refused.status, refused.html.includes("is taken")]).toEqual([409, true]);
    }
    const early = await ask(`${home}/address`, { address: "bob" });
    expect([early.status, early.text.includes("once a day")]).toEqual([409, true]);
    hours(25);
    browser = await account.enter(home.split("/")[2] ?? "");
    await ask(`${home}/address`, { address: "bob" });
    expect(await labelOf("bob")).toBeNull();
  });

  test.each(["www", "-x", "a b", ""])("is refused as %j", async (address) => {
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    expect((await ask(`${home}/address`, { address })).status).toBe(400);
    expect(await labelOf("bob")).toBeNull();
  });

  test("stays through a sweep, gives way to that of a file, and comes back when the file is gone", async () => {
    const home = `/orders/${await buy(side.billing, "starter", "bob")}/billing`;
    await ask(`${home}/address`, { address: "bobby" });
    await side.sweep();
    expect(await labelOf("bob")).toBe("bobby");
    const files = await side.apply.files();
    side.apply.files = async () => ({ ...files, overrides: new Map([["bob", { address: "operators" }]]) });
    await side.sweep();
    expect(await labelOf("bob")).toBe("operators");
    await expect(account.buy(side.billing, "starter", "bobby")).rejects.toMatchObject({ code: "slug_taken" });
    hours(25);
    browser = await account.enter(home.split("/")[2] ?? "");
    const refused = await ask(`${home}/address`, { address: "robert" });
    expect([refused.status, refused.text.includes("was set by us")]).toEqual([409, true]);
    side.apply.files = async () => files;
    await side.sweep();
    expect(await labelOf("bob")).toBe("bobby");
    expect(side.alerts).not.toContain("address_taken");
  });
});
