/** Proves that a full reading of billing repairs what webhooks lost, and how carefully it leads to deletions. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  beginReading,
  listNamelessCustomers,
  markAbsent,
  storePage,
  touchMissing,
} from "../../reconciler/db/subscriptions.ts";
import { toJson } from "../../reconciler/db/json.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startBillingSide, starterKey, type BillingSide } from "../support/billing.ts";

const dayMs = 86_400_000;

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

describe("sweep", () => {
  test("finds what every lost webhook was about", async () => {
    side.stripe.delivery.dropNext(100);
    for (const slug of ["amy", "bob", "cleo"]) side.subscribe(slug);
    expect(await side.instances()).toEqual([]);
    expect(await side.sweep()).toMatchObject({ outcome: "complete", readings: 3, created: 3 });
    expect((await side.instances()).map(({ slug }) => slug)).toEqual(["amy", "bob", "cleo"]);
    expect(await side.sweep()).toMatchObject({ created: 0, changed: 0 });
  });

  test("finds a job that was lost, as urgent as it was, and queues nothing for what waits or is held", async () => {
    for (const slug of ["amy", "bob", "cleo"]) side.subscribe(slug);
    await side.settle();
    const { sql } = side.database;
    await sql`delete from pgboss.job`;
    await sql`update clawfleet.instances set retry_reason = 'paid' where slug = 'amy'`;
    await sql`update clawfleet.instances set status = 'parked' where slug = 'bob'`;
    await sql`update clawfleet.instances set override = '{"hold": true}' where slug = 'cleo'`;
    await side.sweep();
    const jobs = await sql`
      select data ->> 'stack' as stack, data ->> 'reason' as reason from pgboss.job where name = 'converge'`;
    expect(jobs).toMatchObject([{ stack: "amy", reason: "paid" }]);
    await side.sweep();
    expect(await side.waitingConverges()).toHaveLength(1);
  });

  test("tries once a day whether a server can follow its plan by now, where that stops nothing", async () => {
    for (const slug of ["amy", "bob"]) side.subscribe(slug);
    await side.settle();
    const { sql } = side.database;
    await sql`
      update clawfleet.instances set status = 'ready', observed_generation = generation, observed_phase = phase`;
    await sql`update clawfleet.instances set misfit_plan = plan, misfit_again = slug = 'bob'`;
    await sql`
      insert into clawfleet.operations (stack, instance_id, kind, reason, actor, generation, worker, started_at)
      select slug, id, 'up', 'paid', 'test', generation, 'test', ${side.now()} from clawfleet.instances`;
    await sql`delete from pgboss.job`;
    await side.sweep();
    expect(await side.waitingConverges()).toEqual([]);
    side.advance(25 * 3_600_000);
    await side.sweep();
    expect(await side.waitingConverges()).toEqual(["bob"]);
  });

  test("decides about customers without names many at a time, and not about those who left and have nothing", async () => {
    side.stripe.delivery.dropNext(1000);
    const order = { lookupKey: starterKey, metadata: {} };
    const customers = Array.from({ length: 6 }, (_, nr) =>
      side.stripe.createPaidSubscription({ ...order, email: `c${nr}@example.com` }),
    );
    const seats = customers[0]?.items.data[0];
    if (seats) seats.quantity = 3;
    let decisions = 0;
    side.apply.files = () => {
      decisions += 1;
      return readStackFiles(sandboxStacks);
    };
    expect(await side.sweep()).toMatchObject({ created: 8, changed: 0 });
    expect(decisions, "one for the customers, two for the page of names").toBeLessThanOrEqual(3);
    const names = (await side.instances()).map(({ slug }) => slug);
    expect(new Set(names).size).toBe(8);
    expect(await side.sweep()).toMatchObject({ created: 0, changed: 0 });

    const { sql } = side.database;
    const listed = async () =>
      (await listNamelessCustomers(sql, { provider: "", customerId: "" }, 500)).map(
        ({ customerId }) => customerId,
      );
    const [left, ...others] = customers.map(({ customer }) => customer).toSorted();
    expect(await listed()).toEqual([left, ...others]);
    expect(await listNamelessCustomers(sql, { provider: "stripe", customerId: left ?? "" }, 2)).toHaveLength(
      2,
    );
    await sql`update clawfleet.subscriptions set status = 'canceled' where customer_id = ${left ?? ""}`;
    expect(await listed(), "there is something to end").toHaveLength(6);
    await sql`update clawfleet.instances set status = 'gone', private_ip = null where customer_id = ${left ?? ""}`;
    expect(await listed()).toEqual(others);
  });

  test("two at once wait for each other, never in a circle", async () => {
    const { sql } = side.database;
    const at = side.now();
    const ids = Array.from({ length: 200 }, (_, nr) => `sub_${String(nr).padStart(3, "0")}`);
    const readings = toJson(
      ids.map((id) => ({ id, customerId: "cus", priceKeys: [], status: "active", createdAt: at })),
    );
    // In no order on the disk: that is the one in which an update takes them.
    for (const id of ids.toReversed())
      await sql`
        insert into clawfleet.subscriptions (provider, id, customer_id, price_keys, status, status_since, created_at, read_at, read_order)
        values ('stripe', ${id}, 'cus', '{}', 'missing', ${at}, ${at}, ${at}, 0)`;
    const sweepOnce = async (sweepId: number) => {
      const pass = { provider: "stripe", sweepId, asked: await beginReading(sql, at) };
      await storePage(sql, { ...pass, ids, readings });
      await markAbsent(sql, { ...pass, sweepId: -1, asked: await beginReading(sql, at) }, 0);
      await touchMissing(sql, { ...pass, sweepId: -1, asked: await beginReading(sql, at) });
    };
    for (let round = 0; round < 15; round += 1)
      await Promise.all([1, 2, 3].map((nr) => sweepOnce(10 * round + nr)));
    expect(await sql`select distinct status from clawfleet.subscriptions`).toHaveLength(1);
  });

  test("lets an instance go only after two complete readings that are apart", async () => {
    const subscription = side.subscribe("bob");
    await side.settle();
    side.stripe.cancelSubscription(subscription.id);
    await side.settle();
    expect((await side.instances())[0]).toMatchObject({ phase: "suspended", votes: 0 });
    await side.sweep();
    expect((await side.instances())[0]).toMatchObject({ phase: "suspended", votes: 1 });
    await side.sweep();
    expect((await side.instances())[0], "a second reading at once does not count").toMatchObject({
      votes: 1,
    });
    side.advance(7500);
    await side.sweep();
    expect((await side.instances())[0]).toMatchObject({ phase: "gone", votes: 2 });
  });

  test("takes the first vote back when the customer pays again", async () => {
    const subscription = side.subscribe("bob");
    await side.settle();
    side.stripe.cancelSubscription(subscription.id);
    await side.settle();
    await side.sweep();
    side.stripe.setStatus(subscription.id, "active");
    await side.settle();
    await side.sweep();
    expect((await side.instances())[0]).toMatchObject({ phase: "running", votes: 0 });
  });

  test("deletes nothing while Stripe fails, and nothing when it suddenly lists nobody", async () => {
    for (const slug of ["amy", "bob", "cleo"]) side.subscribe(slug);
    await side.settle();
    const failing = { path: "^/v1/subscriptions", times: 100 };
    side.stripe.faults.add({
      ...failing,
      effect: { kind: "answer", status: 500, body: { error: { message: "no" } } },
    });
    for (let round = 0; round < 3; round += 1) {
      side.advance(40 * dayMs);
      expect((await side.sweep()).outcome).toBe("failed");
    }
    side.stripe.faults.clear();
    const nothing = { object: "list", data: [], has_more: false, url: "/v1/subscriptions" };
    side.stripe.faults.add({ ...failing, effect: { kind: "answer", status: 200, body: nothing } });
    for (let round = 0; round < 3; round += 1) {
      side.advance(40 * dayMs);
      expect((await side.sweep()).outcome).toBe("failed");
    }
    expect((await side.instances()).map(({ phase }) => phase)).toEqual(["running", "running", "running"]);
  });

  test("a reading that failed is no vote, even for whoever is due", async () => {
    const subscription = side.subscribe("bob");
    side.subscribe("amy");
    await side.settle();
    side.stripe.cancelSubscription(subscription.id);
    await side.settle();
    const refused = { kind: "answer", status: 500, body: { error: { message: "no" } } } as const;
    side.stripe.faults.add({ path: "^/v1/subscriptions", times: 100, effect: refused });
    for (let round = 0; round < 3; round += 1) {
      side.advance(dayMs);
      expect((await side.sweep()).outcome).toBe("failed");
    }
    const bob = (await side.instances()).find(({ slug }) => slug === "bob");
    expect(bob).toMatchObject({ phase: "suspended", votes: 0 });
  });

  test("lets no more go at once than the cap allows, and says so", async () => {
    const made = ["amy", "bob", "cleo"].map((slug) => side.subscribe(slug));
    await side.settle();
    for (const { id } of made) side.stripe.cancelSubscription(id);
    await side.settle();
    await side.sweep({ count: 1, share: 1 });
    side.advance(7500);
    await side.sweep({ count: 1, share: 1 });
    expect((await side.instances()).filter(({ phase }) => phase === "gone")).toHaveLength(1);
    expect(side.alerts).toContain("deletion_cap");
  });
});
