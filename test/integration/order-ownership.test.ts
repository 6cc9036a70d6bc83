/**
 * Proves that an order leads only to what its own payment made: nobody sees another's token, no payment is swallowed by a
 * name's past, and a name that is given back cannot be paid for any more. Real rows, real Checkout sessions, no engine.
 */
import { beforeEach, afterEach, describe, expect, test } from "vitest";
import { readStackFiles, type StackFiles } from "../../reconciler/desired/stack-files.ts";
import { createOperators } from "../../reconciler/operators/operators.ts";
import { createOrders } from "../../reconciler/orders/orders.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { eventually } from "../support/poll.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";

let side: BillingSide;
let orders: ReturnType<typeof createOrders>;
let operators: ReturnType<typeof createOperators>;

beforeEach(async () => {
  side = await startBillingSide();
  const files = await readStackFiles(sandboxStacks);
  orders = createOrders({
    ...side.apply,
    sellers: [side.billing],
    watch: { wait: async () => undefined, stop: async () => undefined },
    publicUrl: "http://127.0.0.1:1",
    zone: async () => "claws.example",
    plans: () => files.plans,
  });
  operators = createOperators(side.apply);
});
afterEach(() => side.close());

const sessionOf = async (orderId: string) => {
  const [row] = await side.database.sql<{ session: string }[]>`
    select checkout_session_id as session from clawfleet.orders where id = ${orderId}`;
  return row?.session ?? "";
};

async function pay(orderId: string): Promise<void> {
  side.stripe.payCheckout(await sessionOf(orderId));
  await side.settle();
}

/** What a converge that ended well leaves in the rows. */
async function makeReady(slug: string): Promise<void> {
  await side.database.sql`
    update clawfleet.instances set status = 'ready', outputs = ${side.database.sql.json({ url: `https://${slug}.claws.example` })}
    where slug = ${slug} and status <> 'gone'`;
}

async function makeGone(slug: string): Promise<void> {
  await side.database.sql`update clawfleet.instances set status = 'gone' where slug = ${slug}`;
}

/** What a worker of its cell does. */
async function answerSignIns(problem: string): Promise<void> {
  await eventually("a link is asked for", async () => {
    const { count } = await side.database.sql`
      update clawfleet.sign_ins set answered_at = now(), problem = ${problem} where answered_at is null`;
    return count === 1;
  });
}

describe("an order", () => {
  test("opens its own assistant, while that runs, and nobody else's", async () => {
    const { orderId } = await orders.placeOrder({ plan: "starter", slug: "bob" });
    expect(await orders.openAssistant(orderId)).toBeUndefined();
    await pay(orderId);
    expect(await orders.openAssistant(orderId)).toBeUndefined();
    await makeReady("bob");
    expect(await orders.openAssistant("order-of-nobody-00000000")).toBeUndefined();
    const asked = orders.openAssistant(orderId);
    await Promise.all([expect(asked).rejects.toThrow("bob: asleep"), answerSignIns("asleep")]);
    await side.database.sql`update clawfleet.instances set phase = 'suspended' where slug = 'bob'`;
    expect(await orders.openAssistant(orderId)).toBeUndefined();
  });

  test("that is paid shows its own token, once; an unpaid one of the same name shows nothing", async () => {
    const { orderId } = await orders.placeOrder({ plan: "starter", slug: "bob" });
    await pay(orderId);
    await makeReady("bob");
    expect(await orders.revealCredentials("order-of-nobody-00000000")).toBeUndefined();
    expect(await orders.revealCredentials(orderId)).toMatchObject({ url: "https://bob.claws.example" });
    expect(await orders.revealCredentials(orderId)).toBeUndefined();
  });

  test("that was never paid sees nothing of an instance that an operator gave the same name", async () => {
    const { orderId } = await orders.placeOrder({ plan: "starter", slug: "bob" });
    const refused = operators.provision({ slug: "bob", plan: "starter", email: null, actor: "amy" });
    await expect(refused).rejects.toMatchObject({ code: "slug_taken" });
    await orders.cancelOrder(orderId);
    await operators.provision({ slug: "bob", plan: "starter", email: null, actor: "amy" });
    await makeReady("bob");
    expect(await orders.revealCredentials(orderId)).toBeUndefined();
    expect((await orders.readOrder(orderId))?.state).toBe("expired");
  });

  test("that is given back cannot be paid any more, and its name is free at once", async () => {
    const first = await orders.placeOrder({ plan: "starter", slug: "cat" });
    await orders.cancelOrder(first.orderId);
    const session = await sessionOf(first.orderId);
    expect(() => side.stripe.payCheckout(session)).toThrow(/no longer|expired|open/i);
    const second = await orders.placeOrder({ plan: "starter", slug: "cat" });
    await pay(second.orderId);
    await makeReady("cat");
    expect(await orders.revealCredentials(first.orderId)).toBeUndefined();
    expect(await orders.revealCredentials(second.orderId)).toBeDefined();
  });

  test("that was paid in the moment of giving it back keeps its name", async () => {
    side.stripe.delivery.hold();
    const { orderId } = await orders.placeOrder({ plan: "starter", slug: "dan" });
    side.stripe.payCheckout(await sessionOf(orderId));
    await orders.cancelOrder(orderId);
    side.stripe.delivery.release();
    await side.settle();
    await makeReady("dan");
    expect((await orders.readOrder(orderId))?.state).toBe("ready");
    expect(await orders.revealCredentials(orderId)).toBeDefined();
  });

  test("of a former owner does not show the token of the name's next owner", async () => {
    const first = await orders.placeOrder({ plan: "starter", slug: "eve" });
    await pay(first.orderId);
    const [old] = side.stripe.subscriptions();
    side.stripe.cancelSubscription(old?.id ?? "");
    await side.settle();
    await makeGone("eve");
    side.stripe.clock.advance(60_000);
    const second = await orders.placeOrder({ plan: "starter", slug: "eve" });
    await pay(second.orderId);
    await makeReady("eve");
    expect(await orders.revealCredentials(first.orderId)).toBeUndefined();
    expect((await orders.readOrder(first.orderId))?.state).toBe("ended");
    expect(await orders.revealCredentials(second.orderId)).toBeDefined();
  });
});

describe("a deprovisioned name", () => {
  test("stays away for its old subscription, and is made for the next one who pays", async () => {
    const first = await orders.placeOrder({ plan: "starter", slug: "fay" });
    await pay(first.orderId);
    await operators.deprovision({ slug: "fay", actor: "amy" });
    expect((await side.instances()).map(({ phase }) => phase)).toEqual(["gone"]);
    await makeGone("fay");
    await side.sweep();
    expect(await side.instances(), "an active subscription does not bring it back").toHaveLength(1);
    side.stripe.clock.advance(60_000);
    const second = await orders.placeOrder({ plan: "starter", slug: "fay" });
    await pay(second.orderId);
    const living = (await side.instances()).filter(({ phase }) => phase === "running");
    expect(living.map(({ slug }) => slug)).toEqual(["fay"]);
    expect((await orders.readOrder(second.orderId))?.state).toBe("building");
  });
});

test("a provision that found no room leaves nothing that comes up later", async () => {
  await side.database.sql`update clawfleet.cells set drained_at = now()`;
  const refused = operators.provision({ slug: "gus", plan: "starter", email: null, actor: "amy" });
  await expect(refused).rejects.toMatchObject({ code: "conflict" });
  const rows = await side.database.sql`select 1 from clawfleet.subscriptions where provider = 'comped'`;
  expect(rows).toEqual([]);
});

test("a deprovision needs no second reading, not even where the plan knows no grace", async () => {
  await operators.provision({ slug: "hal", plan: "starter", email: null, actor: "amy" });
  await operators.deprovision({ slug: "hal", actor: "amy" });
  expect(await side.instances()).toMatchObject([{ slug: "hal", phase: "gone" }]);
});

describe("a deprovision", () => {
  /** Operators who read other files than those on the disk. */
  const operatorsWith = async (change: (files: StackFiles) => Partial<StackFiles>) => {
    const files = await side.apply.files();
    return createOperators({ ...side.apply, files: async () => ({ ...files, ...change(files) }) });
  };

  test("of a plan that is sold no more is decided by what the customer has", async () => {
    await pay((await orders.placeOrder({ plan: "starter", slug: "hal" })).orderId);
    const without = await operatorsWith(({ plans: { starter: _gone, ...plans } }) => ({ plans }));
    await without.deprovision({ slug: "hal", actor: "amy" });
    expect((await side.instances()).map(({ phase }) => phase)).toEqual(["gone"]);
  });

  test("that cannot be decided says so instead of promising it", async () => {
    await pay((await orders.placeOrder({ plan: "starter", slug: "hal" })).orderId);
    const broken = new Map([["hal", "stacks/Pulumi.hal.yaml:1: not a mapping"]]);
    const unable = await operatorsWith(() => ({ broken }));
    const refused = unable.deprovision({ slug: "hal", actor: "amy" });
    await expect(refused).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("its file in stacks/"),
    });
  });
});
