/** Proves which desired rows follow from what billing says, on a real PostgreSQL and with races. No engine runs here. */
import Stripe from "stripe";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { isClawfleetError } from "../../reconciler/errors.ts";
import { createOrders } from "../../reconciler/orders/orders.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startBillingSide, type BillingSide } from "../support/billing.ts";

let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

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

  test("two customers who paid for one name: the first keeps it, the second gets another", async () => {
    side.subscribe("bob");
    await side.settle();
    side.subscribe("bob");
    await side.settle();
    const slugs = (await side.instances()).map(({ slug }) => slug);
    expect(slugs).toHaveLength(2);
    expect(slugs).toContain("bob");
    expect(slugs.find((slug) => slug !== "bob")).toMatch(/^a-[0-9a-f]{8}$/);
  });

  test("of twenty orders for one name at once, one gets to the payment and the rest are told before it", async () => {
    const files = await readStackFiles(sandboxStacks);
    const orders = createOrders({
      ...side.apply,
      billing: side.billing,
      watch: { wait: async () => undefined, stop: async () => undefined },
      publicUrl: "http://127.0.0.1:1",
      zone: () => "claws.example",
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
