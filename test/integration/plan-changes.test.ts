/**
 * Proves on real rows what follows when a customer's plan, number, name or address changes at the provider: in which row, with
 * which server type, for which letter. Whether Hetzner can do it is e2e/plan-changes.test.ts.
 */
import Stripe from "stripe";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Override } from "../../infra/config.ts";
import { insertOrder } from "../../reconciler/db/orders.ts";
import { announceOrder } from "../../reconciler/messages/occasions.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { announce } from "../../reconciler/messages/outbox.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { proKey, startBillingSide, starterKey, unknownKey, type BillingSide } from "../support/billing.ts";

let side: BillingSide;
let stripe: Stripe;
let overrides: Map<string, Override>;
beforeEach(async () => {
  side = await startBillingSide();
  stripe = new Stripe(side.stripe.key, { host: "127.0.0.1", port: side.stripe.port, protocol: "http" });
  overrides = new Map();
  const files = () => readStackFiles(sandboxStacks);
  side.apply.files = async () => ({ ...(await files()), overrides });
});
afterEach(() => side.close());

type Subscribed = ReturnType<BillingSide["subscribe"]>;

async function change(of: Subscribed, to: { price?: string; quantity?: number }): Promise<void> {
  const prices = await stripe.prices.list({ lookup_keys: [to.price ?? starterKey] });
  const item = {
    id: of.items.data[0]?.id ?? "",
    price: prices.data[0]?.id ?? "",
    quantity: to.quantity ?? 1,
  };
  await stripe.subscriptions.update(of.id, { items: [item] });
  await side.settle();
}

async function rowOf(slug: string) {
  const [row] = await side.apply.sql<
    {
      id: string;
      plan: string;
      serverType: string;
      email: string | null;
      override: Override;
      generation: number;
    }[]
  >`
    select id, plan, server_type as "serverType", email, override, generation::int as generation
    from clawfleet.instances where slug = ${slug} and status <> 'gone'`;
  if (!row) throw new Error(`there is no ${slug}`);
  return row;
}

const phasesOf = async () => (await side.instances()).map(({ slug, phase }) => [slug, phase]);

describe("another plan", () => {
  test("up and down again is the first type of each plan, in the same row", async () => {
    const bob = side.subscribe("bob");
    await side.settle();
    const { id } = await rowOf("bob");
    await change(bob, { price: proKey });
    expect(await rowOf("bob")).toMatchObject({ id, plan: "pro", serverType: "cx33", generation: 2 });
    await change(bob, { price: starterKey });
    // Also where the smaller plan has the larger type among its others: what is paid for is what it costs.
    expect(await rowOf("bob")).toMatchObject({ id, plan: "starter", serverType: "cx23", generation: 3 });
  });

  test("that no plan knows changes nothing, takes nothing away, and is an alert", async () => {
    const bob = side.subscribe("bob");
    await side.settle();
    const before = await rowOf("bob");
    await change(bob, { price: unknownKey });
    for (let round = 0; round < 3; round += 1) {
      side.advance(10_000);
      await side.sweep();
    }
    expect(await rowOf("bob")).toEqual(before);
    expect(await phasesOf()).toEqual([["bob", "running"]]);
    expect(side.alerts).toContain("price_without_plan");
  });
});

describe("a quantity", () => {
  test("is as many assistants; the first has the name, the others keep theirs", async () => {
    const bob = side.subscribe("bob");
    await side.settle();
    await change(bob, { quantity: 3 });
    const slugs = (await side.instances()).map(({ slug }) => slug);
    expect(slugs).toHaveLength(3);
    expect(slugs).toContain("bob");
    await side.sweep();
    expect((await side.instances()).map(({ slug }) => slug)).toEqual(slugs);
  });

  test("that shrinks suspends the last ones after two readings, and one that grows back restores them", async () => {
    const bob = side.subscribe("bob");
    await side.settle();
    await change(bob, { quantity: 3 });
    await change(bob, { quantity: 2 });
    for (let round = 0; round < 3; round += 1) {
      side.advance(10_000);
      await side.sweep();
    }
    const phases = (await side.instances()).map(({ phase }) => phase).toSorted();
    expect(phases).toHaveLength(3);
    expect(phases.filter((phase) => phase === "running")).toHaveLength(2);
    expect((await rowOf("bob")).generation).toBe(1);
    await change(bob, { quantity: 3 });
    expect((await side.instances()).map(({ phase }) => phase)).toEqual(["running", "running", "running"]);
  });
});

test("several subscriptions of one customer are an assistant each; the end of one is the end of that one alone", async () => {
  const first = side.subscribe("bob");
  await side.settle();
  const { customer } = first;
  const more = { lookupKey: proKey, email: "bob@example.com", customer } as const;
  const second = side.stripe.createPaidSubscription({ ...more, metadata: { slug: "bobs-work" } });
  await side.settle();
  expect(await phasesOf()).toEqual([
    ["bob", "running"],
    ["bobs-work", "running"],
  ]);
  side.stripe.cancelSubscription(second.id);
  await side.settle();
  const [bob, work] = await phasesOf();
  expect(bob).toEqual(["bob", "running"]);
  expect(work?.[1]).not.toBe("running");
});

test("another e-mail address is where the letters go that have not left yet, and nothing else changes", async () => {
  const bob = side.subscribe("bob");
  await side.settle();
  const { id, generation } = await rowOf("bob");
  const now = side.now();
  const letter = announceOrder({ provider: "stripe", status: "trialing" }, now);
  await announce(side.apply.sql, { instanceId: id, email: "bob@example.com" }, letter, now);
  await stripe.customers.update(bob.customer, { email: "robert@example.com" });
  await side.settle();
  expect(await rowOf("bob")).toMatchObject({ email: "robert@example.com", generation });
  const waiting = await side.apply.sql<{ recipient: string }[]>`
    select distinct recipient from clawfleet.outbox where state = 'waiting'`;
  expect(waiting.map(({ recipient }) => recipient)).toEqual(["robert@example.com"]);
});

describe("another address", () => {
  test("is one of the override's, in the same row", async () => {
    side.subscribe("bob");
    await side.settle();
    overrides.set("bob", { address: "robert" });
    await side.sweep();
    expect(await rowOf("bob")).toMatchObject({ override: { address: "robert" }, generation: 2 });
    const [order] = ["robert"].map((slug) =>
      insertOrder(side.apply.sql, {
        id: "o",
        slug,
        plan: "starter",
        createdAt: side.now(),
        expiresAt: side.now(),
      }),
    );
    expect(await order).toBe(false);
  });

  test("that somebody has is refused and said, and the one before stays", async () => {
    side.subscribe("amy");
    side.subscribe("bob");
    await side.settle();
    overrides.set("bob", { address: "robert" });
    await side.sweep();
    overrides.set("bob", { address: "amy" });
    overrides.set("amy", { address: "robert" });
    await side.sweep();
    expect((await rowOf("bob")).override).toEqual({ address: "robert" });
    expect((await rowOf("amy")).override).toEqual({});
    expect(side.alerts.filter((kind) => kind === "address_taken")).toHaveLength(2);
  });
});

test("a location that its cell cannot have counts for nothing, and billing goes on", async () => {
  const bob = side.subscribe("bob");
  await side.settle();
  overrides.set("bob", { location: "ash", serverType: "cx33" });
  await side.sweep();
  expect(side.alerts).toContain("location_outside_cell");
  expect((await rowOf("bob")).override).toEqual({ serverType: "cx33" });
  side.stripe.cancelSubscription(bob.id);
  await side.settle();
  expect(await phasesOf()).toEqual([["bob", "suspended"]]);
  const again = { lookupKey: starterKey, email: "bob@example.com", customer: bob.customer };
  side.stripe.createPaidSubscription({ ...again, metadata: { slug: "bob" } });
  await side.settle();
  expect(await phasesOf()).toEqual([["bob", "running"]]);
});

test("somebody who is held by an override hears of no deletion, and of it again when nobody holds them", async () => {
  const bob = side.subscribe("bob");
  const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
  side.apply.files = async () => {
    const read = await readStackFiles(sandboxStacks);
    const plans = Object.entries(read.plans).map(([id, plan]) => [id, { ...plan, grace }] as const);
    return { ...read, plans: Object.fromEntries(plans), overrides };
  };
  await side.settle();
  side.stripe.cancelSubscription(bob.id);
  await side.settle();
  const warnings = async () => {
    side.advance(10_000);
    await side.sweep();
    const waiting = await side.apply.sql`
      select 1 from clawfleet.outbox where occasion = 'deletion_warning' and state = 'waiting'`;
    return waiting.length;
  };
  expect(await warnings()).toBe(3);
  overrides.set("bob", { hold: true });
  expect(await warnings()).toBe(0);
  overrides.clear();
  expect(await warnings()).toBe(3);
});

test("who pays for a name that is somebody's address gets another one, and nobody's address changes", async () => {
  side.subscribe("bob");
  await side.settle();
  overrides.set("bob", { address: "zoe" });
  await side.sweep();
  expect((await rowOf("bob")).override).toEqual({ address: "zoe" });
  side.subscribeAtPaddle("zoe");
  await side.settle();
  await side.sweep();
  expect((await phasesOf()).map(([slug]) => slug)).toEqual([expect.stringMatching(/^a-/), "bob"]);
  expect((await rowOf("bob")).override).toEqual({ address: "zoe" });
});
