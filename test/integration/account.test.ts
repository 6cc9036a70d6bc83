/**
 * Proves the customer's own way through billing, on the real pages and rows and at both providers: what it costs before it is
 * changed, the change, its refusal, the cancellation, its withdrawal, the return, invoices and portal. The providers are
 * simulated, so that their own prorations and pages are not proved.
 */
import { Hono } from "hono";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createAccount } from "../../reconciler/account/account.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { createOrders } from "../../reconciler/orders/orders.ts";
import { createAccountRoutes } from "../../reconciler/routes/account.tsx";
import { visit } from "../sandbox/customer.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";

const goodCard = "4242 4242 4242 4242";
const day = 86_400_000;

let side: BillingSide;
let site: Hono;
/** Paddle sells both here, so that there is a plan to change to. */
let buy: (seller: BillingProvider, plan: string, slug: string, card?: string) => Promise<string>;

beforeEach(async () => {
  side = await startBillingSide();
  const files = await readStackFiles(sandboxStacks);
  const { pro, starter } = files.plans;
  if (!pro || !starter) throw new Error("the sandbox has both");
  const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
  const paddlePriceId = "pri_01jsandboxpro0000000000000";
  side.paddle.seedPrice({
    id: paddlePriceId,
    name: "pro",
    unitAmount: 5900,
    cycle: { interval: "month", frequency: 1 },
  });
  files.plans = { ...files.plans, pro: { ...pro, paddlePriceId, grace }, starter: { ...starter, grace } };
  side.apply.files = async () => files;
  const providers = [side.billing, side.paddleBilling];
  const common = { ...side.apply, publicUrl: side.stripe.origin, plans: () => files.plans };
  site = new Hono().route(
    "/",
    createAccountRoutes({ ...createAccount({ ...common, providers }), log: side.apply.log }),
  );
  buy = async (seller, plan, slug, card = goodCard) => {
    const watch = { wait: async () => undefined, stop: async () => undefined };
    const orders = createOrders({ ...common, sellers: [seller], watch, zone: async () => "claws.example" });
    const { orderId, payUrl } = await orders.placeOrder({ plan, slug });
    await visit(payUrl, {
      card,
      name: "Test Person",
      email: `${slug}@example.com`,
      expiry: "12 / 34",
      cvc: "123",
    });
    await side.settle();
    return orderId;
  };
});
afterEach(() => side.close());

type Seen = { status: number; text: string; to: string | null };

async function ask(path: string, form?: Record<string, string>): Promise<Seen> {
  const post = form && { method: "POST", body: new URLSearchParams(form) };
  const answer = await site.request(path, post);
  return { status: answer.status, text: await answer.text(), to: answer.headers.get("location") };
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
    await visit(to ?? "", {
      card: goodCard,
      name: "Test Person",
      email: "bob@example.com",
      expiry: "12 / 34",
      cvc: "123",
    });
    await side.settle();
    expect(await rowOf("bob")).toMatchObject({ phase: "running", ip: before?.ip });
    expect(await side.instances()).toHaveLength(1);
    expect(stateIn(await ask(home))).toBe("paid");
  });

  test("invoices and portal are the customer's own", async () => {
    const home = `/orders/${await buy(seller(), "starter", "bob")}/billing`;
    const other = `/orders/${await buy(seller(), "starter", "amy")}/billing`;
    const page = await ask(home);
    const link = /href="(\/orders\/[^"]+\/invoices\/[^"]+)"/.exec(page.text)?.[1] ?? "";
    expect((await ask(link)).to).toMatch(/invoice/);
    expect((await ask(link.replace(home, other))).status).toBe(404);
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
    for (const plan of ["lifetime", "huge"])
      expect((await ask(`${home}/change?plan=${plan}`)).status).toBe(400);
  });
});
