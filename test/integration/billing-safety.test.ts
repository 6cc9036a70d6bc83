/**
 * Proves that nothing that is wrong with a reading of billing takes anything from who pays, or gives anything to who does
 * not: another account, a key of the other mode, a list that ends half way, a buyer's browser that writes what no row can hold,
 * a quantity that shrinks, a clock that was wrong. Real rows, simulated Stripe and Paddle over HTTP, a clock that is moved; no
 * engine.
 */
import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { keepToOwnAccount } from "../../reconciler/billing/own-account.ts";
import { recordMovedOut } from "../../reconciler/db/observed.ts";
import { beginOutage } from "../../reconciler/db/outages.ts";
import { beginReading, storeReadings } from "../../reconciler/db/subscriptions.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { tellReady } from "../../reconciler/messages/recorded.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { startStripe, type StripeSimulator } from "../sandbox/stripe/stripe.ts";
import { paddlePrices, startBillingSide, starterKey, type BillingSide } from "../support/billing.ts";
import { readPhases, setQuantity, sweepRounds, usePlansWithGrace } from "../support/billing-rounds.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";

const dayMs = 86_400_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

const phases = () => readPhases(side);
const rounds = (count: number, providers?: BillingProvider[]) => sweepRounds(side, count, providers);

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
    const own = { sql: side.database.sql, clock: { now: () => side.now() } };
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
    returnToken: "back",
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
  await setQuantity(side, bob.id, 4);
  await rounds(1);
  expect(Object.keys(await phases())).toHaveLength(5);
  await setQuantity(side, bob.id, 1);
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
  await setQuantity(side, bob.id, 2);
  await rounds(1);
  expect(Object.values(await phases()).filter((phase) => phase === "running")).toHaveLength(3);
});

test("further assistants of a subscription come back with their customer, under whatever subscription", async () => {
  usePlansWithGrace(side);
  const bob = side.subscribe("bob");
  await side.settle();
  await setQuantity(side, bob.id, 3);
  await rounds(1);
  const before = (await side.instances()).map(({ slug }) => slug);
  expect(before).toHaveLength(3);
  side.stripe.cancelSubscription(bob.id);
  await side.settle();
  side.advance(8 * dayMs);
  await rounds(3);
  expect(new Set(Object.values(await phases()))).toEqual(new Set(["archived"]));
  const again = side.stripe.createPaidSubscription({
    lookupKey: starterKey,
    email: "bob@example.com",
    metadata: { slug: "bob" },
    customer: bob.customer,
  });
  await side.settle();
  await setQuantity(side, again.id, 3);
  await rounds(2);
  const after = await side.instances();
  expect(after.map(({ slug }) => slug)).toEqual(before);
  expect(new Set(after.map(({ phase }) => phase))).toEqual(new Set(["running"]));
  expect(await rounds(1)).toEqual(["complete"]);
  expect(await side.instances()).toEqual(after);
});

test("a list that says it is whole, and holds only one of ours, takes nothing from the others", async () => {
  const [one] = ["amy", "ann", "bob", "ben", "bea"].map((slug) => side.subscribe(slug));
  await side.settle();
  const body = { object: "list", data: [one], has_more: false, url: "/v1/subscriptions" };
  side.stripe.faults.add({
    path: "^/v1/subscriptions",
    times: 1000,
    effect: { kind: "answer", status: 200, body },
  });
  expect(await rounds(3)).toEqual(["failed", "failed", "failed"]);
  expect(new Set(Object.values(await phases()))).toEqual(new Set(["running"]));
});

test.each([
  ["thousands of characters", randomBytes(3000).toString("hex")],
  ["a character of code zero", "a\u0000b"],
  ["half of a pair of characters", "a\ud800b"],
])(
  "a buyer whose browser writes %s as name and order is served, and nobody's reading fails",
  async (_what, text) => {
    usePlansWithGrace(side);
    side.subscribeAtPaddle("alice");
    const leaving = side.subscribeAtPaddle("bob");
    await side.settle();
    const customData = { slug: text, order: text };
    side.paddle.buy({ priceId: paddlePrices.starter, email: "mallory@example.com", customData });
    await side.settle();
    // Nothing but a full reading hears of this one.
    side.paddle.notifications.dropNext(1);
    side.paddle.life.pause(leaving, "immediately");
    expect(await rounds(2)).toEqual(["complete", "complete"]);
    const served = Object.entries(await phases()).map(([slug, phase]) => [
      slug.replace(/^a-.*/, "a-…"),
      phase,
    ]);
    expect(served).toEqual([
      ["a-…", "running"],
      ["alice", "running"],
      ["bob", "suspended"],
    ]);
  },
);

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

test("a clock that was days behind for one reading makes nobody's late payment older", async () => {
  usePlansWithGrace(side);
  const [bob, amy] = [side.subscribe("bob"), side.subscribe("amy")];
  await side.settle();
  const { sql } = side.database;
  // One that never came up has our outage to its credit.
  await sql`update clawfleet.instances set observed_phase = 'running'`;
  side.stripe.setStatus(bob.id, "past_due");
  await side.settle();
  side.advance(-10 * dayMs);
  side.stripe.setStatus(amy.id, "past_due");
  await side.settle();
  await rounds(1);
  side.advance(10 * dayMs);
  await rounds(1);
  expect(await phases()).toEqual({ amy: "running", bob: "running" });
  const late =
    await sql`select subscription_id as id from clawfleet.ledger where value = 'past_due' order by at`;
  expect(late, "each began once").toEqual([{ id: bob.id }, { id: amy.id }]);
  side.advance(7 * dayMs);
  await rounds(1);
  expect(await phases()).toEqual({ amy: "suspended", bob: "suspended" });
});

test("an older answer, which knew of one assistant only, ends none that is paid for since", async () => {
  const bob = side.subscribe("bob");
  await side.settle();
  const { sql } = side.database;
  const old = await beginReading(sql, side.now());
  const before = await side.billing.readCustomerSubscriptions(bob.customer);
  await setQuantity(side, bob.id, 2);
  await storeReadings(sql, { provider: "stripe", asked: old, readings: before });
  const stored = await sql`select id, status from clawfleet.subscriptions order by id`;
  expect(stored).toEqual([
    { id: bob.id, status: "active" },
    { id: `${bob.id}#2`, status: "active" },
  ]);
});

test("who pays late and moves meanwhile gets no new grace: what the move took, and no more", async () => {
  usePlansWithGrace(side);
  const bob = side.subscribe("bob");
  await side.settle();
  const { sql } = side.database;
  const [row] = await sql<{ id: string }[]>`select id from clawfleet.instances`;
  const id = row?.id ?? "";
  const comeUp = async () => {
    const seen = { generation: 1, phase: "running", outputs: instanceOutputs, now: side.now() } as const;
    await tellReady(sql, id, seen);
  };
  await comeUp();
  side.advance(90 * dayMs);
  side.stripe.setStatus(bob.id, "past_due");
  await side.settle();
  for (const hours of [0.1, 6]) {
    side.advance(3.3 * dayMs);
    await recordMovedOut(sql, id, side.now());
    side.advance(hours * 3_600_000);
    await comeUp();
  }
  side.advance(0.3 * dayMs);
  await rounds(1);
  expect(await phases()).toEqual({ bob: "running" });
  side.advance(0.2 * dayMs);
  await rounds(1);
  expect(await phases()).toEqual({ bob: "suspended" });
});

test("a machine that is up and does not answer stops its customer's clock for two weeks and no longer", async () => {
  usePlansWithGrace(side);
  const bob = side.subscribe("bob");
  await side.settle();
  const { sql } = side.database;
  const [row] = await sql<{ id: string }[]>`
    update clawfleet.instances set observed_phase = 'running' returning id`;
  side.stripe.setStatus(bob.id, "past_due");
  await side.settle();
  await beginOutage(sql, { instanceId: row?.id ?? "", cause: "ill: unanswered", from: side.now() });
  side.advance(20.5 * dayMs);
  await rounds(1);
  expect(await phases()).toEqual({ bob: "running" });
  side.advance(dayMs);
  await rounds(1);
  expect(await phases()).toEqual({ bob: "suspended" });
});
