/**
 * Proves on real rows that what machines say of messages is counted by day and never goes down, and that who comes to their plan's
 * limit is told once a month, with the operators, and goes on running. What machines say is given here; that the script counts
 * right: message-count.test.ts.
 */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { findFleetInstance } from "../../reconciler/db/fleet.ts";
import { removeOld } from "../../reconciler/db/housekeeping.ts";
import { startWard, type Ward } from "../support/ward.ts";

const dayMs = 86_400_000;
let ward: Ward;
beforeAll(async () => {
  ward = await startWard();
});
beforeEach(async () => {
  await ward.clear();
  const { sql } = ward.side.apply;
  await sql`truncate clawfleet.message_counts, clawfleet.message_limits_reached, clawfleet.outbox`;
  await limit(100);
});
afterAll(() => ward.close());

/** Of everybody's plan. */
async function limit(messagesPerMonth: number | null): Promise<void> {
  const { sql } = ward.side.apply;
  await sql`
    update clawfleet.instances set plan_settings = jsonb_strip_nulls(
      plan_settings || ${sql.json({ messagesPerMonth })}::jsonb)`;
}

const month = () => ward.side.now().toISOString().slice(0, 7);
/** One reading of everybody; Bob's machine says so many for each of these days of the month. */
async function say(counts: Record<number, number>): Promise<void> {
  const messages = Object.entries(counts).map(([day, count]) => ({
    day: `${month()}-${day.padStart(2, "0")}`,
    count,
  }));
  ward.ill.set("bob", { messages });
  await ward.read();
}

type Told = { slug: string; period: string; limit: number };
async function letters(): Promise<Told[]> {
  return await ward.side.apply.sql<Told[]>`
    select i.slug, o.period, (o.facts ->> 'limit')::int as "limit" from clawfleet.outbox o
    join clawfleet.instances i on i.id = o.subject where o.occasion = 'message_limit' order by o.id`;
}
const alerts = () => ward.alerts.filter(({ kind }) => kind === "message_limit").map(({ about }) => about);
const shown = async (slug: string) => (await findFleetInstance(ward.side.apply.sql, slug))?.health?.messages;

test("the limit is told once, to the customer and to the operators, and nothing is stopped", async () => {
  await say({ 1: 60, 2: 39 });
  expect([await letters(), alerts()]).toEqual([[], []]);
  await say({ 1: 60, 2: 40 });
  await say({ 2: 55, 3: 70 });
  const told = [{ slug: "bob", period: `${month()} 100`, limit: 100 }];
  expect([await letters(), alerts()]).toEqual([told, ["bob"]]);
  expect(await shown("bob")).toEqual({ count: 185, limit: 100 });
  expect(await shown("amy")).toEqual({ count: 0, limit: 100 });
  expect([await ward.queued(), (await ward.row("bob"))?.verdict]).toEqual([[], "well"]);
});

test("a machine that was made anew has forgotten what was counted; we have not", async () => {
  await say({ 5: 80 });
  await say({ 5: 3 });
  expect(await shown("bob")).toEqual({ count: 80, limit: 100 });
});

test("another limit is another occasion; a plan without one has none", async () => {
  await limit(null);
  await say({ 1: 500 });
  expect([await letters(), await shown("bob")]).toEqual([[], { count: 500, limit: null }]);
  await limit(400);
  await say({ 1: 500 });
  await limit(1000);
  await say({ 1: 999 });
  await limit(400);
  await say({ 1: 999 });
  expect(await letters()).toEqual([{ slug: "bob", period: `${month()} 400`, limit: 400 }]);
});

test("the next month counts anew, and yesterday's last messages stay in theirs", async () => {
  await say({ 1: 100 });
  const before = month();
  while (month() === before) ward.side.advance(dayMs);
  ward.ill.set("bob", {
    messages: [
      { day: `${before}-28`, count: 500 },
      { day: `${month()}-01`, count: 99 },
    ],
  });
  await ward.read();
  expect(alerts()).toEqual(["bob"]);
  expect(await shown("bob")).toEqual({ count: 99, limit: 100 });
  await say({ 1: 100 });
  expect(alerts()).toEqual(["bob", "bob"]);
});

test("who has no address is not written to, and the operators hear of it", async () => {
  const { sql } = ward.side.apply;
  const [row] = await sql<{ email: string }[]>`select email from clawfleet.instances where slug = 'bob'`;
  await sql`update clawfleet.instances set email = null where slug = 'bob'`;
  await say({ 1: 100 });
  expect([await letters(), alerts()]).toEqual([[], ["bob"]]);
  await sql`update clawfleet.instances set email = ${row?.email ?? null} where slug = 'bob'`;
});

test("counts are kept for two months", async () => {
  await say({ 1: 7 });
  const { sql } = ward.side.apply;
  await removeOld(sql, new Date(ward.side.now().getTime() + 20 * dayMs));
  expect(await shown("bob")).toEqual({ count: 7, limit: 100 });
  await removeOld(sql, new Date(ward.side.now().getTime() + 120 * dayMs));
  expect(await shown("bob")).toEqual({ count: 0, limit: 100 });
});
