/** What changes with the size of the fleet, which should be nothing for one customer; beside one stack that holds them all. */
import type { BillingProvider, SubscriptionReading } from "../../reconciler/billing/provider.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import type { RunnerPool } from "../../reconciler/engine/runner-pool.ts";
import type { ConvergeJob } from "../../reconciler/queue/jobs.ts";
import { sweep } from "../../reconciler/sweep.ts";
import { startConvergeRig, type ConvergeRig } from "../support/converge-rig.ts";
import { eventually } from "../support/poll.ts";
import { measureBigStacks } from "./big-stack.ts";
import type { Bench, Reporter } from "./figures.ts";
import { measureStates, sampleSlug, seedFleet } from "./fleet-seed.ts";
import { createSamples, type Samples } from "./samples.ts";
import { withServer, type BenchDatabase } from "./server.ts";

const sizes = [10, 100, 1000, 10_000] as const;
const changeRounds = 9;
const newCustomers = 5;
const workers = 2;
const changeGoal = 1.2;

type Fleet = {
  size: number;
  rig: ConvergeRig;
  database: BenchDatabase;
  deps: ConvergeDeps & { pool: RunnerPool };
  customer: ConvergeJob;
};

export const bench: Bench = {
  summary: "one change, a sweep and a new customer in fleets of 10 to 10,000; beside one big stack",
  run: (reporter) =>
    withServer(async (createDatabase) => {
      const fleets: Fleet[] = [];
      try {
        for (const size of sizes)
          fleets.push(await buildFleet(reporter, size, await createDatabase(`fleet${size}`)));
        await measureChanges(reporter, fleets);
        for (const fleet of fleets) await measureSweeps(reporter, fleet);
      } finally {
        for (const { deps, rig } of fleets) {
          await deps.pool.stop();
          await rig.close();
        }
      }
      await measureBigStacks(reporter, await createDatabase("big"));
    }),
};

async function buildFleet({ say }: Reporter, size: number, database: BenchDatabase): Promise<Fleet> {
  const rig = await startConvergeRig(database);
  const deps = rig.createWorkerDeps();
  await rig.converge(deps, await rig.addInstance(sampleSlug), "paid");
  const customer = await rig.addInstance("changed-customer");
  await rig.converge(deps, customer, "paid");
  await seedFleet(database.sql, size - 2);
  say(`fleet of ${size}: states of ${(await measureStates(database.sql)).toFixed(0)} MB`);
  return { size, rig, database, deps, customer };
}

/** The same change of one customer, in turn in every fleet. */
async function measureChanges({ say, report }: Reporter, fleets: readonly Fleet[]): Promise<void> {
  const samples = createSamples();
  for (let round = 0; round < changeRounds; round += 1) {
    // Back and forth, so that no fleet always comes after the same other.
    for (const { size, rig, deps, customer } of round % 2 === 0 ? fleets : fleets.toReversed()) {
      await rig.override(customer, `openclawVersion: 2026.9.${10 + round}`);
      const name = `change ${size}`;
      const seconds = await samples.time(name, () => rig.converge(deps, customer, "pull-request"));
      say(`round ${round + 1} of ${changeRounds}: ${name} ${seconds.toFixed(2)} s`);
    }
  }
  const baseline = samples.median(`change ${sizes[0]}`);
  for (const { size } of fleets) {
    report({
      case: `change ${size}`,
      value: samples.median(`change ${size}`),
      unit: "s",
      baseline,
      goal: changeGoal,
    });
  }
}

async function measureSweeps(reporter: Reporter, fleet: Fleet): Promise<void> {
  const { report } = reporter;
  const { size, rig, database } = fleet;
  const samples = createSamples();
  const provider = await createListing(database);
  const run = async (changed: number) => {
    const deps = { ...rig.apply, providers: [provider], intervalMs: 1000, deleteCap: { count: 0, share: 0 } };
    const result = await sweep(deps, new AbortController().signal);
    if (result.outcome !== "complete" || result.changed !== changed)
      throw new Error(`the sweep of ${size} changed ${result.changed} and should have changed ${changed}`);
  };
  // The first one finds what the making of the fleet left out.
  await sweep(
    { ...rig.apply, providers: [provider], intervalMs: 1000, deleteCap: { count: 0, share: 0 } },
    new AbortController().signal,
  );
  await samples.time("unchanged", () => run(0));
  report({ case: `sweep ${size} without change`, value: samples.median("unchanged"), unit: "s" });
  await rig.changePlans();
  await samples.time("changed", () => run(size));
  report({ case: `sweep ${size} with all changed`, value: samples.median("changed"), unit: "s" });
  await measureWait(reporter, fleet, samples);
}

/** New customers one by one, while workers go through the sweep's jobs without doing anything in them. */
async function measureWait({ report, say }: Reporter, fleet: Fleet, samples: Samples): Promise<void> {
  const { size, rig } = fleet;
  const started = new Set<string>();
  const worker = rig.queue.work("converge", { concurrency: workers }, async (job) => {
    started.add(job.data.stack);
  });
  const from = performance.now();
  for (let at = 0; at < newCustomers; at += 1) {
    const slug = `new-${at}`;
    await samples.time("wait", async () => {
      await rig.pay(slug);
      await eventually(`${slug} is begun`, () => started.has(slug), 600_000);
    });
  }
  const seconds = (performance.now() - from) / 1000;
  say(`fleet of ${size}: ${(started.size / seconds).toFixed(0)} empty jobs a second meanwhile`);
  await worker.stop(10_000);
  report({ case: `wait of a new customer behind ${size}`, value: samples.median("wait"), unit: "s" });
}

/** Billing's list of everybody, from memory: how fast billing answers is another bench's matter. */
async function createListing({ sql }: BenchDatabase): Promise<BillingProvider> {
  const all = await sql<SubscriptionReading[]>`
    select id, customer_id as "customerId", email, slug, order_id as "orderId", price_keys as "priceKeys", status,
      created_at as "createdAt", period_end as "periodEnd", cancel_at as "cancelAt", ended_at as "endedAt"
    from clawfleet.subscriptions`;
  const stripe = createStripeBilling({
    secretKey: "sk_test_bench",
    webhookSecrets: [],
    apiUrl: "http://127.0.0.1",
  });
  return {
    ...stripe,
    name: "comped",
    async *listSubscriptions() {
      for (let at = 0; at < all.length; at += 100) yield all.slice(at, at + 100);
    },
  };
}
