/**
 * Proves from when a late payment and an end are counted: by no clock that was wrong for a while, and not while a customer was
 * without their assistant through us. Real rows, a simulated Stripe over HTTP, a clock that is moved; no engine.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { recordMovedOut } from "../../reconciler/db/observed.ts";
import { beginOutage } from "../../reconciler/db/outages.ts";
import { tellReady } from "../../reconciler/messages/recorded.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";
import { readPhases, sweepRounds, usePlansWithGrace } from "../support/billing-rounds.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";

const dayMs = 86_400_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

const phases = () => readPhases(side);
const rounds = (count: number) => sweepRounds(side, count);

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
