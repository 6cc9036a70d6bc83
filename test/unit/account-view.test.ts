/** Proves what each state of a subscription lets its customer do, and which day it names. That it happens: account.test.ts. */
import { describe, expect, it } from "vitest";
import type { AccountRow } from "../../reconciler/db/account.ts";
import { toAccountView } from "../../reconciler/web/account-view.ts";
import { makePlan } from "../support/instance-inputs.ts";

const day = (of: number) => new Date(Date.UTC(2026, 10, of));
const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
const plans = {
  starter: makePlan({ grace, stripeLookupKey: "starter" }),
  pro: makePlan({ name: "Pro", stripeLookupKey: "pro" }),
  old: makePlan({ offered: false, stripeLookupKey: "old" }),
  lifetime: makePlan({ oneTime: true, stripeLookupKey: undefined, paddlePriceId: "pri_1" }),
};
const row: AccountRow = {
  instanceId: "i1",
  slug: "bob",
  plan: "starter",
  phase: "running",
  gone: false,
  provider: "stripe",
  subscriptionId: "sub_1",
  customerId: "cus_1",
  url: "https://bob.claws.example",
  label: "bob",
  zone: "claws.example",
  status: "active",
  statusSince: day(1),
  createdAt: day(1),
  periodEnd: day(20),
  cancelAt: null,
  endedAt: null,
  trialEnd: null,
  seats: [{ subscriptionId: "sub_1", name: "bob" }],
  quantity: 1,
  paidAgain: 0,
};

function view(change: Partial<AccountRow>) {
  const facts = {
    orderId: "o1",
    row: { ...row, ...change },
    plans,
    priceOf: () => undefined,
    invoices: [],
    now: day(10),
  };
  const { state, until, may, offers } = toAccountView(facts);
  const verbs = Object.entries(may).flatMap(([verb, allowed]) => (allowed ? [verb] : []));
  return { state, until, verbs, offers: offers.map(({ id }) => id) };
}

describe("a customer's subscription", () => {
  it.each([
    [
      "active",
      {},
      {
        state: "paid",
        until: day(20),
        verbs: ["change", "quantity", "cancel", "portal", "address"],
        offers: ["pro"],
      },
    ],
    [
      "trialing",
      { status: "trialing", trialEnd: day(14) },
      {
        state: "trial",
        until: day(14),
        verbs: ["change", "quantity", "cancel", "portal", "address"],
        offers: ["pro"],
      },
    ],
    [
      "canceled at the end of the period",
      { cancelAt: day(20) },
      {
        state: "ending",
        until: day(20),
        verbs: ["change", "quantity", "keep", "portal", "address"],
        offers: ["pro"],
      },
    ],
    [
      "past_due",
      { status: "past_due" },
      { state: "late", until: day(20), verbs: ["cancel", "portal", "address"], offers: ["pro"] },
    ],
    [
      "unpaid",
      { status: "unpaid", phase: "suspended" },
      { state: "stopped", until: null, verbs: ["portal"], offers: ["pro"] },
    ],
    [
      "late, and has no place yet",
      { status: "past_due", zone: null },
      { state: "late", until: day(20), verbs: ["cancel", "portal"], offers: ["pro"] },
    ],
    [
      "canceled",
      { status: "canceled", endedAt: day(5) },
      {
        state: "ended",
        until: new Date(Date.UTC(2026, 11, 5)),
        verbs: ["comeBack", "portal"],
        offers: ["starter", "pro"],
      },
    ],
    [
      "missing",
      { status: "missing" },
      {
        state: "ended",
        until: new Date(Date.UTC(2026, 11, 1)),
        verbs: ["comeBack", "portal"],
        offers: ["starter", "pro"],
      },
    ],
    ["gone", { status: "canceled", gone: true }, { state: "gone", until: null, verbs: [], offers: ["pro"] }],
    ["given away", { provider: "comped" }, { state: "given", until: null, verbs: [], offers: [] }],
    [
      "paid once",
      { provider: "paddle", plan: "lifetime", periodEnd: null },
      { state: "paid", until: null, verbs: ["portal", "address"], offers: [] },
    ],
  ] as const)("that is %s", (_what, change, expected) => {
    expect(view(change)).toEqual(expected);
  });
});
