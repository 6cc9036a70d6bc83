/** Proves on a real PostgreSQL that the pages of the fleet's table hold every row once, in every order, both ways, while rows change. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  countFleetTable,
  fleetSorts,
  readFleetTable,
  type FleetTableInput,
  type FleetTablePage,
} from "../../reconciler/db/fleet-table.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { seedConsoleFleet } from "../support/console-fleet.ts";

const count = 1_234;
let api: AdminApp;
beforeAll(async () => {
  api = await startAdminApp();
  await seedConsoleFleet(api.database.sql, count);
});
afterAll(() => api?.close());

const read = (input: Partial<FleetTableInput>) =>
  readFleetTable(api.database.sql, { sort: "status", descending: false, limit: 100, ...input });

/** Every page from the first to the last. */
async function walk(input: Partial<FleetTableInput>): Promise<FleetTablePage[]> {
  const pages = [await read(input)];
  for (let next = pages[0]?.next; next; next = pages.at(-1)?.next)
    pages.push(await read({ ...input, after: next }));
  return pages;
}

const idsOf = (pages: readonly FleetTablePage[]) => pages.flatMap(({ rows }) => rows.map(({ id }) => id));

test.each(fleetSorts.flatMap((sort) => [false, true].map((descending) => ({ sort, descending }))))(
  "every row once by $sort, descending: $descending, and the same pages on the way back",
  async (order) => {
    const pages = await walk(order);
    const ids = idsOf(pages);
    expect([ids.length, new Set(ids).size]).toEqual([count, count]);
    const values = pages.flatMap(({ rows }) => rows.map(({ value }) => value));
    const sorted = values.toSorted();
    expect(values).toEqual(order.descending ? sorted.toReversed() : sorted);
    expect([pages[0]?.previous, pages.at(-1)?.next]).toEqual([undefined, undefined]);
    let page = pages.at(-1);
    for (const before of pages.slice(0, -1).toReversed()) {
      page = await read({ ...order, before: page?.previous });
      expect(page.rows.map(({ id }) => id)).toEqual(before.rows.map(({ id }) => id));
    }
    expect(page?.previous).toBeUndefined();
  },
);

test("the worst stand on top", async () => {
  const { rows } = await read({ limit: 13 });
  expect(rows.map(({ status }) => status)).toEqual([...Array(12).fill("parked"), "waiting"]);
});

test.each([
  [{ search: "ADA" }, 123],
  [{ search: "cleo1022@example" }, 1],
  [{ search: "100%" }, 0],
  [{ phase: "suspended" }, 39],
  [{ plan: "pro" }, 308],
  [{ cell: "eu2" }, 412],
  [{ status: "parked" }, 12],
  [{ health: "ill", plan: "pro" }, 13],
  [{ status: "parked", search: "nobody" }, 0],
] as const)("%j finds %i, and the counts say so", async (filter, found) => {
  expect(idsOf(await walk({ ...filter, limit: 37 }))).toHaveLength(found);
  const counts = await countFleetTable(api.database.sql, filter);
  const status = "status" in filter ? filter.status : undefined;
  const total = [...counts].reduce((sum, [name, rows]) => (status && name !== status ? sum : sum + rows), 0);
  expect(total).toBe(found);
});

test("an address is found whatever its capitals, here and by the API", async () => {
  const { sql } = api.database;
  const [{ id } = { id: "" }] = await sql<{ id: string }[]>`
    update clawfleet.instances set email = 'Zoe.Doe@Example.org' where slug = 'edith-4' returning id`;
  for (const search of ["Zoe.Doe@Example.org", "zoe.doe@example", "ZOE", id.toUpperCase()]) {
    expect(idsOf([await read({ search })])).toEqual([id]);
    const { body } = await api.request("GET", `/api/v1/instances?search=${search}`);
    expect(body).toMatchObject({ instances: [{ slug: "edith-4" }] });
  }
});

test("a row that moves while somebody reads takes no other with it", async () => {
  const first = await read({ sort: "name" });
  const moved = first.rows.at(-1);
  await api.database.sql`delete from clawfleet.health where instance_id = ${moved?.id ?? ""}`;
  await api.database.sql`delete from clawfleet.instances where id = ${moved?.id ?? ""}`;
  const second = await read({ sort: "name", after: first.next });
  const all = idsOf(await walk({ sort: "name", limit: 1_000 }));
  expect(second.rows[0]?.id).toBe(all[99]);
});
