/**
 * Proves how it ends for who left: in steps, each of which is told, whatever was late or halted before, under a price that
 * nobody knows any more too; and what becomes of who pays meanwhile, or twice, or gets nothing for it. Real rows, simulated
 * Stripe over HTTP, a clock that is moved; no engine: what a converge records is recorded by hand.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { beginHalt, endHalt } from "../../reconciler/db/halt.ts";
import { recordBlocked } from "../../reconciler/db/blocks.ts";
import { closeCellsExcept } from "../../reconciler/db/cells.ts";
import { recordWaiting } from "../../reconciler/db/observed.ts";
import { createAlerts } from "../../reconciler/messages/alerts.ts";
import { tellGone, tellLate } from "../../reconciler/messages/recorded.ts";
import { createRedact } from "../../reconciler/operations/redact.ts";
import { startBillingSide, starterKey, unknownKey, type BillingSide } from "../support/billing.ts";
import {
  readLetters,
  readPhases,
  stripeSdk,
  sweepRounds,
  usePlansWithGrace,
} from "../support/billing-rounds.ts";

const dayMs = 86_400_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

const phases = () => readPhases(side);
const rounds = (count: number, providers?: BillingProvider[]) => sweepRounds(side, count, providers);

function alertsThat(onAlert: (kind: string) => void) {
  const { sql, clock, log } = side.apply;
  return createAlerts({ sql, clock, log, redact: createRedact([]), onAlert });
}

describe("somebody who left long ago, and whom nothing could be taken from meanwhile", () => {
  async function leaveDuringHalt(): Promise<void> {
    usePlansWithGrace(side);
    const bob = side.subscribe("bob");
    await side.settle();
    // One that never came up has our outage to its credit.
    await side.database.sql`update clawfleet.instances set observed_phase = 'running'`;
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
    const [letter] = await side.database.sql<{ facts: { deleteAt: string } }[]>`
      select facts from clawfleet.outbox where occasion = 'suspended'`;
    const aheadMs = Date.parse(letter?.facts.deleteAt ?? "") - side.now().getTime();
    expect(Math.round(aheadMs / dayMs), "it is not said to be due already").toBe(7);
    await rounds(3);
    expect(await phases()).toEqual({ bob: "archived" });
    expect(await readLetters(side)).toEqual(expect.arrayContaining(["suspended", "deletion_warning"]));
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
    usePlansWithGrace(side);
    const bob = side.subscribe("bob");
    await side.settle();
    const old = await stripeSdk(side).prices.list({ lookup_keys: [unknownKey] });
    const item = (await stripeSdk(side).subscriptions.retrieve(bob.id)).items.data[0]?.id ?? "";
    await stripeSdk(side).subscriptions.update(bob.id, {
      items: [{ id: item, price: old.data[0]?.id ?? "" }],
    });
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
  expect(await readLetters(side)).not.toContain("deleted");
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

test("who pays while we cannot read billing is not suspended for it; who is late still is when we can again", async () => {
  usePlansWithGrace(side);
  const [bob, amy] = [side.subscribe("bob"), side.subscribe("amy")];
  await side.settle();
  // One that never came up has our outage to its credit.
  await side.database.sql`update clawfleet.instances set observed_phase = 'running'`;
  for (const { id } of [bob, amy]) side.stripe.setStatus(id, "past_due");
  await side.settle();
  await rounds(1);
  side.stripe.delivery.dropNext(100);
  side.stripe.setStatus(bob.id, "active");
  const error = { type: "invalid_request_error", message: "Expired API Key provided" };
  const effect = { kind: "answer", status: 401, body: { error } } as const;
  side.stripe.faults.add({ path: "^/v1/subscriptions", times: 10_000, effect });
  for (let day = 1; day <= 8; day += 1) {
    side.advance(dayMs);
    expect(await rounds(1)).toEqual(["failed"]);
  }
  expect(await phases()).toEqual({ amy: "running", bob: "running" });
  expect(await readLetters(side)).not.toContain("suspended");
  side.stripe.faults.clear();
  expect(await rounds(1)).toEqual(["complete"]);
  expect(await phases()).toEqual({ amy: "suspended", bob: "running" });
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
  const counted: string[] = [];
  const alerts = alertsThat((kind) => void counted.push(kind));
  await tellLate({ sql, alerts }, side.now());
  expect(await sql`select 1 from clawfleet.alerts where kind = 'late'`).toHaveLength(0);
  side.advance(61 * 60_000);
  for (let round = 0; round < 3; round += 1) await tellLate({ sql, alerts }, side.now());
  const told = await sql`
    select about, occurrences::int as occurrences, message from clawfleet.alerts where kind = 'late' order by about`;
  const message = expect.stringContaining("no capacity at Hetzner");
  expect(told).toEqual([
    { about: "amy", occurrences: 1, message },
    { about: "bob", occurrences: 1, message },
  ]);
  expect(counted).toEqual(["late", "late"]);
  expect((await readLetters(side)).filter((occasion) => occasion === "failed")).toHaveLength(1);
});

test("who has paid and waits for a limit, a cloud or a cell is told of it too, and so are operators", async () => {
  const { sql } = side.database;
  const alerts = alertsThat(() => undefined);
  side.subscribe("bob");
  await side.settle();
  const [bob] = await sql<{ id: string }[]>`select id from clawfleet.instances`;
  const limit = { blockedBy: "hetzner-limit", scope: "eu", detail: "server_limit" } as const;
  await recordBlocked(
    sql,
    { kind: "instance", id: bob?.id ?? "" },
    { ...limit, reason: "paid", now: side.now() },
  );
  await closeCellsExcept(sql, []);
  side.subscribe("amy");
  await side.settle();
  await tellLate({ sql, alerts }, side.now());
  expect(await readLetters(side)).toEqual(["paid", "paid"]);
  side.advance(61 * 60_000);
  for (let round = 0; round < 3; round += 1) await tellLate({ sql, alerts }, side.now());
  const told = await sql`select about, message from clawfleet.alerts where kind = 'late' order by about`;
  expect(told).toEqual([
    { about: "amy", message: expect.stringContaining("no cell") },
    { about: "bob", message: "bob has not come up: server_limit" },
  ]);
  expect(await readLetters(side)).toEqual(["paid", "paid", "failed", "failed"]);
});
