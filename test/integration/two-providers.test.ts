/**
 * Proves that the full reading asks both providers, and that no failure of one takes anything from customers of either. Real
 * rows, simulated Stripe and Paddle over HTTP, a clock that is moved; no engine.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Fault } from "../sandbox/kit/faults.ts";
import { paddlePrices, startBillingSide, type BillingSide } from "../support/billing.ts";

const dayMs = 86_400_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

const phases = async () =>
  Object.fromEntries((await side.instances()).map(({ slug, phase }) => [slug, phase]));
const votes = async () =>
  Object.fromEntries((await side.instances()).map(({ slug, votes: count }) => [slug, count]));
const answered = (path: string, status: number, body: unknown): Fault => ({
  path,
  times: 1000,
  effect: { kind: "answer", status, body },
});

/** Sweeps that could agree on a deletion, and once more. */
async function sweepThrice(): Promise<string[]> {
  const outcomes: string[] = [];
  for (let round = 0; round < 3; round += 1) {
    side.advance(dayMs);
    outcomes.push((await side.sweep()).outcome);
  }
  return outcomes;
}

test("finds what every lost webhook of either was about", async () => {
  side.stripe.delivery.dropNext(100);
  side.paddle.notifications.dropNext(100);
  side.subscribe("amy");
  side.subscribeAtPaddle("bob");
  side.buyOnce("lea");
  expect(await side.sweep()).toMatchObject({ outcome: "complete", readings: 3, created: 3 });
  expect(await phases()).toEqual({ amy: "running", bob: "running", lea: "running" });
  expect(await side.sweep()).toMatchObject({ readings: 3, created: 0, changed: 0 });
});

test("reads Paddle page by page, however many there are", async () => {
  side.paddle.notifications.dropNext(10_000);
  for (let index = 0; index < 230; index += 1) side.subscribeAtPaddle(`s${index}`);
  for (let index = 0; index < 65; index += 1) side.buyOnce(`once${index}`);
  expect(await side.sweep()).toMatchObject({ outcome: "complete", readings: 295 });
  const asked = side.paddle.exchanges.filter(({ method }) => method === "GET").map(({ path }) => path);
  const times = (path: string) => asked.filter((one) => one === path).length;
  expect([times("/subscriptions"), times("/customers"), times("/transactions")]).toEqual([2, 2, 3]);
});

test("lets a customer of Paddle's go after two complete readings that are apart", async () => {
  const subscription = side.subscribeAtPaddle("bob");
  await side.settle();
  side.paddle.life.cancel(subscription, "immediately");
  await side.settle();
  await side.sweep();
  expect(await votes()).toEqual({ bob: 1 });
  await side.sweep();
  expect(await votes(), "a second reading at once does not count").toEqual({ bob: 1 });
  side.advance(7500);
  await side.sweep();
  expect(await phases()).toEqual({ bob: "gone" });
});

test("what was paid once ends by its plan's rule: suspended, and gone after two readings", async () => {
  side.buyOnce("lea");
  await side.settle();
  side.advance(1824 * dayMs);
  await side.sweep();
  expect(await phases()).toEqual({ lea: "running" });
  side.advance(dayMs);
  await side.sweep();
  expect(await phases()).toEqual({ lea: "suspended" });
  side.advance(dayMs);
  await side.sweep();
  expect(await phases()).toEqual({ lea: "gone" });
});

test("a name that a one-time payment had until it ended is free for the next customer", async () => {
  side.buyOnce("lea");
  await side.settle();
  side.advance(1826 * dayMs);
  await sweepThrice();
  await side.database.sql`update clawfleet.instances set status = 'gone' where slug = 'lea'`;
  side.subscribe("lea");
  await side.settle();
  const [row] = await side.database.sql`
    select slug, provider from clawfleet.instances where status <> 'gone'`;
  expect(row).toEqual({ slug: "lea", provider: "stripe" });
});

describe("while one fails", () => {
  /** One of each who is due, one of each who pays, and their readings of before. */
  async function setUp(): Promise<void> {
    const due = side.subscribe("amy");
    side.subscribe("ann");
    const other = side.subscribeAtPaddle("bob");
    side.subscribeAtPaddle("ben");
    await side.settle();
    side.stripe.cancelSubscription(due.id);
    side.paddle.life.cancel(other, "immediately");
    await side.settle();
  }
  const waiting = { amy: "suspended", ann: "running", bob: "suspended", ben: "running" };

  test.each<[string, Fault]>([
    ["answers with errors", answered("^/(subscriptions|transactions)", 500, "no")],
    ["refuses our key", answered("^/", 403, { error: { code: "invalid_token" } })],
    ["lists nobody", answered("^/(subscriptions|transactions)", 200, emptyPage())],
    ["lists half a page", answered("^/subscriptions", 200, '{"data":[{"id":')],
    ["cannot say what was paid once", answered("^/transactions", 502, "no")],
    ["cannot say who its customers are", answered("^/customers", 502, "no")],
  ])("Paddle %s: its customers stay, those of Stripe who are due go", async (_what, fault) => {
    await setUp();
    side.paddle.faults.add(fault);
    expect(await sweepThrice()).toEqual(["failed", "failed", "failed"]);
    expect(await phases()).toEqual({ ...waiting, amy: "gone" });
    side.paddle.faults.clear();
    await sweepThrice();
    expect(await phases()).toEqual({ ...waiting, amy: "gone", bob: "gone" });
  });

  test("Stripe fails: its customers stay, those of Paddle who are due go", async () => {
    await setUp();
    side.stripe.faults.add(answered("^/v1/subscriptions", 500, { error: { message: "no" } }));
    expect(await sweepThrice()).toEqual(["failed", "failed", "failed"]);
    expect(await phases()).toEqual({ ...waiting, bob: "gone" });
  });

  test("both fail: everybody stays, and the record says what both said", async () => {
    await setUp();
    side.stripe.faults.add(answered("^/v1/subscriptions", 500, { error: { message: "no" } }));
    side.paddle.faults.add(answered("^/subscriptions", 403, { error: { code: "forbidden" } }));
    await sweepThrice();
    expect(await phases()).toEqual(waiting);
    const [last] = await side.database.sql<{ detail: string }[]>`
      select detail from clawfleet.sweeps order by id desc limit 1`;
    expect(last?.detail).toMatch(/Stripe: .*; Paddle: GET \/subscriptions: answered 403 forbidden/);
  });

  test("Paddle's key was taken out of the configuration: nobody of its customers goes", async () => {
    await setUp();
    for (let round = 0; round < 3; round += 1) {
      side.advance(dayMs);
      await side.sweep(undefined, [side.billing]);
    }
    expect(await phases()).toEqual({ ...waiting, amy: "gone" });
  });

  test("a reading that fails after its first page is no vote, and marks nobody as missing", async () => {
    await setUp();
    side.paddle.notifications.dropNext(10_000);
    for (let index = 0; index < 210; index += 1) side.subscribeAtPaddle(`s${index}`);
    await side.sweep();
    expect(await votes()).toMatchObject({ amy: 1, bob: 1 });
    side.paddle.faults.add({
      path: "^/subscriptions.*after=",
      times: 1000,
      effect: { kind: "answer", status: 500, body: "no" },
    });
    await sweepThrice();
    expect(await votes()).toMatchObject({ amy: 2, bob: 1 });
    const missing = await side.database.sql`select id from clawfleet.subscriptions where status = 'missing'`;
    expect(missing).toHaveLength(0);
  });
});

test("a key of another account, which lists other customers, deletes nobody of ours", async () => {
  for (const slug of ["bob", "ben", "bea"]) side.subscribeAtPaddle(slug);
  await side.settle();
  const foreign = { id: paddlePrices.starter, status: "active" };
  side.paddle.faults.add(answered("^/subscriptions", 200, emptyPage([foreign])));
  expect(await sweepThrice()).toEqual(["failed", "failed", "failed"]);
  expect(new Set(Object.values(await phases()))).toEqual(new Set(["running"]));
});

function emptyPage(data: object[] = []): object {
  const pagination = { per_page: 200, next: null, has_more: false, estimated_total: 0 };
  return { data, meta: { request_id: "r", pagination } };
}

test("three licences that are paid for once are three assistants, and end together when the money goes back", async () => {
  const paid = side.paddle.buy({
    priceId: paddlePrices.lifetime,
    email: "zoe@example.com",
    customData: { slug: "zoe" },
    quantity: 3,
  });
  await side.settle();
  await side.sweep();
  expect(await phases()).toMatchObject({ zoe: "running" });
  expect(Object.values(await phases())).toEqual(["running", "running", "running"]);
  side.paddle.adjust(paid.id, "refund");
  await side.settle();
  expect(new Set(Object.values(await phases()))).toEqual(new Set(["suspended"]));
});
