/** What billing costs a fleet of 100,000 subscriptions: one full sweep against a Stripe over HTTP, and the decision alone. */
import { planSchema, type Plans } from "../../infra/plans.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { toJson } from "../../reconciler/db/json.ts";
import { beginReading, storeReadings, type SubscriptionRow } from "../../reconciler/db/subscriptions.ts";
import { desireFleet, type NamedInstance } from "../../reconciler/desired/desire-fleet.ts";
import { generatedNames } from "../../reconciler/desired/names.ts";
import { hashDesired } from "../../reconciler/desired/place.ts";
import { sweep, type SweepDeps } from "../../reconciler/sweep.ts";
import { createQueue } from "../../reconciler/queue/queue.ts";
import { createTestLog } from "../support/log.ts";
import type { Bench, Reporter } from "./figures.ts";
import { listedKey, startLongList, type Listed } from "./long-list.ts";
import { withServer, type BenchDatabase } from "./server.ts";
import { measureYear } from "./year.ts";

const sizes = [10_000, 100_000] as const;
const now = new Date("2026-11-21T12:00:00Z");
const dayMs = 86_400_000;
/** The whole of it, on our side; and what a process may take for it. */
const goalSeconds = 60;
const goalMb = 512;

const plan = planSchema.parse({
  name: "Starter",
  summary: "One assistant.",
  stripeLookupKey: listedKey,
  serverTypes: ["cx23"],
  locations: ["nbg1"],
});
const plans: Plans = { starter: plan };

export const bench: Bench = {
  summary: "a full sweep and the decision for 10,000 and 100,000 subscriptions; a year of 1,000 customers",
  run: (reporter) =>
    withServer(async (createDatabase) => {
      // One process for all: what a case leaves behind in memory counts for those after it.
      const measure = async (list: Fleet) =>
        await measureSweep(reporter, list, await createDatabase(`billing${list.size}${list.kind}`));
      for (const size of sizes) await measure(allNamed(size));
      for (const size of sizes) measureDesired(reporter, size);
      for (const size of sizes) await measure(thirdNameless(size));
      await measureYear(reporter, await createDatabase("year"));
    }),
};

/** One in ten has ended some time ago, one in twenty is late. */
function describeSubscription(index: number): Listed {
  const common = {
    customer: `cus_${index}`,
    slug: `c${index}`,
    createdAt: new Date(now.getTime() - 400 * dayMs - index * 1000),
  };
  if (index % 10 === 0) {
    const endedAt = new Date(now.getTime() - (index % 40) * dayMs);
    return { ...common, status: "canceled", endedAt };
  }
  return { ...common, status: index % 20 === 1 ? "past_due" : "active", endedAt: null };
}

/** What a sweep is measured with. */
type Fleet = {
  title: string;
  kind: string;
  /** Subscriptions that the provider lists, and at least as many that we make of them. */
  listed: number;
  size: number;
  describe: (index: number) => Listed;
};

function allNamed(size: number): Fleet {
  const describe = describeSubscription;
  return { title: `sweep ${size}`, kind: "named", listed: size, size, describe };
}

/** Of five that are listed one pays for a further assistant and one came by a Payment Link: two of six have no name. */
function thirdNameless(size: number): Fleet {
  const title = `sweep ${size}, a third without a name`;
  const listed = Math.ceil((size * 5) / 6);
  return { title, kind: "nameless", listed, size, describe: describeThird };
}

function describeThird(index: number): Listed {
  const common = describeSubscription(index);
  if (index % 5 === 1) return { ...common, quantity: 2 };
  return index % 5 === 2 ? { ...common, slug: null } : common;
}

function makeFleet(size: number): { subscriptions: SubscriptionRow[]; instances: NamedInstance[] } {
  const subscriptions = Array.from({ length: size }, (_, index): SubscriptionRow => {
    const { customer: customerId, slug, ...rest } = describeSubscription(index);
    return {
      ...rest,
      slug,
      customerId,
      provider: "stripe",
      id: `sub_${index}`,
      email: `${slug}@example.com`,
      orderId: null,
      priceKeys: [listedKey],
      statusSince: new Date(now.getTime() - (index % 10) * dayMs),
      periodEnd: null,
      cancelAt: null,
      readAt: now,
    };
  });
  const instances = subscriptions.map(({ provider, id, customerId, slug }) => ({
    id: `i-${slug ?? id}`,
    slug: slug ?? id,
    provider,
    subscriptionId: id,
    customerId,
  }));
  return { subscriptions, instances };
}

function measureDesired({ say, report }: Reporter, size: number): void {
  const fleet = makeFleet(size);
  const none = { interventions: [], outages: new Map(), overrides: new Map(), broken: new Map() };
  const startedAt = performance.now();
  const desired = desireFleet({ ...fleet, ...none, plans, now });
  const seconds = (performance.now() - startedAt) / 1000;
  const megabytes = process.memoryUsage().rss / 2 ** 20;
  if (desired.length !== size) throw new Error(`${desired.length} of ${size} names were decided`);
  say(`desired ${size}: ${seconds.toFixed(2)} s, ${megabytes.toFixed(0)} MB`);
  report({ case: `desired ${size}`, value: seconds, unit: "s", baseline: goalSeconds, goal: 1 });
  report({ case: `desired ${size}`, value: megabytes, unit: "MB", baseline: goalMb, goal: 1 });
}

/** A sweep of a fleet that has not changed: what happens each hour. Stripe's own time is not in it. */
async function measureSweep(reporter: Reporter, fleet: Fleet, database: BenchDatabase): Promise<void> {
  const { say, report } = reporter;
  const { title, size } = fleet;
  const list = await startLongList(() => fleet.listed, fleet.describe);
  const { log } = createTestLog();
  const queue = createQueue({ sql: database.sql, connectionString: database.url, log });
  await queue.start();
  const stripe = createStripeBilling({ secretKey: "sk_test_1", webhookSecrets: [], apiUrl: list.origin });
  const timed = withWaitingTime(stripe);
  const deps: SweepDeps = {
    sql: database.sql,
    queue,
    clock: { now: () => new Date() },
    log,
    masterKey: "ab".repeat(32),
    files: async () => ({ plans, overrides: new Map(), cells: new Map(), broken: new Map() }),
    providers: [timed.provider],
    intervalMs: 3_600_000,
    deleteCap: { count: 10, share: 0.05 },
  };
  try {
    say(`${title}: reading all of it once`);
    for await (const readings of stripe.listSubscriptions())
      await storeReadings(database.sql, {
        provider: "stripe",
        readings,
        asked: await beginReading(database.sql, new Date()),
      });
    await seedInstances(database);
    // What is late has its date from now on; the next one is a quiet hour's.
    await sweep(deps, new AbortController().signal);
    timed.reset();
    const memory = watchMemory();
    const startedAt = performance.now();
    const { outcome, readings } = await sweep(deps, new AbortController().signal);
    const seconds = (performance.now() - startedAt) / 1000;
    const megabytes = memory.stop();
    if (outcome !== "complete" || readings < size) throw new Error(`${outcome} with ${readings} readings`);
    const ours = seconds - timed.seconds();
    say(`${title}: ${seconds.toFixed(1)} s, ${ours.toFixed(1)} s of them ours, ${megabytes.toFixed(0)} MB`);
    report({ case: title, value: ours, unit: "s", baseline: goalSeconds, goal: 1 });
    report({ case: `${title} with Stripe`, value: seconds, unit: "s" });
    report({ case: title, value: megabytes, unit: "MB", baseline: goalMb, goal: 1 });
  } finally {
    await queue.stop(1000);
    await list.close();
  }
}

/** A row for each that has not ended, as if all of them had been built. */
async function seedInstances({ sql }: BenchDatabase): Promise<void> {
  const place = { serverType: "cx23", location: "nbg1" };
  const hash = hashDesired({ planId: "starter", plan, phase: "running", override: {}, place });
  await sql`
    insert into clawfleet.cells (name, account, settings, secrets)
    values ('eu1', 'default', '{"zone": "example.com"}', ${new Uint8Array()})`;
  const nameless = await sql<{ id: string }[]>`select id from clawfleet.subscriptions where slug is null`;
  const ids = nameless.map(({ id }) => id);
  await sql`
    insert into clawfleet.instances (
      id, slug, provider, subscription_id, customer_id, email, cell, secrets, plan, plan_settings, phase, phase_reason,
      phase_since, override, server_type, location, desired_hash, status, observed_generation, observed_phase, ready_at
    )
    select 'i' || lpad(row_number() over ()::text, 12, 'a'), coalesce(slug, name), provider, id, customer_id, email, 'eu1', 'x'::bytea, 'starter',
      ${sql.json(toJson(plan))}, 'running', 'paid', now() - interval '90 days', '{}', 'cx23', 'nbg1', ${hash}, 'ready', 1,
      'running', now()
    from clawfleet.subscriptions
    left join unnest(${ids}::text[], ${ids.flatMap((id) => generatedNames(id)[0] ?? [])}::text[]) as own(id, name) using (id)
    where status <> 'canceled'`;
  await sql`analyze`;
}

/** Time spent waiting for the next page, which is the provider's. */
function withWaitingTime(inner: BillingProvider) {
  let waitedMs = 0;
  const provider: BillingProvider = {
    ...inner,
    async *listSubscriptions(signal) {
      const pages = inner.listSubscriptions(signal)[Symbol.asyncIterator]();
      for (;;) {
        const startedAt = performance.now();
        const { done, value } = await pages.next();
        waitedMs += performance.now() - startedAt;
        if (done === true) return;
        yield value;
      }
    },
  };
  return { provider, seconds: () => waitedMs / 1000, reset: () => void (waitedMs = 0) };
}

/** The most that the process held at any time. */
function watchMemory(): { stop(): number } {
  let most = 0;
  const look = () => void (most = Math.max(most, process.memoryUsage().rss));
  const timer = setInterval(look, 50);
  return {
    stop() {
      look();
      clearInterval(timer);
      return most / 2 ** 20;
    },
  };
}
