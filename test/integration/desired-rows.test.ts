/** Proves which desired rows follow from what billing says, on a real PostgreSQL and with races. No engine runs here. */
import type { Sql } from "postgres";
import Stripe from "stripe";
import { beginReading, storeReadings } from "../../reconciler/db/subscriptions.ts";
import { applyDesired } from "../../reconciler/desired/apply.ts";
import { earlierName, generatedNames } from "../../reconciler/desired/names.ts";
import { lockPlacement } from "../../reconciler/desired/place.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { isClawfleetError } from "../../reconciler/errors.ts";
import { createOperators } from "../../reconciler/operators/operators.ts";
import { createOrders } from "../../reconciler/orders/orders.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startBillingSide, starterKey, type BillingSide } from "../support/billing.ts";
import { eventually } from "../support/poll.ts";

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

async function payNameless(id: string, customerId: string): Promise<void> {
  const { sql } = side.apply;
  const none = { slug: null, orderId: null, email: null, periodEnd: null, cancelAt: null, endedAt: null };
  const paid = { ...none, priceKeys: [starterKey], status: "active", createdAt: side.now() };
  const asked = await beginReading(sql, side.now());
  await storeReadings(sql, { provider: "stripe", readings: [{ ...paid, id, customerId }], asked });
  const customers = [{ provider: "stripe", customerId }];
  await applyDesired(side.apply, { kind: "customers", customers, actor: "test" });
}

/** Subscriptions by the name of their instance. */
async function readPayers(): Promise<Record<string, string>> {
  const rows = await side.apply.sql<{ slug: string; paid: string }[]>`
    select slug, subscription_id as paid from clawfleet.instances where status <> 'gone'`;
  return Object.fromEntries(rows.map(({ slug, paid }) => [slug, paid]));
}

async function countWaiting(sql: Sql): Promise<number> {
  const [row] = await sql<{ waiting: number }[]>`
    select count(*)::int as waiting from pg_locks l join pg_stat_activity a using (pid)
    where not l.granted and a.datname = current_database()`;
  return row?.waiting ?? 0;
}

const isAnybodyWaiting = async (sql: Sql): Promise<boolean> => (await countWaiting(sql)) > 0;

/** Answers once `count` wait for a lock, which a sound one never does. */
async function isStuck(sql: Sql, count: number): Promise<string> {
  await eventually(`${count} wait`, async () => (await countWaiting(sql)) >= count).catch(() => undefined);
  return "it waits for a place as well";
}

describe("desired rows", () => {
  test("a price that no plan has makes nothing and raises an alert", async () => {
    side.subscribe("bob", "old-price");
    await side.settle();
    expect(await side.instances()).toEqual([]);
    expect(side.alerts).toContain("price_without_plan");
  });

  test("another plan is another generation of the same row", async () => {
    const subscription = side.subscribe("bob");
    await side.settle();
    const [before] = await side.instances();
    const client = new Stripe(side.stripe.key, {
      host: "127.0.0.1",
      port: side.stripe.port,
      protocol: "http",
    });
    const prices = await client.prices.list({ lookup_keys: ["clawfleet-pro-monthly"] });
    await client.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? "", price: prices.data[0]?.id ?? "" }],
    });
    await side.settle();
    const [after] = await side.instances();
    expect(after).toMatchObject({ plan: "pro", ip: before?.ip, generation: (before?.generation ?? 0) + 1 });
  });

  test("a database that is older than a customer makes them again under the same id; one that was gone gets another", async () => {
    const { sql } = side.apply;
    const idsOfBob = async () =>
      (await sql<{ id: string }[]>`select id from clawfleet.instances order by created_at`).map(
        ({ id }) => id,
      );
    side.subscribe("bob");
    await side.settle();
    const [first] = await idsOfBob();
    // As a backup from before that customer.
    await sql`truncate clawfleet.instances, clawfleet.subscriptions, clawfleet.operations, clawfleet.orders cascade`;
    await sql`delete from pgboss.job`;
    await side.sweep();
    expect(await idsOfBob()).toEqual([first]);

    await sql`update clawfleet.instances set status = 'gone', private_ip = null, gone_at = now()`;
    await applyDesired(side.apply, { kind: "slugs", slugs: ["bob"], reason: "paid", actor: "test" });
    const [same, next] = await idsOfBob();
    expect(same).toBe(first);
    expect(next).toMatch(/^i[a-z2-7]{12}$/);
    expect(next).not.toBe(first);
  });

  test("two customers who paid for one name: the first keeps it, the second gets another", async () => {
    side.subscribe("bob");
    await side.settle();
    side.subscribe("bob");
    await side.settle();
    const slugs = (await side.instances()).map(({ slug }) => slug);
    expect(slugs).toHaveLength(2);
    expect(slugs).toContain("bob");
    expect(slugs.find((slug) => slug !== "bob")).toMatch(/^a-[0-9a-f]{16}$/);
  });

  test("who lives under a short name of an earlier version keeps it; another who would have had the same is served too", async () => {
    const { sql } = side.apply;
    const [first, second] = ["sub_1Qxmhx", "sub_1Q188kx"];
    const short = earlierName(first);
    expect(earlierName(second)).toBe(short);
    await payNameless(first, "cus_1");
    await sql`update clawfleet.instances set slug = ${short}`;
    await payNameless(second, "cus_2");
    await payNameless(first, "cus_1");
    expect(await readPayers()).toEqual({ [short]: first, [generatedNames(second)[0] ?? ""]: second });
    expect(side.alerts).not.toContain("paid_twice");
  });

  test("whose generated name another customer has is served under a longer one", async () => {
    const [name = "", longer = ""] = generatedNames("sub_2");
    await payNameless("sub_1", "cus_1");
    await side.apply.sql`update clawfleet.instances set slug = ${name}`;
    await payNameless("sub_2", "cus_2");
    await payNameless("sub_2", "cus_2");
    expect(await readPayers()).toEqual({ [name]: "sub_1", [longer]: "sub_2" });
  });

  test("a reading that waited for the row decides by what is true then, and revives nobody", async () => {
    side.subscribe("bob");
    await side.settle();
    const { sql } = side.apply;
    const scope = { kind: "slugs", slugs: ["bob"], reason: "resync", actor: "a late sweep" } as const;
    const gate = Promise.withResolvers<void>();
    const holder = sql.begin(async (tx) => {
      await tx`select 1 from clawfleet.instances where slug = 'bob' for update`;
      await gate.promise;
      await tx`update clawfleet.subscriptions set status = 'unpaid', read_at = now()`;
      await tx`update clawfleet.instances set phase = 'suspended', desired_hash = 'of this' where slug = 'bob'`;
    });
    const late = applyDesired(side.apply, scope);
    await eventually("the late reading waits", () => isAnybodyWaiting(sql));
    gate.resolve();
    await Promise.all([holder, late]);
    const [row] = await sql<{ phase: string }[]>`select phase from clawfleet.instances where slug = 'bob'`;
    expect(row?.phase).toBe("suspended");
  });

  test("what an operator gives away is made by that request alone: no sweep sees it half done", async () => {
    const { sql } = side.apply;
    const gate = Promise.withResolvers<void>();
    const holder = sql.begin(async (tx) => {
      await lockPlacement(tx);
      await gate.promise;
    });
    const operators = createOperators(side.apply);
    const made = operators.provision({ slug: "bob", plan: "starter", email: null, actor: "an operator" });
    await eventually("the request waits for its place", () => isAnybodyWaiting(sql));
    const scope = { kind: "slugs", slugs: ["bob"], reason: "resync", actor: "a sweep" } as const;
    const sweep = await Promise.race([applyDesired(side.apply, scope), isStuck(sql, 2)]);
    gate.resolve();
    await Promise.all([holder, made]);
    expect(sweep).toMatchObject({ created: 0 });
    expect(await side.instances()).toMatchObject([{ slug: "bob" }]);
  });

  test("what an operator cannot give away for want of room leaves nothing behind", async () => {
    const { sql } = side.apply;
    await sql`update clawfleet.cells set drained_at = now()`;
    const operators = createOperators(side.apply);
    const request = { slug: "bob", plan: "starter", email: null, actor: "an operator" };
    await expect(operators.provision(request)).rejects.toThrow("bob was not made: no cell has room");
    await sql`update clawfleet.cells set drained_at = null`;
    await side.settle();
    expect(await side.instances()).toEqual([]);
  });

  test("of twenty orders for one name at once, one gets to the payment and the rest are told before it", async () => {
    const files = await readStackFiles(sandboxStacks);
    const orders = createOrders({
      ...side.apply,
      sellers: [side.billing],
      watch: { wait: async () => undefined, stop: async () => undefined },
      publicUrl: "http://127.0.0.1:1",
      zone: async () => "claws.example",
      plans: () => files.plans,
    });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => orders.placeOrder({ plan: "starter", slug: "bob" })),
    );
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const codes = results.flatMap((one) =>
      one.status === "rejected" && isClawfleetError(one.reason) ? [one.reason.code] : [],
    );
    expect(codes).toEqual(Array.from({ length: 19 }, () => "slug_taken"));
    expect(side.stripe.exchanges.filter(({ path }) => path === "/v1/checkout/sessions")).toHaveLength(1);
  });
});
