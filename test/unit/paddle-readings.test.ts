/**
 * Proves by table what we make of Paddle's objects: statuses, ends that lie ahead or behind, payments of what is paid once,
 * refunds, prices. Cannot prove that Paddle shows them so.
 */
import { describe, expect, it, test } from "vitest";
import { planSchema } from "../../infra/plans.ts";
import {
  priceSchema,
  subscriptionSchema,
  toOneTimeReading,
  toPrice,
  toReading,
  transactionSchema,
} from "../../reconciler/billing/paddle-objects.ts";
import { decidePhase } from "../../reconciler/desired/phases.ts";

const subscription = {
  id: "sub_01h04vsc0qhwtsbsxh3422wjs4",
  status: "active",
  customer_id: "ctm_01grnn4zta5a1mf02jjze7y2ys",
  created_at: "2026-10-12T07:20:50.123456Z",
  canceled_at: null,
  next_billed_at: "2026-12-12T07:20:50.52Z",
  current_billing_period: { starts_at: "2026-11-12T07:20:50.52Z", ends_at: "2026-12-12T07:20:50.52Z" },
  scheduled_change: null,
  custom_data: { slug: "bob", order: "order-1-of-a-customer" },
  items: [
    { status: "active", quantity: 1, price: { id: "pri_01gsz8x8sawmvhz1pv30nge1ke", name: "Monthly" } },
    { status: "active", quantity: 2, price: { id: "pri_01h1vjfevh5etwq3rb416a23h2", name: "Add-on" } },
  ],
};
const read = (change: object = {}) =>
  toReading(subscriptionSchema.parse({ ...subscription, ...change }), "bob@example.com");

it("reads a subscription whole", () => {
  expect(read()).toEqual({
    id: "sub_01h04vsc0qhwtsbsxh3422wjs4",
    customerId: "ctm_01grnn4zta5a1mf02jjze7y2ys",
    email: "bob@example.com",
    slug: "bob",
    orderId: "order-1-of-a-customer",
    priceKeys: ["pri_01gsz8x8sawmvhz1pv30nge1ke", "pri_01h1vjfevh5etwq3rb416a23h2"],
    status: "active",
    createdAt: new Date("2026-10-12T07:20:50.123Z"),
    periodEnd: new Date("2026-12-12T07:20:50.52Z"),
    cancelAt: null,
    endedAt: null,
    trialEnd: null,
  });
});

describe("each status of Paddle's", () => {
  const { grace } = planSchema.parse({
    name: "Starter",
    summary: "One",
    paddlePriceId: "pri_01gsz8x8sawmvhz1pv30nge1ke",
    serverTypes: ["cx23"],
    locations: ["nbg1"],
    grace: { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 },
  });
  const since = new Date("2026-11-01T00:00:00Z");
  test.each([
    ["trialing", "running", "running"],
    ["active", "running", "running"],
    ["past_due", "running", "suspended"],
    ["paused", "suspended", "suspended"],
    ["canceled", "suspended", "gone"],
    ["something new", null, null],
  ])("%s: %s at once, %s after 40 days", (status, atOnce, later) => {
    const reading = read({ status });
    const after = (days: number) => new Date(since.getTime() + days * 86_400_000);
    expect(reading.status).toBe(status);
    expect(decidePhase(reading.status, { since, now: after(0) }, grace).phase).toBe(atOnce);
    expect(decidePhase(reading.status, { since, now: after(40) }, grace).phase).toBe(later);
  });
});

describe("the end of a subscription", () => {
  const effective_at = "2026-12-12T07:20:50.52Z";
  const at = new Date(effective_at);
  it.each<[string, object, object]>([
    [
      "asked for at the end of the period lies ahead, and it is active until then",
      { scheduled_change: { action: "cancel", effective_at, resume_at: null } },
      { status: "active", cancelAt: at, endedAt: null },
    ],
    [
      "is not a pause that lies ahead",
      { scheduled_change: { action: "pause", effective_at, resume_at: null } },
      { status: "active", cancelAt: null },
    ],
    [
      "is not a resumption that lies ahead",
      { status: "paused", scheduled_change: { action: "resume", effective_at, resume_at: null } },
      { status: "paused", cancelAt: null },
    ],
    [
      "was when Paddle says so",
      { status: "canceled", canceled_at: effective_at, current_billing_period: null, next_billed_at: null },
      { status: "canceled", endedAt: at, periodEnd: null },
    ],
    ["is not what an active one says of it", { canceled_at: effective_at }, { endedAt: null }],
  ])("%s", (_what, change, expected) => {
    expect(read(change)).toMatchObject(expected);
  });
});

it.each<[string, unknown]>([
  ["none", null],
  ["of others", { utm_source: "newsletter" }],
  ["of another kind", { slug: 7, order: { id: "x" } }],
  ["that are a list", ["bob"]],
  ["that are a text", "bob"],
])("custom data %s name nobody, and stop nothing", (_what, custom_data) => {
  expect(read({ custom_data })).toMatchObject({ slug: null, orderId: null });
});

it.each(["canceled_at", "items", "customer_id", "created_at", "scheduled_change"])(
  "a subscription without %s is not guessed at",
  (name) => {
    const { [name]: _left, ...rest } = subscription as Record<string, unknown>;
    expect(subscriptionSchema.safeParse(rest).success).toBe(false);
  },
);

const once = { id: "pri_01onetime00000000000000000", billing_cycle: null };
const monthly = {
  id: "pri_01gsz8x8sawmvhz1pv30nge1ke",
  billing_cycle: { interval: "month", frequency: 1 },
};
const transaction = {
  id: "txn_01h04vsbhqc62t8hmd4z3b578c",
  status: "completed",
  customer_id: "ctm_01grnn4zta5a1mf02jjze7y2ys",
  subscription_id: null,
  created_at: "2026-10-12T07:20:50Z",
  billed_at: "2026-10-12T07:30:00Z",
  custom_data: { slug: "lea", order: "order-2-of-a-customer" },
  items: [{ quantity: 1, price: once }],
  details: { totals: { subtotal: "41000", tax: "8900", total: "49900", grand_total: "49900" } },
  checkout: { url: "https://pay.example.com/?_ptxn=txn_01h04vsbhqc62t8hmd4z3b578c" },
  customer: { email: "lea@example.com" },
  adjustments: [],
};
const readOnce = (change: object = {}) =>
  toOneTimeReading(transactionSchema.parse({ ...transaction, ...change }));

describe("a payment of what is paid once", () => {
  it("is read as a subscription that goes on, from when it was paid", () => {
    expect(readOnce()).toEqual({
      id: "txn_01h04vsbhqc62t8hmd4z3b578c",
      customerId: "ctm_01grnn4zta5a1mf02jjze7y2ys",
      email: "lea@example.com",
      slug: "lea",
      orderId: "order-2-of-a-customer",
      priceKeys: ["pri_01onetime00000000000000000"],
      status: "active",
      createdAt: new Date("2026-10-12T07:30:00Z"),
      periodEnd: null,
      cancelAt: null,
      endedAt: null,
    });
  });

  it.each<[string, object]>([
    ["not completed yet", { status: "paid" }],
    ["a draft", { status: "draft", customer_id: null }],
    ["canceled", { status: "canceled" }],
    ["of a subscription", { subscription_id: "sub_01h04vsc0qhwtsbsxh3422wjs4" }],
    ["of something recurring, whose subscription is not made yet", { items: [{ price: monthly }] }],
    ["of both", { items: [{ price: once }, { price: monthly }] }],
  ])("is not one that is %s", (_what, change) => {
    expect(readOnce(change)).toBeUndefined();
  });

  const adjustment = (action: string, total: string, status = "approved", day = "15") => ({
    id: `adj_${action}`,
    action,
    status,
    created_at: `2026-11-${day}T00:00:00Z`,
    totals: { subtotal: total, tax: "0", total },
  });
  const ended = { status: "canceled", endedAt: new Date("2026-11-15T00:00:00Z") };
  const goesOn = { status: "active", endedAt: null };
  it.each<[string, object[], object]>([
    ["ends by a refund of all of it", [adjustment("refund", "49900")], ended],
    ["goes on after a refund of a part", [adjustment("refund", "49899")], goesOn],
    [
      "ends when two parts make the whole",
      [adjustment("refund", "20000", "approved", "10"), adjustment("refund", "29900")],
      ended,
    ],
    ["goes on while a refund waits", [adjustment("refund", "49900", "pending_approval")], goesOn],
    ["goes on after a refund was refused", [adjustment("refund", "49900", "rejected")], goesOn],
    ["ends when the bank takes the money back", [adjustment("chargeback", "49900")], ended],
    [
      "goes on when the bank gave it back again",
      [adjustment("chargeback", "49900"), adjustment("chargeback_reverse", "49900")],
      goesOn,
    ],
    ["goes on after a credit", [adjustment("credit", "49900")], goesOn],
    ["goes on after a warning of the bank's", [adjustment("chargeback_warning", "49900")], goesOn],
  ])("%s", (_what, adjustments, expected) => {
    expect(readOnce({ adjustments })).toMatchObject(expected);
  });

  it("that was free goes on, though nothing is left of its money", () => {
    const details = { totals: { subtotal: "0", tax: "0", total: "0", grand_total: "0" } };
    expect(readOnce({ details })).toMatchObject(goesOn);
  });
});

it.each<[string, object, object]>([
  ["monthly", {}, { unitAmount: 2900, currency: "eur", interval: "month", intervalCount: 1, trialDays: 0 }],
  ["paid once", { billing_cycle: null }, { interval: null }],
  ["with a trial of two weeks", { trial_period: { interval: "week", frequency: 2 } }, { trialDays: 14 }],
  ["of an amount that is none", { unit_price: { amount: "x", currency_code: "EUR" } }, { unitAmount: null }],
])("a price %s", (_what, change, expected) => {
  const price = {
    id: monthly.id,
    unit_price: { amount: "2900", currency_code: "EUR" },
    billing_cycle: monthly.billing_cycle,
    trial_period: null,
  };
  expect(toPrice(priceSchema.parse({ ...price, ...change }))).toMatchObject({
    lookupKey: monthly.id,
    id: monthly.id,
    ...expected,
  });
});
