/**
 * Proves how a fleet comes to another account of its provider, or from test money to real money: the old key is not taken any
 * more, the new one is, and nobody is taken away by it before two full readings and a week. Real rows, simulated Stripes over
 * HTTP, the real operators; no engine. That a key without a move is refused: billing-safety.test.ts.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { keepToOwnAccount } from "../../reconciler/billing/own-account.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { createBillingOperators } from "../../reconciler/operators/billing.ts";
import { startStripe, type StripeSimulator } from "../sandbox/stripe/stripe.ts";
import { startBillingSide, starterKey, type BillingSide } from "../support/billing.ts";
import { readPhases, sweepRounds, usePlansWithGrace } from "../support/billing-rounds.ts";

const dayMs = 86_400_000;

let side: BillingSide;
let other: StripeSimulator;
beforeEach(async () => {
  side = await startBillingSide();
  usePlansWithGrace(side);
  other = await startStripe();
  other.seedPrice({ lookupKey: starterKey, name: "s", unitAmount: 100 });
});
afterEach(async () => {
  await other.close();
  await side.close();
});

const phases = () => readPhases(side);
const rounds = (count: number, provider: BillingProvider) => sweepRounds(side, count, [provider]);
const own = () => ({ sql: side.database.sql, clock: { now: () => side.now() } });
const move = (provider = "stripe") => createBillingOperators(own()).moveBilling({ provider });

/** As a process that is started now. */
function startWith(stripe: StripeSimulator, livemode = false): BillingProvider {
  const settings = { secretKey: stripe.key, webhookSecrets: [], apiUrl: stripe.origin };
  return keepToOwnAccount(own(), { ...createStripeBilling(settings), livemode });
}

function subscribeThere(slug: string, customer?: string) {
  const order = { lookupKey: starterKey, email: `${slug}@example.com`, metadata: { slug } };
  other.createPaidSubscription(customer === undefined ? order : { ...order, customer });
}

test("customers of the account before run on for a week; who is billed by the new one stays, the others end like any other", async () => {
  side.subscribe("amy");
  const bob = side.subscribe("bob");
  await side.settle();
  await rounds(2, side.billing);
  await move();
  side.advance(5000);
  // Stripe's copy of customers to another account keeps their ids.
  subscribeThere("bob", bob.customer);
  subscribeThere("zoe");
  const there = startWith(other);
  expect(await rounds(4, there)).toEqual(["complete", "complete", "complete", "complete"]);
  expect(await phases()).toEqual({ amy: "running", bob: "running", zoe: "running" });
  side.advance(6 * dayMs);
  await rounds(2, there);
  expect((await phases())["amy"]).toBe("running");
  side.advance(dayMs);
  expect(await rounds(2, there)).toEqual(["complete", "complete"]);
  expect(await phases()).toEqual({ amy: "suspended", bob: "running", zoe: "running" });
  side.advance(8 * dayMs);
  await rounds(3, there);
  expect(await phases()).toEqual({ amy: "archived", bob: "running", zoe: "running" });
});

test("from test money to real money, as the handbook has it", async () => {
  side.subscribe("first");
  await side.settle();
  await rounds(1, side.billing);
  subscribeThere("alice");
  expect(await rounds(1, startWith(other, true)), "without a move").toEqual(["failed"]);
  await move();
  side.advance(5000);
  expect(await rounds(2, startWith(other, true))).toEqual(["complete", "complete"]);
  expect(await phases()).toEqual({ alice: "running", first: "running" });
  expect(await rounds(1, startWith(side.stripe)), "the test key is foreign now").toEqual(["failed"]);
});

test("the key of the account that was left is not taken, by a process that runs on or by one that was restarted", async () => {
  side.subscribe("bob");
  await side.settle();
  await rounds(1, side.billing);
  await move();
  expect(await rounds(1, side.billing), "it runs on").toEqual(["failed"]);
  side.advance(5000);
  const restarted = startWith(side.stripe);
  expect(await rounds(1, restarted)).toEqual(["failed"]);
  await expect(restarted.readCustomerSubscriptions("cus_1")).rejects.toThrow(/has left/);
  await move();
  side.advance(5000);
  expect(await rounds(1, startWith(side.stripe)), "a second move takes the first one back").toEqual([
    "complete",
  ]);
  expect(await phases()).toEqual({ bob: "running" });
});

test("votes and lateness that the account before led to count for nothing", async () => {
  const [amy, bob] = [side.subscribe("amy"), side.subscribe("bob")];
  await side.settle();
  side.stripe.cancelSubscription(amy.id);
  side.stripe.setStatus(bob.id, "past_due");
  await side.settle();
  side.advance(6.5 * dayMs);
  await rounds(1, side.billing);
  side.advance(0.6 * dayMs - 20_000);
  await move();
  expect(await side.instances()).toMatchObject([{ votes: 0 }, { votes: 0 }]);
  side.advance(dayMs);
  subscribeThere("zoe");
  await rounds(1, startWith(other));
  expect(await phases()).toEqual({ amy: "suspended", bob: "running", zoe: "running" });
});

test("a provider that never billed anybody has nothing to leave", async () => {
  await expect(move("paddle")).rejects.toMatchObject({ code: "not_found" });
});
