/**
 * Proves with random histories of three customers (webhooks lost, repeated, at two workers at once; sweeps that fail, come empty or
 * end in the middle; workers away, everything halted, months passing) that once it settles, every phase is as the table says,
 * the cloud holds exactly the servers and snapshots of that, no letter is written twice, and that on no step anything is taken
 * away that is paid for. Stripe and PostgreSQL are asked for real; what the engine does is proved by test/e2e/billing-model.test.ts.
 */
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { createQueue, type Queue } from "../../reconciler/queue/queue.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { histories } from "../support/billing-model/history.ts";
import { badness, expectPhase, modelGrace } from "../support/billing-model/oracle.ts";
import { ownersOf, type World } from "../support/billing-model/model.ts";
import { live, readRows, settle, withWorld } from "../support/billing-model/world.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { createTestLog } from "../support/log.ts";

const runs = 500;
const limitMs = 900_000;

let database: TestDatabase;
let queue: Queue;
let base: Omit<ApplyDeps, "clock">;

beforeAll(async () => {
  database = await createTestDatabase();
  const { sql } = database;
  const { log } = createTestLog();
  queue = createQueue({ sql, connectionString: database.url, log });
  await queue.start();
  const read = await readStackFiles(sandboxStacks);
  const plans = Object.fromEntries(
    Object.entries(read.plans).map(([id, plan]) => [id, { ...plan, grace: modelGrace }]),
  );
  const files = async () => ({ ...read, plans });
  base = { sql, queue, log, masterKey: "ab".repeat(32), files };
  await syncCells({ sql, queue, log, masterKey: base.masterKey, files });
});
afterAll(async () => {
  await queue.stop(1000);
  await database.close();
});

type Seen = { what: string; phases: [slug: string, phase: string][] };

/** Pairs of what is and what should be, so that one comparison shows all that differs. */
async function compare(world: World): Promise<{ is: Seen[]; shouldBe: Seen[] }> {
  const now = world.stripe.clock.now().getTime();
  const living = (await readRows(world)).filter(({ status }) => status !== "gone");
  const slugs = new Set([...world.subscriptions.values()].flat().map((one) => one.slug));
  const paid = [...slugs].filter((slug) => expectPhase(ownersOf(world, slug), now) === "running");
  const missing = paid.filter((slug) => !living.some((row) => row.slug === slug));
  const rightly = living.map(({ slug, phase }): [string, string] => {
    const expected = expectPhase(ownersOf(world, slug), now) ?? "gone";
    // Time in which our workers were away is not counted against a customer.
    const kinder = world.workersWereDown && badness[phase] < badness[expected];
    return [slug, kinder ? phase : expected];
  });
  const standing = living.filter(({ phase }) => phase === "running" || phase === "suspended");
  const archived = living.filter(({ id, phase }) => phase === "archived" && world.made.has(id));
  const sorted = (pairs: [string, string][]) => pairs.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    is: [
      { what: "phases", phases: sorted(living.map(({ slug, phase }) => [slug, phase])) },
      { what: "paid for and not there", phases: missing.map((slug) => [slug, "running"]) },
      { what: "servers", phases: sorted([...world.servers]) },
      { what: "snapshots", phases: sorted([...world.snapshots].map((id) => [id, "archived"])) },
    ],
    shouldBe: [
      { what: "phases", phases: sorted(rightly) },
      { what: "paid for and not there", phases: [] },
      { what: "servers", phases: sorted(standing.map(({ id, phase }) => [id, phase])) },
      { what: "snapshots", phases: sorted(archived.map(({ id }) => [id, "archived"])) },
    ],
  };
}

async function check(world: World): Promise<void> {
  expect(world.wrongs).toEqual([]);
  const { is, shouldBe } = await compare(world);
  expect(is).toEqual(shouldBe);
  expect(await findRepeated(world)).toEqual([]);
  expect(await findCrowded(world)).toEqual([]);
}

/** Letters of a kind that happened so often or less: starts, stops and late payments are in the ledger. */
async function findRepeated({ deps }: World): Promise<readonly unknown[]> {
  return await deps.sql`
    with told as (
      select subject, occasion, count(*)::int as letters from clawfleet.outbox
      where channel = 'mail' and occasion <> 'deletion_warning' group by subject, occasion
    ), happened as (
      select instance_id,
        count(*) filter (where value = 'running')::int as starts,
        count(*) filter (where value in ('suspended', 'archived'))::int as stops
      from clawfleet.ledger where kind = 'wanted' group by instance_id
    ), late as (
      select i.id, count(*)::int as times
      from clawfleet.instances i
      join clawfleet.subscriptions s on s.provider = i.provider and s.customer_id = i.customer_id
      join clawfleet.ledger l on l.kind = 'status' and l.provider = s.provider and l.subscription_id = s.id
      where l.value = 'past_due' group by i.id
    )
    select t.* from told t join happened h on h.instance_id = t.subject left join late on late.id = t.subject
    where letters > case occasion
      when 'paid' then 1 when 'deleted' then 1 when 'ready' then h.starts when 'failed' then h.starts
      when 'suspended' then h.stops when 'past_due' then coalesce(late.times, 0) end`;
}

/** Warnings of a deletion are two days apart; a deletion that is put off takes those before it back. */
async function findCrowded({ deps }: World): Promise<readonly unknown[]> {
  return await deps.sql`
    select one.subject, one.period, other.period as again
    from clawfleet.outbox one join clawfleet.outbox other
      on other.subject = one.subject and other.id > one.id and other.occasion = one.occasion
    where one.channel = 'mail' and one.occasion = 'deletion_warning'
      and 'withdrawn' not in (one.state, other.state)
      and abs(extract(epoch from other.due_at - one.due_at)) < 86400`;
}

/** How many histories led there: what is never reached is not proved. */
const reached = { archived: 0, gone: 0, restored: 0, waited: 0 };

async function count({ deps }: World): Promise<void> {
  const [seen] = await deps.sql<{ archived: boolean; gone: boolean; restored: boolean; waited: boolean }[]>`
    select bool_or(value = 'archived') as archived, bool_or(value = 'gone') as gone,
      bool_or(value = 'running' and exists (
        select 1 from clawfleet.ledger b
        where b.instance_id = l.instance_id and b.id < l.id and b.kind = 'reached' and b.value = 'archived'
      )) as restored,
      exists (select 1 from clawfleet.outages) as waited
    from clawfleet.ledger l where kind = 'reached'`;
  for (const key of ["archived", "gone", "restored", "waited"] as const) if (seen?.[key]) reached[key] += 1;
}

test(
  `whatever happens, the fleet comes to what is paid for (${runs} histories)`,
  async () => {
    await fc.assert(
      fc.asyncProperty(histories, (history) =>
        withWorld(base, async (world) => {
          await live(world, history);
          await settle(world);
          await check(world);
          await count(world);
        }),
      ),
      { numRuns: runs, seed: 20_261_121, endOnFailure: true },
    );
    const seldom = Object.entries(reached).filter(([, times]) => times <= runs / 100);
    expect(seldom).toEqual([]);
  },
  limitMs,
);
