/**
 * Proves what becomes of who comes back: at the last moment, after the end, or to leave once more. Real rows, simulated
 * Stripe over HTTP, a clock that is moved; no engine: what a converge records is recorded by hand.
 */
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeOld } from "../../reconciler/db/housekeeping.ts";
import { beginHalt, endHalt } from "../../reconciler/db/halt.ts";
import { tellGone } from "../../reconciler/messages/recorded.ts";
import { startBillingSide, starterKey, type BillingSide } from "../support/billing.ts";
import { readPhases, setQuantity, sweepRounds, usePlansWithGrace } from "../support/billing-rounds.ts";

const dayMs = 86_400_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

const phases = () => readPhases(side);
const rounds = (count: number) => sweepRounds(side, count);

function comeBack(slug: string, customer: string) {
  const order = { lookupKey: starterKey, email: `${slug}@example.com`, metadata: { slug } };
  return side.stripe.createPaidSubscription({ ...order, customer });
}

/** Every webhook leads to nothing from now on: what billing says of one customer cannot be read. */
function loseHints(): void {
  const body = { error: { message: "an outage" } };
  const headers = { "stripe-should-retry": "false" };
  side.stripe.faults.add({
    path: "[?&]customer=cus",
    times: 1000,
    effect: { kind: "answer", status: 500, body, headers },
  });
}

test("a further assistant whose payment the last sweep before its end reads is not deleted by that sweep", async () => {
  usePlansWithGrace(side);
  const bob = side.subscribe("bob");
  await side.settle();
  await setQuantity(side, bob.id, 2);
  side.stripe.cancelSubscription(bob.id);
  await side.settle();
  side.advance(8 * dayMs);
  await rounds(3);
  const archived = await side.instances();
  expect(archived.map(({ phase }) => phase)).toEqual(["archived", "archived"]);
  side.advance(30 * dayMs);
  await rounds(1);
  expect((await side.instances()).map(({ votes }) => votes)).toEqual([1, 1]);
  loseHints();
  const again = comeBack("bob", bob.customer);
  const item = side.stripe.subscriptions().find(({ id }) => id === again.id)?.items.data[0];
  if (item) item.quantity = 2;
  await rounds(1);
  const { sql } = side.database;
  const wanted = await sql<{ value: string }[]>`select value from clawfleet.ledger where kind = 'wanted'`;
  expect(wanted.map(({ value }) => value)).not.toContain("gone");
  const back = archived.map(({ slug }) => [slug, "running"]);
  expect(await phases()).toEqual(Object.fromEntries(back));
});

test("who came back and leaves once more is archived by readings of this end, within the cap", async () => {
  usePlansWithGrace(side);
  const gone = [side.subscribe("amy"), side.subscribe("bob")];
  await side.settle();
  for (const { id } of gone) side.stripe.cancelSubscription(id);
  await side.settle();
  side.advance(8 * dayMs);
  await rounds(3);
  expect(await phases()).toEqual({ amy: "archived", bob: "archived" });
  const back = ["amy", "bob"].map((slug, index) => comeBack(slug, gone[index]?.customer ?? ""));
  await side.settle();
  expect(await side.instances()).toMatchObject([
    { phase: "running", votes: 0 },
    { phase: "running", votes: 0 },
  ]);
  await beginHalt(side.database.sql, { by: "op", reason: null, since: side.now() });
  for (const { id } of back) side.stripe.cancelSubscription(id);
  await side.settle();
  side.advance(10 * dayMs);
  await rounds(3);
  await endHalt(side.database.sql);
  const archived = async () => Object.values(await phases()).filter((phase) => phase === "archived").length;
  const seen: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    side.advance(10_000);
    await side.sweep({ count: 1, share: 1 });
    seen.push(await archived());
  }
  expect(seen).toEqual([0, 1, 2]);
});

test("a vote from before a halt is taken back in it, when what it was about is not true any more", async () => {
  usePlansWithGrace(side);
  const bob = side.subscribe("bob");
  await side.settle();
  side.stripe.cancelSubscription(bob.id);
  await side.settle();
  side.advance(8 * dayMs);
  await rounds(1);
  expect(await side.instances()).toMatchObject([{ slug: "bob", votes: 1 }]);
  await beginHalt(side.database.sql, { by: "op", reason: null, since: side.now() });
  const again = comeBack("bob", bob.customer);
  side.stripe.setStatus(again.id, "unpaid");
  await side.settle();
  await rounds(1);
  expect(await side.instances()).toMatchObject([{ slug: "bob", phase: "suspended", votes: 0 }]);
});

test("a further assistant that is paid for again after it was gone has its letters again", async () => {
  const bob = side.subscribe("bob");
  await side.settle();
  await setQuantity(side, bob.id, 2);
  await setQuantity(side, bob.id, 1);
  await rounds(3);
  const { sql } = side.database;
  const [gone] = await sql<{ id: string }[]>`select id from clawfleet.instances where phase = 'gone'`;
  await tellGone(sql, gone?.id ?? "", side.now());
  const forgotten = await sql`select email from clawfleet.subscriptions where id like '%#2'`;
  expect(forgotten).toEqual([{ email: null }]);
  await rounds(1);
  expect(await sql`select email from clawfleet.subscriptions where id like '%#2'`).toEqual(forgotten);
  await setQuantity(side, bob.id, 2);
  const living = await sql<{ email: string }[]>`
    select email from clawfleet.instances where status <> 'gone'`;
  expect(living).toEqual([{ email: "bob@example.com" }, { email: "bob@example.com" }]);
  const paid = await sql`
    select 1 from clawfleet.outbox o join clawfleet.instances i on i.id = o.subject
    where o.occasion = 'paid' and o.recipient = 'bob@example.com' and i.status <> 'gone'`;
  expect(paid).toHaveLength(2);
});

test("who never finished paying is forgotten after a month, and who has an assistant is not", async () => {
  usePlansWithGrace(side);
  side.subscribe("bob");
  const amy = side.subscribe("amy");
  side.stripe.setStatus(amy.id, "incomplete_expired");
  await side.settle();
  const { sql } = side.database;
  await sql`delete from clawfleet.instances where slug = 'amy'`;
  const emails = async () => {
    await removeOld(sql, side.now());
    return await sql`select slug, email from clawfleet.subscriptions order by slug`;
  };
  const bob = { slug: "bob", email: "bob@example.com" };
  side.advance(29 * dayMs);
  expect(await emails()).toEqual([{ slug: "amy", email: "amy@example.com" }, bob]);
  side.advance(2 * dayMs);
  expect(await emails()).toEqual([{ slug: "amy", email: null }, bob]);
});
