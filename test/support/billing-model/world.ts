/** Lives a history: a simulated Stripe over HTTP, our own reading and deciding on real rows, and a cloud of two sets. */
import { keepToOwnAccount } from "../../../reconciler/billing/own-account.ts";
import { createStripeBilling } from "../../../reconciler/billing/stripe.ts";
import { beginHalt, endHalt } from "../../../reconciler/db/halt.ts";
import type { ApplyDeps } from "../../../reconciler/desired/apply-deps.ts";
import { handleHint } from "../../../reconciler/hints.ts";
import { tellArchived, tellGone, tellReady } from "../../../reconciler/messages/recorded.ts";
import { sweep } from "../../../reconciler/sweep.ts";
import { startStripe } from "../../sandbox/stripe/stripe.ts";
import type { CustomerName, History, Step } from "./history.ts";
import { judge } from "./judge.ts";
import type { Row, World } from "./model.ts";
import type { KnownSubscription } from "./oracle.ts";
import { instanceOutputs } from "../instance-inputs.ts";

export const lookupKey = "clawfleet-starter-monthly";
const dayMs = 86_400_000;
const sweepMs = 3_600_000;
const noticeDays = 7.2;

export async function withWorld<T>(
  base: Omit<ApplyDeps, "clock">,
  use: (world: World) => Promise<T>,
): Promise<T> {
  const stripe = await startStripe();
  stripe.seedPrice({ lookupKey, name: "Starter", unitAmount: 2900 });
  await empty(base.sql);
  try {
    return await use({
      deps: { ...base, clock: stripe.clock },
      stripe,
      servers: new Map(),
      made: new Set(),
      snapshots: new Set(),
      workersUp: true,
      workersWereDown: false,
      halted: false,
      lied: false,
      subscriptions: new Map(),
      customerIds: new Map(),
      wrongs: [],
    });
  } finally {
    await stripe.close();
  }
}

async function empty(sql: ApplyDeps["sql"]): Promise<void> {
  await sql
    .unsafe(
      `delete from clawfleet.outbox; delete from clawfleet.ledger; delete from clawfleet.outages; delete from clawfleet.alerts;
       delete from clawfleet.instances; delete from clawfleet.subscriptions; delete from clawfleet.sweeps;
       delete from clawfleet.billing_accounts; delete from clawfleet.halt; delete from pgboss.job`,
    )
    .simple();
}

const nowOf = (world: World): number => world.stripe.clock.now().getTime();

export async function live(world: World, history: History): Promise<void> {
  for (const step of history.steps) {
    const before = await readRows(world);
    await take(world, step, history.cap);
    if (world.workersUp) await work(world);
    judge(world, before, await readRows(world));
  }
}

/** Everything is well again, and time enough passes for readings to agree; hardly any for the table. */
export async function settle(world: World): Promise<void> {
  world.stripe.faults.clear();
  await endHalt(world.deps.sql);
  world.halted = false;
  world.workersUp = true;
  await rest(world);
  // What was archived late is kept for a week all the same.
  world.stripe.clock.moveBy(noticeDays * dayMs);
  await rest(world);
}

async function rest(world: World): Promise<void> {
  for (let round = 0; round < 14; round += 1) {
    world.stripe.clock.moveBy(5_000);
    const before = await readRows(world);
    await readAll(world, 1000);
    await work(world);
    const after = await readRows(world);
    judge(world, before, after);
    if (round >= 3 && JSON.stringify(before) === JSON.stringify(after)) return;
  }
}

async function take(world: World, step: Step, cap: number): Promise<void> {
  switch (step.do) {
    case "subscribe":
      return subscribe(world, step);
    case "turn": {
      const one = nthOf(world, step);
      if (one?.endedAt !== null || one.status === "incomplete") return;
      world.stripe.setStatus(one.id, step.status);
      one.status = step.status;
      return;
    }
    case "cancel": {
      const one = nthOf(world, step);
      if (one?.endedAt !== null) return;
      world.stripe.cancelSubscription(one.id);
      one.status = "canceled";
      one.endedAt = Math.floor(nowOf(world) / 1000) * 1000;
      return;
    }
    case "hint":
      return await hint(world, step.customer, step.times);
    case "sweep": {
      world.stripe.clock.moveBy(sweepMs);
      const sweeps = Array.from({ length: step.by }, () => readAll(world, sweepMs, cap));
      await Promise.all(sweeps);
      return;
    }
    case "bad-sweep":
      world.stripe.clock.moveBy(sweepMs);
      if (step.how === "lie") return await sweepOnLies(world, cap);
      breakList(world, step.how);
      await sweepOnce(world, sweepMs, cap);
      return world.stripe.faults.clear();
    case "wait":
      return world.stripe.clock.moveBy(step.days * dayMs);
    case "workers":
      world.workersUp = step.up;
      if (!step.up) world.workersWereDown = true;
      return;
    case "halt":
      world.halted = step.on;
      if (step.on)
        await beginHalt(world.deps.sql, { by: "model", reason: null, since: world.stripe.clock.now() });
      else await endHalt(world.deps.sql);
  }
}

function subscribe(world: World, { customer, second, status }: Extract<Step, { do: "subscribe" }>): void {
  const slug = second ? `${customer}-2` : customer;
  const known = world.customerIds.get(customer);
  const made = world.stripe.createPaidSubscription({
    lookupKey,
    email: `${customer}@example.com`,
    metadata: { slug },
    ...(known === undefined ? {} : { customer: known }),
  });
  world.customerIds.set(customer, made.customer);
  if (made.status !== status) world.stripe.setStatus(made.id, status);
  const own = world.subscriptions.get(customer) ?? [];
  own.unshift({ id: made.id, slug, status, endedAt: null, read: undefined });
  world.subscriptions.set(customer, own);
}

function nthOf(world: World, { customer, nth }: { customer: CustomerName; nth: number }) {
  return world.subscriptions.get(customer)?.[nth];
}

async function hint(world: World, customer: CustomerName, times: number): Promise<void> {
  const customerId = world.customerIds.get(customer);
  if (customerId === undefined) return;
  noteRead(world, [customer]);
  const deps = { ...world.deps, providers: [providerOf(world)] };
  const job = { provider: "stripe", eventId: "evt_model", customerId, objectId: null };
  await Promise.all(Array.from({ length: times }, () => handleHint(deps, job)));
}

async function readAll(world: World, intervalMs: number, cap = 10): Promise<void> {
  noteRead(world, [...world.subscriptions.keys()]);
  const { outcome } = await sweepOnce(world, intervalMs, cap);
  world.lied = false;
  if (outcome !== "complete") world.wrongs.push("a good reading was not taken for complete");
}

async function sweepOnLies(world: World, cap: number): Promise<void> {
  if (world.lied) return;
  noteRead(world, [...world.subscriptions.keys()]);
  const living = [...world.subscriptions.values()].flat().filter((one) => one.endedAt === null);
  const { billing } = world.stripe;
  const found = new Map(world.stripe.subscriptions().map((one) => [one.id, one]));
  const say = (one: KnownSubscription, words: Record<string, unknown>) => {
    const subscription = found.get(one.id);
    if (subscription) billing.change(subscription, words);
  };
  const longAgo = Math.floor(nowOf(world) / 1000) - 60 * 86_400;
  for (const one of living) {
    say(one, { status: "canceled", ended_at: longAgo });
    one.read = { status: "canceled", at: longAgo * 1000, againAt: nowOf(world) };
  }
  await sweepOnce(world, sweepMs, cap);
  for (const one of living) say(one, { status: one.status, ended_at: null });
  world.lied = true;
}

function sweepOnce(world: World, intervalMs: number, cap: number) {
  const deps = {
    ...world.deps,
    providers: [providerOf(world)],
    intervalMs,
    deleteCap: { count: cap, share: 1 },
  };
  return sweep(deps, new AbortController().signal);
}

function providerOf({ deps, stripe }: World) {
  const settings = { secretKey: stripe.key, webhookSecrets: [], apiUrl: stripe.origin };
  return keepToOwnAccount(deps, createStripeBilling(settings));
}

function noteRead(world: World, names: readonly CustomerName[]): void {
  const at = nowOf(world);
  for (const one of names.flatMap((name) => world.subscriptions.get(name) ?? []))
    one.read = { status: one.status, at: one.read?.status === one.status ? one.read.at : at, againAt: at };
}

function breakList({ stripe }: World, how: "error" | "empty" | "half" | "lie"): void {
  const final = { headers: { "stripe-should-retry": "false" } };
  const failed = { kind: "answer", status: 500, body: { error: { message: "no" } }, ...final } as const;
  const page = (has_more: boolean) => ({ object: "list", data: [], has_more, url: "/v1/subscriptions" });
  const path = "^/v1/subscriptions";
  if (how === "empty") {
    stripe.faults.add({ path, times: 9, effect: { kind: "answer", status: 200, body: page(false) } });
    return;
  }
  if (how !== "half") {
    stripe.faults.add({ path, times: 9, effect: failed });
    return;
  }
  // A first page with somebody on it, and a second one with nobody although there is more.
  const [first] = stripe.subscriptions();
  const real = { ...page(true), data: first ? [{ ...first, customer: first.customer }] : [] };
  stripe.faults.add({ path, times: 1, effect: { kind: "answer", status: 200, body: real } });
  stripe.faults.add({ path, times: 9, effect: { kind: "answer", status: 200, body: page(true) } });
}

/** What a converge leads to, without the engine. */
async function work(world: World): Promise<void> {
  const { sql } = world.deps;
  for (const row of await readRows(world)) {
    const behind = row.status !== "gone" && row.observedGeneration < row.generation;
    if (!behind) continue;
    const now = world.stripe.clock.now();
    const { id, phase, generation } = row;
    if (phase === "archived") {
      if (world.servers.delete(id)) world.snapshots.add(id);
      await tellArchived(sql, id, { generation, now });
    } else if (phase === "gone") {
      world.servers.delete(id);
      world.snapshots.delete(id);
      await tellGone(sql, id, now);
    } else {
      world.servers.set(id, phase);
      world.made.add(id);
      world.snapshots.delete(id);
      await tellReady(sql, id, { generation, phase, outputs: instanceOutputs, now });
    }
  }
}

export async function readRows({ deps }: World): Promise<Row[]> {
  return await deps.sql<Row[]>`
    select id, slug, phase, observed_phase as observed, generation::int as generation,
      observed_generation::int as "observedGeneration", status
    from clawfleet.instances order by id`;
}
