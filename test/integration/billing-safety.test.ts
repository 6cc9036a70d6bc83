/**
 * Proves that nothing that is wrong with a reading of billing takes anything from who pays, or gives anything to who does
 * not: another account, a key of the other mode, a list that ends half way, a quantity that shrinks, a clock that was wrong,
 * a halt of weeks. Real rows, simulated Stripe over HTTP, a clock that is moved; no engine.
 */
import Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordWaiting } from "../../reconciler/db/observed.ts";
import { keepToOwnAccount } from "../../reconciler/billing/own-account.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { beginHalt, endHalt } from "../../reconciler/db/halt.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { tellGone, tellLate } from "../../reconciler/messages/recorded.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startStripe, type StripeSimulator } from "../sandbox/stripe/stripe.ts";
import { startBillingSide, starterKey, unknownKey, type BillingSide } from "../support/billing.ts";

const dayMs = 86_400_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

const phases = async () =>
  Object.fromEntries((await side.instances()).map(({ slug, phase }) => [slug, phase]));

/** Sweeps that could agree on something. */
async function rounds(count: number, providers?: BillingProvider[]): Promise<string[]> {
  const outcomes: string[] = [];
  for (let round = 0; round < count; round += 1) {
    side.advance(10_000);
    outcomes.push((await side.sweep(undefined, providers)).outcome);
  }
  return outcomes;
}

/** Those of the sandbox have no grace. */
function usePlansWithGrace(): void {
  const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
  side.apply.files = async () => {
    const read = await readStackFiles(sandboxStacks);
    const plans = Object.entries(read.plans).map(([id, plan]) => [id, { ...plan, grace }] as const);
    return { ...read, plans: Object.fromEntries(plans) };
  };
}

const letters = async () => {
  const rows = await side.database.sql<{ occasion: string }[]>`
    select occasion from clawfleet.outbox where channel = 'mail' and state <> 'withdrawn' order by id`;
  return rows.map(({ occasion }) => occasion);
};

function sdk(): Stripe {
  const { hostname, port } = new URL(side.stripe.origin);
  return new Stripe(side.stripe.key, { host: hostname, port: Number(port), protocol: "http" });
}

async function setQuantity(subscription: { id: string; items: unknown }, quantity: number): Promise<void> {
  const stripe = sdk();
  const { items } = await stripe.subscriptions.retrieve(subscription.id);
  await stripe.subscriptions.update(subscription.id, {
    items: [{ id: items.data[0]?.id ?? "", quantity }],
  });
  await side.settle();
}

describe("an account that lists more subscriptions than ours", () => {
  let other: StripeSimulator;
  beforeEach(async () => {
    other = await startStripe();
    other.seedPrice({ lookupKey: starterKey, name: "s", unitAmount: 100 });
    for (let index = 0; index < 40; index += 1)
      other.createPaidSubscription({
        lookupKey: starterKey,
        email: `x${index}@example.com`,
        metadata: { slug: `x${index}` },
      });
    for (const slug of ["amy", "ann", "bob"]) side.subscribe(slug);
    await side.settle();
  });
  afterEach(() => other.close());

  const running = { amy: "running", ann: "running", bob: "running" };

  test("takes nothing from ours and gets nothing, although its list is whole", async () => {
    const foreign = createStripeBilling({ secretKey: other.key, webhookSecrets: [], apiUrl: other.origin });
    expect(await rounds(3, [foreign])).toEqual(["failed", "failed", "failed"]);
    side.advance(8 * dayMs);
    expect(await rounds(3, [foreign])).toEqual(["failed", "failed", "failed"]);
    expect(await phases()).toEqual(running);
    const [stored] = await side.database.sql`select count(*)::int as count from clawfleet.subscriptions`;
    expect(stored, "nothing of a refused reading is kept").toEqual({ count: 3 });
    expect(await rounds(1)).toEqual(["complete"]);
  });

  test("is known by its id before anything is asked with its key", async () => {
    await rounds(1);
    const settings = { secretKey: other.key, webhookSecrets: [], apiUrl: other.origin };
    const own = { sql: side.database.sql, clock: { now: side.now } };
    const foreign = keepToOwnAccount(own, createStripeBilling(settings));
    const refused = { code: "billing_unavailable", message: expect.stringContaining("not this fleet's") };
    await expect(foreign.readCustomerSubscriptions("cus_1")).rejects.toMatchObject(refused);
    expect(other.exchanges.map(({ path }) => path)).toEqual(["/v1/account"]);
    expect(await rounds(1, [foreign])).toEqual(["failed"]);
  });
});

test("a key for test money on a fleet with real money reads and sells nothing, by sweep, webhook or checkout", async () => {
  await side.database.sql`
    insert into clawfleet.billing_accounts (provider, livemode, since) values ('stripe', true, now())`;
  side.subscribe("freeloader");
  expect(await side.stripe.delivery.idle(60_000)).toBe(true);
  expect(await rounds(2)).toEqual(["failed", "failed"]);
  const { alerts } = side;
  expect(alerts).toContain("sweep_failed");
  const order = {
    orderId: "o",
    slug: "freeloader",
    planId: "starter",
    lookupKey: starterKey,
    trialDays: 0,
    expiresAt: new Date(Date.now() + 3_600_000),
    successUrl: "https://x.example",
    cancelUrl: "https://x.example",
  };
  await expect(side.billing.createCheckout(order)).rejects.toMatchObject({ code: "billing_unavailable" });
  const [customer] = side.stripe.subscriptions();
  await expect(side.billing.readCustomerSubscriptions(customer?.customer ?? "")).rejects.toThrow(
    /test money/,
  );
  expect(await phases()).toEqual({});
});

test("a list that ends after its first page, saying that there is more, takes nothing from who is on the others", async () => {
  for (let index = 0; index < 105; index += 1) side.subscribe(`s${index}`);
  await side.settle();
  await rounds(1);
  side.stripe.faults.add({
    path: "^/v1/subscriptions.*starting_after",
    times: 1000,
    effect: {
      kind: "answer",
      status: 200,
      body: { object: "list", data: [], has_more: true, url: "/v1/subscriptions" },
    },
  });
  expect(await rounds(3)).toEqual(["failed", "failed", "failed"]);
  expect(new Set(Object.values(await phases()))).toEqual(new Set(["running"]));
});

test("a quantity that shrinks by more than one stops what is not paid for, and nobody else's billing", async () => {
  const bob = side.subscribe("bob");
  side.subscribe("amy");
  await side.settle();
  await setQuantity(bob, 4);
  await rounds(1);
  expect(Object.keys(await phases())).toHaveLength(5);
  await setQuantity(bob, 1);
  expect(await rounds(1), "a smaller quantity is nothing strange").toEqual(["complete"]);
  expect(Object.values(await phases()).toSorted()).toEqual([
    "running",
    "running",
    "suspended",
    "suspended",
    "suspended",
  ]);
  expect(await rounds(2)).toEqual(["complete", "complete"]);
  expect(await phases()).toMatchObject({ amy: "running", bob: "running" });
  await setQuantity(bob, 2);
  await rounds(1);
  expect(Object.values(await phases()).filter((phase) => phase === "running")).toHaveLength(3);
});

test("a clock that was weeks ahead for one reading freezes nobody's subscription", async () => {
  const bob = side.subscribe("bob");
  await side.settle();
  side.advance(60 * dayMs);
  await rounds(1);
  side.advance(-60 * dayMs);
  side.stripe.cancelSubscription(bob.id);
  await side.settle();
  expect((await phases())["bob"]).toBe("suspended");
});

describe("somebody who left long ago, and whom nothing could be taken from meanwhile", () => {
  async function leaveDuringHalt(): Promise<void> {
    usePlansWithGrace();
    const bob = side.subscribe("bob");
    await side.settle();
    await beginHalt(side.database.sql, { by: "op", reason: null, since: side.now() });
    side.stripe.cancelSubscription(bob.id);
    await side.settle();
    side.advance(40 * dayMs);
  }

  test("is archived first, told of it, and deleted a week later", async () => {
    await leaveDuringHalt();
    await rounds(2);
    expect(await phases()).toEqual({ bob: "running" });
    await endHalt(side.database.sql);
    await rounds(1);
    expect(await phases()).toEqual({ bob: "suspended" });
    await rounds(3);
    expect(await phases()).toEqual({ bob: "archived" });
    expect(await letters()).toEqual(expect.arrayContaining(["suspended", "deletion_warning"]));
    side.advance(6 * dayMs);
    await rounds(3);
    expect(await phases()).toEqual({ bob: "archived" });
    side.advance(dayMs);
    await rounds(3);
    expect(await phases()).toEqual({ bob: "gone" });
  });

  test("is agreed on by readings made after the halt only", async () => {
    await leaveDuringHalt();
    await rounds(3);
    expect(await side.instances()).toMatchObject([{ slug: "bob", votes: 0 }]);
  });
});

describe("a price that no plan has any more", () => {
  test("is paid like any other, and ends like any other", async () => {
    usePlansWithGrace();
    const bob = side.subscribe("bob");
    await side.settle();
    const old = await sdk().prices.list({ lookup_keys: [unknownKey] });
    const item = (await sdk().subscriptions.retrieve(bob.id)).items.data[0]?.id ?? "";
    await sdk().subscriptions.update(bob.id, { items: [{ id: item, price: old.data[0]?.id ?? "" }] });
    await side.settle();
    await rounds(2);
    expect(await side.instances()).toMatchObject([{ slug: "bob", phase: "running", plan: "starter" }]);
    expect(side.alerts).toContain("price_without_plan");
    side.stripe.cancelSubscription(bob.id);
    await side.settle();
    expect(await phases()).toEqual({ bob: "suspended" });
    side.advance(8 * dayMs);
    await rounds(2);
    expect(await phases()).toEqual({ bob: "archived" });
  });
});

test("who pays while their old assistant is being deleted gets another one, and is not told of a deletion", async () => {
  const bob = side.subscribe("bob");
  await side.settle();
  side.stripe.cancelSubscription(bob.id);
  await side.settle();
  await rounds(2);
  expect(await phases()).toEqual({ bob: "gone" });
  side.stripe.createPaidSubscription({
    lookupKey: starterKey,
    email: "bob@example.com",
    metadata: { slug: "bob" },
    customer: bob.customer,
  });
  await side.settle();
  expect(await phases()).toEqual({ bob: "running" });
  const [row] = await side.database.sql<{ id: string }[]>`select id from clawfleet.instances`;
  const { returned } = await tellGone(side.database.sql, row?.id ?? "", side.now());
  expect(returned).toMatchObject({ provider: "stripe", customerId: bob.customer });
  expect(await letters()).not.toContain("deleted");
  await rounds(1);
  const living = await side.database.sql`
    select slug, phase, email from clawfleet.instances where status <> 'gone'`;
  expect(living).toEqual([{ slug: "bob", phase: "running", email: "bob@example.com" }]);
});

test("two subscriptions for one name are served once, and operators hear that both are charged for", async () => {
  const bob = side.subscribe("bob");
  await side.settle();
  const again = { lookupKey: starterKey, email: "bob@example.com", metadata: { slug: "bob" } };
  side.stripe.createPaidSubscription({ ...again, customer: bob.customer });
  await side.settle();
  expect(await phases()).toEqual({ bob: "running" });
  expect(side.alerts).toContain("paid_twice");
});

test("a name that our sign-up page would refuse is nobody's, whoever wrote it into the order", async () => {
  side.subscribe("www");
  side.subscribeAtPaddle("admin");
  await side.settle();
  const names = Object.keys(await phases());
  expect(names).toEqual([expect.stringMatching(/^a-/), expect.stringMatching(/^a-/)]);
});

test("an assistant that does not come up for an hour is told to operators once, and to its customer where there is an address", async () => {
  side.subscribe("bob");
  side.subscribe("amy");
  await side.settle();
  const { sql } = side.database;
  const rows = await sql<{ id: string; slug: string }[]>`select id, slug from clawfleet.instances`;
  await sql`update clawfleet.instances set email = null where slug = 'amy'`;
  for (const { id } of rows) {
    const wait = { detail: "no capacity at Hetzner", retryAt: side.now(), countsAsFailure: true };
    await recordWaiting(sql, { kind: "instance", id }, { ...wait, reason: "paid" });
  }
  await tellLate(sql, side.now());
  expect(await sql`select 1 from clawfleet.alerts where kind = 'late'`).toHaveLength(0);
  side.advance(61 * 60_000);
  for (let round = 0; round < 3; round += 1) await tellLate(sql, side.now());
  const told = await sql`
    select about, occurrences::int as occurrences, message from clawfleet.alerts where kind = 'late' order by about`;
  const message = expect.stringContaining("no capacity at Hetzner");
  expect(told).toEqual([
    { about: "amy", occurrences: 1, message },
    { about: "bob", occurrences: 1, message },
  ]);
  expect((await letters()).filter((occasion) => occasion === "failed")).toHaveLength(1);
});
