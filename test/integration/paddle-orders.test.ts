/**
 * Proves the way of an order that Paddle sells: transaction, payment page, return, its own instance; the name given back.
 * Real rows, the simulated Paddle with its page, no engine.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { createOrders } from "../../reconciler/orders/orders.ts";
import { visit } from "../sandbox/customer.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";

let side: BillingSide;
let orders: ReturnType<typeof createOrders>;

async function makeOrders(sellers: BillingSide["billing"][]) {
  const files = await readStackFiles(sandboxStacks);
  return createOrders({
    ...side.apply,
    sellers,
    watch: { wait: async () => undefined, stop: async () => undefined },
    publicUrl: "http://127.0.0.1:1",
    zone: async () => "claws.example",
    plans: () => files.plans,
  });
}

beforeEach(async () => {
  side = await startBillingSide();
  orders = await makeOrders([side.billing, side.paddleBilling]);
});
afterEach(() => side.close());

const rowOf = async (orderId: string) => {
  const [row] = await side.database.sql<
    { provider: string; session: string; state: string; instance: string }[]
  >`
    select o.provider, o.checkout_session_id as session, o.state, i.slug as instance
    from clawfleet.orders o left join clawfleet.instances i on i.id = o.instance_id where o.id = ${orderId}`;
  return row;
};

describe("a plan is sold", () => {
  test("by Stripe where it has prices at both, by Paddle where only Paddle has one", async () => {
    const starter = await orders.placeOrder({ plan: "starter", slug: "bob" });
    const lifetime = await orders.placeOrder({ plan: "lifetime", slug: "lea" });
    expect(starter.payUrl).toContain("/c/pay/");
    expect(lifetime.payUrl).toContain("_ptxn=txn_");
    expect((await rowOf(starter.orderId))?.provider).toBe("stripe");
    expect((await rowOf(lifetime.orderId))?.provider).toBe("paddle");
  });

  test("by Paddle alone where Stripe is not there; what nobody sells is not offered", async () => {
    const alone = await makeOrders([side.paddleBilling]);
    expect((await alone.readOffers()).map(({ id }) => id)).toEqual(["starter", "lifetime"]);
    await expect(alone.placeOrder({ plan: "pro", slug: "bob" })).rejects.toMatchObject({
      code: "input_invalid",
    });
    const { payUrl } = await alone.placeOrder({ plan: "starter", slug: "bob" });
    expect(payUrl).toContain("_ptxn=");
  });

  test("at the price that its seller says, also while the other cannot be asked", async () => {
    side.stripe.faults.add({
      path: "^/v1/prices",
      times: 100,
      effect: { kind: "answer", status: 400, body: { error: { message: "no" } } },
    });
    const offers = await orders.readOffers();
    expect(offers.map(({ id, price }) => [id, price])).toEqual([
      ["starter", undefined],
      ["pro", undefined],
      ["lifetime", "€29.00 once"],
    ]);
  });
});

describe("an order at Paddle", () => {
  const card = { name: "Test Person", email: "lea@example.com" };

  test("is paid on the page, and has the instance that came of it", async () => {
    const { orderId, payUrl } = await orders.placeOrder({ plan: "lifetime", slug: "lea" });
    expect(payUrl).not.toContain(orderId);
    const back = new URL(payUrl).searchParams.get("back") ?? "";
    const declined = await visit(payUrl, { ...card, card: "4000 0000 0000 0002" });
    expect([declined.status, /declined/.test(declined.html)]).toEqual([402, true]);
    const paid = await visit(payUrl, { ...card, card: "4242 4242 4242 4242" });
    expect(paid.status).toBe(200);
    await side.settle();
    expect(await rowOf(orderId)).toMatchObject({ state: "paid", instance: "lea" });
    expect([await orders.findReturn(back), await orders.findReturn(back)]).toEqual([orderId, undefined]);
    const again = await visit(payUrl, { ...card, card: "4242 4242 4242 4242" });
    expect(again.status).toBe(402);
    expect(await side.instances()).toHaveLength(1);
  });

  test("has a way back that is old after a day, and that no other order shares", async () => {
    const wayIn = ({ payUrl }: { payUrl: string }) => new URL(payUrl).searchParams.get("back") ?? "";
    const lea = await orders.placeOrder({ plan: "lifetime", slug: "lea" });
    const amy = await orders.placeOrder({ plan: "lifetime", slug: "amy" });
    expect(await orders.findReturn(wayIn(amy))).toBe(amy.orderId);
    side.advance(25 * 3_600_000);
    expect(await orders.findReturn(wayIn(lea))).toBeUndefined();
  });

  test("of a recurring plan carries name and order over to its subscription", async () => {
    orders = await makeOrders([side.paddleBilling]);
    const { orderId, payUrl } = await orders.placeOrder({ plan: "starter", slug: "bob" });
    await visit(payUrl, { ...card, card: "4242 4242 4242 4242" });
    await side.settle();
    expect(await rowOf(orderId)).toMatchObject({ state: "paid", instance: "bob" });
    const [subscription] = side.paddle.subscriptions();
    expect(subscription?.custom_data).toEqual({ slug: "bob", order: orderId });
  });

  test("that is given back frees its name; who pays it after all is served under another one", async () => {
    const first = await orders.placeOrder({ plan: "lifetime", slug: "lea" });
    await orders.cancelOrder(first.orderId);
    expect((await rowOf(first.orderId))?.state).toBe("expired");
    const second = await orders.placeOrder({ plan: "lifetime", slug: "lea" });
    await visit(first.payUrl, { ...card, card: "4242 4242 4242 4242" });
    await visit(second.payUrl, { ...card, email: "other@example.com", card: "4242 4242 4242 4242" });
    await side.settle();
    expect((await rowOf(second.orderId))?.instance).toBe("lea");
    expect((await rowOf(first.orderId))?.instance).toMatch(/^a-[0-9a-f]{16}$/);
  });

  test("that a declined card made ready cannot be paid any more once it is given back", async () => {
    const { orderId, payUrl } = await orders.placeOrder({ plan: "lifetime", slug: "lea" });
    await visit(payUrl, { ...card, card: "4000 0000 0000 0002" });
    await orders.cancelOrder(orderId);
    expect((await visit(payUrl, { ...card, card: "4242 4242 4242 4242" })).status).toBe(402);
    expect((await rowOf(orderId))?.state).toBe("expired");
  });

  test("that was paid in the moment of giving it back keeps its name", async () => {
    side.paddle.notifications.hold();
    const { orderId, payUrl } = await orders.placeOrder({ plan: "lifetime", slug: "lea" });
    await visit(payUrl, { ...card, card: "4242 4242 4242 4242" });
    await orders.cancelOrder(orderId);
    expect((await rowOf(orderId))?.state).toBe("open");
    side.paddle.notifications.release();
    await side.settle();
    expect(await rowOf(orderId)).toMatchObject({ state: "paid", instance: "lea" });
  });

  test("holds no name when Paddle cannot be asked", async () => {
    const refused = { kind: "answer", status: 500, body: "no" } as const;
    side.paddle.faults.add({ method: "POST", path: "^/transactions", effect: refused });
    await expect(orders.placeOrder({ plan: "lifetime", slug: "lea" })).rejects.toMatchObject({
      code: "billing_unavailable",
    });
    await expect(orders.placeOrder({ plan: "lifetime", slug: "lea" })).resolves.toBeDefined();
  });
});
