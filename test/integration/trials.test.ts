/**
 * Proves that a trial ends later by what our outages took from it, at the provider itself, once and not again and again. What the
 * provider charges then is its own business.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordMovedOut } from "../../reconciler/db/observed.ts";
import { tellReady } from "../../reconciler/messages/recorded.ts";
import { startBillingSide, starterKey, type BillingSide } from "../support/billing.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";

const hour = 3_600_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

async function begin(name: string): Promise<() => number> {
  const metadata = { slug: "bob" };
  if (name === "stripe") {
    const order = { lookupKey: starterKey, email: "bob@example.com", metadata, trialDays: 7 };
    const { id } = side.stripe.createPaidSubscription(order);
    await side.settle();
    return () => Number(side.stripe.subscriptions().find((one) => one.id === id)?.["trial_end"]) * 1000;
  }
  const priceId = "pri_01jsandboxstarter000000000";
  const cycle = { interval: "month", frequency: 1 };
  side.paddle.seedPrice({
    id: priceId,
    name: "starter",
    unitAmount: 2900,
    cycle,
    trial: { interval: "day", frequency: 7 },
  });
  const bought = side.paddle.buy({ priceId, email: "bob@example.com", customData: metadata });
  await side.settle();
  return () => Date.parse(side.paddle.subscription(bought.subscription_id ?? "").next_billed_at ?? "");
}

async function findId(): Promise<string> {
  const [row] = await side.apply.sql<{ id: string }[]>`select id from clawfleet.instances where slug = 'bob'`;
  return row?.id ?? "";
}

async function comeUp(): Promise<void> {
  const seen = { generation: 1, phase: "running", outputs: instanceOutputs, now: side.now() } as const;
  await tellReady(side.apply.sql, await findId(), seen);
}

const hours = (ms: number) => Math.round(ms / hour);

describe.each(["stripe", "paddle"])("a trial at %s", (name) => {
  test("waits while the assistant is not up, and goes on when it is", async () => {
    const trialEnd = await begin(name);
    const sold = trialEnd();
    await side.sweep();
    expect(trialEnd()).toBe(sold);
    side.advance(5 * hour);
    await side.sweep();
    expect(hours(trialEnd() - sold)).toBe(5);
    await side.sweep();
    side.advance(3 * hour);
    await comeUp();
    await side.sweep();
    expect(hours(trialEnd() - sold)).toBe(8);
    side.advance(20 * hour);
    await side.sweep();
    await side.sweep();
    expect(hours(trialEnd() - sold)).toBe(8);
  });

  test("gets back of a move what the move took, while it lasts and afterwards, and of a short one nothing", async () => {
    const trialEnd = await begin(name);
    const sold = trialEnd();
    await comeUp();
    for (const { minutes, given } of [
      { minutes: 5, given: 0 },
      { minutes: 120, given: 2 },
    ]) {
      side.advance(48 * hour);
      await recordMovedOut(side.apply.sql, await findId(), side.now());
      await side.sweep();
      expect(trialEnd()).toBe(sold);
      side.advance(minutes * 60_000);
      await side.sweep();
      expect(hours(trialEnd() - sold)).toBe(given);
      await comeUp();
      await side.sweep();
      expect(hours(trialEnd() - sold)).toBe(given);
    }
  });

  test("that the operator has made longer by more stays as it is", async () => {
    const trialEnd = await begin(name);
    const sold = trialEnd();
    const provider = name === "stripe" ? side.billing : side.paddleBilling;
    const [row] = await side.apply.sql<{ id: string }[]>`select id from clawfleet.subscriptions`;
    await provider.desk.extendTrial({ subscriptionId: row?.id ?? "", until: new Date(sold + 100 * hour) });
    side.advance(5 * hour);
    await side.sweep();
    expect(hours(trialEnd() - sold)).toBe(100);
  });
});

test("a provider that cannot be asked is asked with the next sweep; the sweep itself is whole", async () => {
  const trialEnd = await begin("stripe");
  const sold = trialEnd();
  side.advance(5 * hour);
  const refusal = { kind: "answer", status: 400, body: { error: { message: "no" } } } as const;
  side.stripe.faults.add({ method: "POST", path: "^/v1/subscriptions/", effect: refusal });
  expect((await side.sweep()).outcome).toBe("complete");
  expect([trialEnd(), side.alerts]).toEqual([sold, ["trial_not_extended"]]);
  await side.sweep();
  expect(hours(trialEnd() - sold)).toBe(5);
});
