/**
 * A year of customers by a moved clock: orders, late payments, cancellations, returns; a sweep a day, no webhook at all.
 * What was paid for by Stripe's own words is held against what the ledger says was reached, not against what was wanted.
 */
import { cellSettingsSchema, type Phase } from "../../infra/config.ts";
import { planSchema } from "../../infra/plans.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { tellArchived, tellGone, tellReady } from "../../reconciler/messages/recorded.ts";
import { createQueue } from "../../reconciler/queue/queue.ts";
import { sweep, type SweepDeps } from "../../reconciler/sweep.ts";
import { createRandom } from "../sandbox/hetzner/random.ts";
import { createTestLog } from "../support/log.ts";
import type { Reporter } from "./figures.ts";
import { listedKey, startLongList, type Listed } from "./long-list.ts";
import type { BenchDatabase } from "./server.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";

export const yearCustomers = 1000;
const days = 365;
const dayMs = 86_400_000;
/** Ahead of every real clock: by one that is behind the database's no status ages. */
const start = Date.parse("2100-01-01T12:00:00Z");
const grace = { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 };
const plan = planSchema.parse({
  name: "Starter",
  summary: "One assistant.",
  stripeLookupKey: listedKey,
  serverTypes: ["cx23"],
  locations: ["nbg1"],
  grace,
});

/** One status from `from` until the next one begins, days and parts of days since the start. */
type Span = { status: string; from: number };
type Life = { customer: number; spans: Span[] };

/** Each subscription of each customer, drawn once: late and paid again, late and gone, gone and back under a new one. */
function drawLives(customers: number, random: () => number): Life[] {
  const between = (least: number, most: number) => least + random() * (most - least);
  return Array.from({ length: customers }, (_, customer) => {
    const lives: Life[] = [];
    for (let day = between(0, days - 60); day < days; day += between(2, 60)) {
      const spans: Span[] = [{ status: random() < 0.3 ? "trialing" : "active", from: day }];
      day += between(10, 120);
      if (random() < 0.3) {
        spans.push({ status: "past_due", from: day });
        day += between(1, 14);
        spans.push({ status: random() < 0.6 ? "active" : "unpaid", from: day });
        day += between(5, 60);
      }
      lives.push({ customer, spans });
      if (random() < 0.4) break;
      spans.push({ status: "canceled", from: day });
    }
    return lives;
  }).flat();
}

function statusAt({ spans }: Life, day: number): Span | undefined {
  return spans.findLast(({ from }) => from <= day);
}

/** Days that Stripe's words pay for, up to the end of the year. */
function countPaid(life: Life): number {
  return life.spans.reduce((sum, { status, from }, index) => {
    const until = Math.min(days, life.spans[index + 1]?.from ?? days);
    const whole = Math.max(0, until - from);
    if (status === "active" || status === "trialing") return sum + whole;
    return status === "past_due" ? sum + Math.min(whole, grace.pastDueDays) : sum;
  }, 0);
}

export async function measureYear(
  { say, report }: Reporter,
  { sql, url }: BenchDatabase,
  customers = yearCustomers,
): Promise<void> {
  const random = createRandom(7);
  const lives = drawLives(customers, () => random.next()).toSorted(
    (a, b) => (a.spans[0]?.from ?? 0) - (b.spans[0]?.from ?? 0),
  );
  let today = 0;
  const clock = { now: () => new Date(start + today * dayMs) };
  const born = () => lives.filter((life) => statusAt(life, today) !== undefined).length;
  const describe = (index: number): Listed => {
    const life = lives[index];
    const span = life && statusAt(life, today);
    if (!life || !span) throw new Error(`there is no subscription ${index} on day ${today}`);
    const at = (day: number) => new Date(start + day * dayMs);
    const { customer, spans } = life;
    return {
      customer: `cus_${customer}`,
      slug: `c${customer}`,
      status: span.status,
      createdAt: at(spans[0]?.from ?? 0),
      endedAt: span.status === "canceled" ? at(span.from) : null,
    };
  };
  const list = await startLongList(born, describe);
  const { log } = createTestLog();
  const queue = createQueue({ sql, connectionString: url, log });
  await queue.start();
  const cell = cellSettingsSchema.parse({ zone: "example.com", recordQuota: 3500 });
  const cells = new Map(
    Array.from({ length: 14 }, (_, index) => [`eu${index}`, { ...cell, zone: `z${index}.example.com` }]),
  );
  const files = async () => ({ plans: { starter: plan }, overrides: new Map(), cells, broken: new Map() });
  const deps: SweepDeps = {
    sql,
    queue,
    clock,
    log,
    masterKey: "ab".repeat(32),
    files,
    providers: [createStripeBilling({ secretKey: "sk_test_1", webhookSecrets: [], apiUrl: list.origin })],
    intervalMs: dayMs,
    deleteCap: { count: 100, share: 1 },
  };
  await syncCells(deps);
  try {
    let unpaid = 0;
    for (today = 0; today < days; today += 1) {
      await sweep(deps, new AbortController().signal);
      await sql`delete from pgboss.job where name = 'converge'`;
      await work(deps);
      unpaid += await countUnpaid(deps, lives, today);
      if (today % 60 === 0) say(`year: day ${today}, ${born()} subscriptions so far`);
    }
    await balance({ say, report }, deps, lives, unpaid);
  } finally {
    await queue.stop(1000);
    await list.close();
  }
}

/** What converges lead to, at once. */
async function work({ sql, clock }: SweepDeps): Promise<void> {
  const rows = await sql<{ id: string; phase: Phase; generation: number }[]>`
    select id, phase, generation::int as generation from clawfleet.instances
    where status <> 'gone' and observed_generation < generation`;
  const now = clock.now();
  for (const { id, phase, generation } of rows) {
    if (phase === "archived") await tellArchived(sql, id, { generation, now });
    else if (phase === "gone") await tellGone(sql, id, now);
    else await tellReady(sql, id, { generation, phase, outputs: instanceOutputs, now });
  }
}

/** Gateways that run on a day on which nobody has paid for them, right after the sweep. */
async function countUnpaid({ sql }: SweepDeps, lives: readonly Life[], day: number): Promise<number> {
  const rows = await sql<{ slug: string }[]>`
    select slug from clawfleet.instances where status <> 'gone' and observed_phase = 'running'`;
  const paid = new Set(
    lives
      .filter((life) => ["active", "trialing", "past_due"].includes(statusAt(life, day)?.status ?? ""))
      .map(({ customer }) => `c${customer}`),
  );
  return rows.filter(({ slug }) => !paid.has(slug)).length;
}

async function balance(
  { say, report }: Reporter,
  { sql, clock }: SweepDeps,
  lives: readonly Life[],
  unpaid: number,
): Promise<void> {
  const served = await sql<{ slug: string; days: number; times: number }[]>`
    with spans as (
      select slug, value, at, lead(at, 1, ${clock.now()}::timestamptz) over (partition by slug order by id) as until
      from clawfleet.ledger where kind = 'reached'
    )
    select slug, (count(*) filter (where value = 'running'))::int as times,
      coalesce(sum(extract(epoch from until - at)) filter (where value = 'running'), 0)::float8 / 86400 as days
    from spans group by slug`;
  // What begins after the last sweep is nobody's yet.
  const seen = lives.filter(({ spans }) => (spans[0]?.from ?? 0) <= days - 1);
  const paid = Map.groupBy(seen, ({ customer }) => `c${customer}`);
  const bySlug = new Map(served.map((row) => [row.slug, row]));
  let off = 0;
  let paidDays = 0;
  let servedDays = 0;
  for (const [slug, own] of paid) {
    const row = bySlug.get(slug) ?? { days: 0, times: 0 };
    const wanted = own.reduce((sum, life) => sum + countPaid(life), 0);
    paidDays += wanted;
    servedDays += row.days;
    // Every time of running may begin or end one sweep late, and no later.
    if (Math.abs(wanted - row.days) > row.times) off += 1;
  }
  const reached = await sql<{ value: string; count: number }[]>`
    select value, count(*)::int as count from clawfleet.ledger where kind = 'reached' group by value order by value`;
  const counts = reached.map(({ value, count }) => `${value} ${count}`).join(", ");
  say(`year: ${lives.length} subscriptions, reached: ${counts}`);
  say(
    `year: paid ${paidDays.toFixed(0)} days, served ${servedDays.toFixed(0)}, ${off} customers off, ${unpaid} unpaid server-days`,
  );
  report({ case: "year paid", value: paidDays, unit: "days" });
  report({ case: "year served", value: servedDays, unit: "days", baseline: paidDays });
  report({
    case: "year customers off by more than a sweep a time of running",
    value: off,
    unit: "customers",
  });
  report({ case: "year unpaid", value: unpaid, unit: "server-days" });
  if (off > 0 || unpaid > 0) throw new Error("the ledger does not balance");
}
