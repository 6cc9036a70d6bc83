/**
 * Proves 20 random histories of customers through the real engine, all in one fleet whose clock is moved: after each round the
 * clouds hold exactly the servers, records, firewalls and snapshots of what the table says. Machines run nothing here, so it
 * cannot prove that data comes back: test/e2e/phases.test.ts does. Of every second customer a webhook arrives, twice at once,
 * the others' are lost; clouds refuse some requests, and every second list of Stripe's fails.
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import type { ConvergeDeps } from "../../reconciler/converge/converge-instance.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import type { RunnerPool } from "../../reconciler/engine/runner-pool.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { handleHint, type HintDeps } from "../../reconciler/hints.ts";
import { sweep } from "../../reconciler/sweep.ts";
import { createMovableClock } from "../sandbox/kit/clock.ts";
import { sandboxZone } from "../sandbox/start.ts";
import { expectPhase, modelGrace, type KnownSubscription } from "../support/billing-model/oracle.ts";
import { rigCell, startConvergeRig, type ConvergeRig } from "../support/converge-rig.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { findTestEngine } from "../support/engine.ts";

const engine = await findTestEngine();
const histories = 20;
const rounds = 4;
const workers = 2;
const dayMs = 86_400_000;
const sweepMs = 3_600_000;

const act = fc.constantFrom("buy", "buy", "late", "unpaid", "pay", "cancel", "cancel", "nothing");
type Act = "buy" | "late" | "unpaid" | "pay" | "cancel" | "nothing";
type Customer = {
  slug: string;
  id: string | undefined;
  acts: readonly Act[];
  subscriptions: KnownSubscription[];
};
type Row = { id: string; slug: string; phase: string; status: string; detail: string | null };

const clock = createMovableClock();
let database: TestDatabase;
let rig: ConvergeRig;
let pools: (ConvergeDeps & { pool: RunnerPool })[] = [];

describe.skipIf(engine === undefined)("customers of every kind", () => {
  beforeAll(async () => {
    database = await createTestDatabase();
    rig = await startConvergeRig(database, clock);
    rig.apply.files = async () => {
      const read = await readStackFiles(rig.stacksDir);
      const graced = Object.entries(read.plans).map(([id, plan]) => [id, { ...plan, grace: modelGrace }]);
      return { ...read, plans: Object.fromEntries(graced) };
    };
    pools = Array.from({ length: workers }, () => rig.createWorkerDeps());
  });
  afterAll(async () => {
    for (const { pool } of pools) await pool.stop();
    await rig?.close();
    await database?.close();
  });

  test(`the clouds hold what is paid for after every round of ${histories} histories`, async () => {
    const seeds = { numRuns: histories, seed: 20_261_121 };
    const customers = fc
      .sample(fc.array(act, { minLength: rounds - 1, maxLength: rounds - 1 }), seeds)
      .map((acts, index): Customer => ({
        slug: `c${index}`,
        id: undefined,
        acts: ["buy", ...acts],
        subscriptions: [],
      }));
    const waits = [1, 8, 25, 8];
    const seen = new Set<string>();
    for (let round = 0; round < rounds; round += 1) {
      for (const customer of customers) take(customer, customer.acts[round] ?? "nothing");
      await readAndConverge(customers);
      move((waits[round] ?? 1) * dayMs);
      await readAndConverge(customers);
      for (const phase of await check(customers)) seen.add(phase);
    }
    expect(sorted([...seen])).toEqual(["archived", "gone", "running", "suspended"]);
  }, 1_200_000);
});

function move(ms: number): void {
  clock.moveBy(ms);
  rig.sandbox.stripe.clock.moveBy(ms);
}

function take(customer: Customer, what: Act): void {
  const { stripe } = rig.sandbox;
  const [last] = customer.subscriptions;
  if (what === "nothing") return;
  if (what === "buy") {
    const made = stripe.createPaidSubscription({
      lookupKey: "clawfleet-starter-monthly",
      email: `${customer.slug}@example.com`,
      metadata: { slug: customer.slug },
      ...(customer.id === undefined ? {} : { customer: customer.id }),
    });
    customer.id = made.customer;
    const { slug } = customer;
    customer.subscriptions.unshift({ id: made.id, slug, status: "active", endedAt: null, read: undefined });
    return;
  }
  if (!last || last.endedAt !== null) return;
  if (what === "cancel") {
    stripe.cancelSubscription(last.id);
    last.status = "canceled";
    last.endedAt = clock.now().getTime();
    return;
  }
  last.status = { late: "past_due", unpaid: "unpaid", pay: "active" }[what];
  stripe.setStatus(last.id, last.status);
}

/** Three sweeps an interval apart, and after each whatever follows, by two workers. */
async function readAndConverge(customers: readonly Customer[]): Promise<void> {
  const { stripe } = rig.sandbox;
  const billing = createStripeBilling({ secretKey: stripe.key, webhookSecrets: [], apiUrl: stripe.origin });
  const deps = {
    ...rig.apply,
    providers: [billing],
    intervalMs: sweepMs,
    deleteCap: { count: 100, share: 1 },
  };
  await tellHalf(deps, customers);
  disturbClouds();
  for (let turn = 0; turn < 3; turn += 1) {
    move(sweepMs);
    stripe.faults.add({ path: "^/v1/subscriptions", times: 1, effect: refusal });
    expect((await sweep(deps, new AbortController().signal)).outcome).toBe("failed");
    stripe.faults.clear();
    move(sweepMs);
    noteRead(customers);
    if (turn === 2) calmClouds();
    expect((await sweep(deps, new AbortController().signal)).outcome).toBe("complete");
    await converge();
  }
}

const refusal = {
  kind: "answer",
  status: 500,
  body: { error: { message: "no" } },
  headers: { "stripe-should-retry": "false" },
} as const;

/** Too few for anybody to be taken for down. */
function disturbClouds(): void {
  const { hetzner, cloudflare } = rig.sandbox;
  const effect = { kind: "answer", status: 503, body: "no" } as const;
  hetzner.faults.add({ method: "POST", path: "/servers", times: 1, effect });
  cloudflare.faults.add({ method: "POST", path: "/dns_records", times: 1, effect });
}

function calmClouds(): void {
  rig.sandbox.hetzner.faults.clear();
  rig.sandbox.cloudflare.faults.clear();
}

/** Webhooks of every second customer, each twice at once. */
async function tellHalf(deps: HintDeps, customers: readonly Customer[]): Promise<void> {
  const told = customers.filter((customer, index) => customer.id !== undefined && index % 2 === 0);
  noteRead(told);
  for (const { id: customerId } of told) {
    const job = { provider: "stripe", eventId: "evt_model", customerId: customerId ?? null, objectId: null };
    await Promise.all([handleHint(deps, job), handleHint(deps, job)]);
  }
}

function noteRead(customers: readonly Customer[]): void {
  const at = clock.now().getTime();
  for (const one of customers.flatMap(({ subscriptions }) => subscriptions))
    one.read = { status: one.status, at: one.read?.status === one.status ? one.read.at : at, againAt: at };
}

async function converge(): Promise<void> {
  const open = await database.sql<{ id: string; slug: string }[]>`
    select id, slug from clawfleet.instances
    where status <> 'gone' and (observed_generation < generation or status <> 'ready') order by id`;
  const jobs = [...open];
  await Promise.all(
    pools.map(async (deps) => {
      for (let next = jobs.shift(); next !== undefined; next = jobs.shift()) {
        const job = { stack: next.slug, instanceId: next.id, cell: rigCell, kind: "converge" } as const;
        const why = { reason: "paid", actor: "model" } as const;
        await handleConvergeJob(deps, { ...job, ...why }, new AbortController().signal);
      }
    }),
  );
  await database.sql`delete from pgboss.job where name = 'converge'`;
}

/** Compares rows and clouds with what is expected; returns the phases that there were. */
async function check(customers: readonly Customer[]): Promise<string[]> {
  const now = clock.now().getTime();
  const rows = await database.sql<Row[]>`
    select id, slug, phase, status, status_detail as detail from clawfleet.instances where status <> 'gone' order by slug`;
  expect(rows.filter(({ status }) => status !== "ready")).toEqual([]);
  const expected = customers.flatMap(({ slug, subscriptions }) => {
    const phase = expectPhase(subscriptions, now) ?? "gone";
    return phase === "gone" ? [] : [`${slug} ${phase}`];
  });
  const having = (...phases: string[]) => rows.filter(({ phase }) => phases.includes(phase));
  const standing = having("running", "suspended").map(({ slug }) => slug);
  const { hetzner, cloudflare } = rig.sandbox;
  const project = hetzner.project();
  const snapshots = project.images().filter(({ type }) => type === "snapshot");
  const recordsOf = (slug: string) => cloudflare.recordsNamed(`${slug}.${sandboxZone}`).length;
  expect({
    rows: sorted(rows.map(({ slug, phase }) => `${slug} ${phase}`)),
    servers: sorted(project.servers().map(({ name }) => name)),
    firewalls: sorted(project.firewalls().map(({ name }) => name)),
    snapshots: sorted(snapshots.map(({ labels }) => labels["clawfleet-instance"] ?? "")),
    records: customers.map(({ slug }) => recordsOf(slug)),
  }).toEqual({
    rows: sorted(expected),
    servers: sorted(standing.map((slug) => `cf-${slug}`)),
    firewalls: sorted(standing.map((slug) => `cf-${slug}`)),
    snapshots: sorted(having("archived").map(({ id }) => id)),
    records: customers.map(({ slug }) => (standing.includes(slug) ? 2 : 0)),
  });
  const gone = expected.length < customers.length ? ["gone"] : [];
  return [...rows.map(({ phase }) => phase), ...gone];
}

function sorted(texts: readonly string[]): string[] {
  return texts.toSorted((a, b) => (a < b ? -1 : 1));
}
