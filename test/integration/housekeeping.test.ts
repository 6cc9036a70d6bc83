/**
 * Proves what is removed when it is old and what stays, on a real PostgreSQL with rows as the service writes them.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { removeOld, retention } from "../../reconciler/db/housekeeping.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const now = new Date("2026-11-21T12:00:00Z");
const daysAgo = (days: number) => new Date(now.getTime() - days * 24 * 60 * 60_000);

async function addOperation(stack: string, startedAt: Date, ended: boolean): Promise<void> {
  const { sql } = database;
  const [row] = await sql<{ id: number }[]>`
    insert into clawfleet.operations (stack, kind, reason, actor, generation, worker, started_at, ended_at, outcome)
    values (${stack}, 'up', 'paid', 'test', 1, 'test', ${startedAt}, ${ended ? startedAt : null}, ${ended ? "succeeded" : null})
    returning id`;
  await sql`
    insert into clawfleet.operation_events (operation_id, seq, kind, message)
    select ${row?.id ?? 0}, seq, 'stage', 'x' from generate_series(1, 3) seq`;
}

describe("what is old", () => {
  test("events of operations go, the operations themselves stay; what still runs keeps everything", async () => {
    const { sql } = database;
    await addOperation("old", daysAgo(retention.events + 1), true);
    await addOperation("young", daysAgo(retention.events - 1), true);
    await addOperation("endless", daysAgo(retention.events + 1), false);
    expect(await removeOld(sql, now)).toMatchObject({ events: 3 });
    const rows = await sql`
      select o.stack, count(e.seq)::int as events from clawfleet.operations o
      left join clawfleet.operation_events e on e.operation_id = o.id group by 1 order by 1`;
    expect(rows).toEqual([
      { stack: "endless", events: 3 },
      { stack: "old", events: 0 },
      { stack: "young", events: 3 },
    ]);
    expect(await removeOld(sql, now), "and a second time nothing").toEqual({
      events: 0,
      sweeps: 0,
      hints: 0,
      budgets: 0,
      scans: 0,
      plans: 0,
      answers: 0,
      strangers: 0,
      messages: 0,
    });
  });

  test("more than one statement removes", async () => {
    const { sql } = database;
    const long = daysAgo(retention.sweeps + 1);
    await sql`
      insert into clawfleet.sweeps (started_at, ended_at, outcome)
      select ${long}, ${long}, 'complete' from generate_series(1, 1200)`;
    await sql`insert into clawfleet.sweeps (started_at) values (${long}), (${daysAgo(1)})`;
    expect(await removeOld(sql, now)).toMatchObject({ sweeps: 1200 });
    expect(await sql`select 1 from clawfleet.sweeps`).toHaveLength(2);
  });

  test("a hint that nobody has handled stays, however old", async () => {
    const { sql } = database;
    const long = daysAgo(retention.hints + 1);
    await sql`
      insert into clawfleet.billing_events (provider, id, type, received_at, handled_at) values
        ('stripe', 'evt_old', 'x', ${long}, ${long}), ('stripe', 'evt_open', 'x', ${long}, null),
        ('stripe', 'evt_new', 'x', ${daysAgo(1)}, ${daysAgo(1)})`;
    expect(await removeOld(sql, now)).toMatchObject({ hints: 1 });
    const left = await sql<{ id: string }[]>`select id from clawfleet.billing_events order by id`;
    expect(left.map(({ id }) => id)).toEqual(["evt_new", "evt_open"]);
  });

  test("scans and plans go, but not a plan that a commit or a request refers to", async () => {
    const { sql } = database;
    const long = daysAgo(retention.plans + 1);
    await sql`
      insert into clawfleet.drift_scans (account, actor, started_at, ended_at)
      values ('a', 'clock', ${long}, ${long}), ('a', 'clock', ${long}, null), ('a', 'clock', ${now}, ${now})`;
    await sql`
      insert into clawfleet.plans (purpose, base, head, digest, actor, created_at)
      select 'review', 'a', 'b', 'd', 'x', ${long} from generate_series(1, 3)`;
    await sql`insert into clawfleet.plans (purpose, base, head, digest, actor, created_at) values ('review', 'a', 'b', 'd', 'x', ${now})`;
    await sql`
      insert into clawfleet.git_pushes (commit, basis, plan_id) select 'c', 'b', min(id) from clawfleet.plans`;
    await sql`
      insert into clawfleet.pull_requests (number, head, plan_id) select 1, 'h', min(id) + 1 from clawfleet.plans`;
    expect(await removeOld(sql, now)).toMatchObject({ scans: 1, plans: 1 });
  });
});
