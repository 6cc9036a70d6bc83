/**
 * Proves on real rows what follows when overrides ask for domains of customers' own and cells gain and lose zones: in whose row
 * a domain is, who is told, which cell takes somebody new. Whether anything answers under it is e2e/custom-domain.test.ts.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { CellSettings, Override } from "../../infra/config.ts";
import { convergeInstance } from "../../reconciler/converge/converge-instance.ts";
import { listZones } from "../../reconciler/db/account-checks.ts";
import { lockCellSettings } from "../../reconciler/db/cells.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { proposeDesired } from "../../reconciler/gitops/propose.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";
import { cellOutputs, createCannedRuns } from "../support/canned-runs.ts";

let side: BillingSide;
let overrides: Map<string, Override>;
let cells: Map<string, CellSettings>;
const told: string[] = [];

beforeEach(async () => {
  side = await startBillingSide();
  const files = await readStackFiles(sandboxStacks);
  overrides = new Map();
  cells = new Map(files.cells);
  side.apply.files = async () => ({ ...files, overrides, cells });
  told.length = 0;
  side.apply.onAlert = ({ kind, message }) => told.push(`${kind}: ${message}`);
});
afterEach(() => side.close());

function zones(...customZones: string[]): void {
  const lab = cells.get("lab");
  if (lab) cells.set("lab", { ...lab, customZones });
}

/** As the service does it: first the cells, then everybody. */
async function sweep(): Promise<void> {
  await syncCells(side.apply);
  await side.sweep();
}

async function domains(): Promise<Record<string, [domain: string | null, generation: number]>> {
  const rows = await side.apply.sql<{ slug: string; domain: string | null; generation: number }[]>`
    select slug, override ->> 'customDomain' as domain, generation::int as generation
    from clawfleet.instances where status <> 'gone' order by slug`;
  return Object.fromEntries(rows.map(({ slug, domain, generation }) => [slug, [domain, generation]]));
}

describe("a domain of a customer's own", () => {
  beforeEach(async () => {
    zones("firm.example", "shop.example");
    side.subscribe("amy");
    side.subscribe("bob");
    await side.settle();
    await sweep();
  });

  test("is in the row of who asks for it, changes there, and goes again", async () => {
    overrides.set("bob", { customDomain: "ai.firm.example" });
    await sweep();
    expect(await domains()).toEqual({ amy: [null, 1], bob: ["ai.firm.example", 2] });
    expect(await side.waitingConverges()).toContain("bob");
    overrides.set("bob", { customDomain: "shop.example" });
    await sweep();
    overrides.delete("bob");
    await sweep();
    expect(await domains()).toEqual({ amy: [null, 1], bob: [null, 4] });
    expect(told).toEqual([]);
  });

  test("that somebody has is refused with their name, and is free once they have given it up", async () => {
    overrides.set("bob", { customDomain: "ai.firm.example" });
    await sweep();
    overrides.set("amy", { customDomain: "ai.firm.example" });
    await sweep();
    expect(told).toEqual([
      "address_taken: the override of amy asks for the domain ai.firm.example, which bob has",
    ]);
    overrides.delete("bob");
    await sweep();
    await sweep();
    expect(await domains()).toEqual({ amy: ["ai.firm.example", 2], bob: [null, 3] });
  });

  test("in no zone of their cell is refused with those that there are", async () => {
    overrides.set("bob", { customDomain: "ai.other.example" });
    await sweep();
    expect(told).toEqual([
      "domain_refused: the override of bob asks for the domain ai.other.example, which is in no zone that " +
        "the cell lab knows (clawfleet:customZones: firm.example, shop.example)",
    ]);
    zones("firm.example", "other.example");
    await sweep();
    expect((await domains())["bob"]).toEqual(["ai.other.example", 2]);
  });

  test("that is an address of somebody else's is refused", async () => {
    overrides.set("bob", { customDomain: "amy.claws.example" });
    await sweep();
    expect(told[0]).toContain("which is an address of the service's own zone claws.example");
    expect((await domains())["bob"]).toEqual([null, 1]);
  });

  test("outlives its zone in the cell's file: the zone stays, somebody is told, and it goes with the domain", async () => {
    overrides.set("bob", { customDomain: "ai.firm.example" });
    await sweep();
    zones("shop.example");
    await sweep();
    expect((await lockCellSettings(side.apply.sql, "lab"))?.customZones).toEqual([
      "shop.example",
      "firm.example",
    ]);
    expect(told[0]).toMatch(/^domain_refused: .*is in no zone that the cell lab knows/);
    expect((await domains())["bob"]).toEqual(["ai.firm.example", 2]);
    overrides.delete("bob");
    await sweep();
    await sweep();
    expect((await lockCellSettings(side.apply.sql, "lab"))?.customZones).toEqual(["shop.example"]);
  });
});

test("a change that asks for a domain is proposed with it, and complained about when it cannot be had", async () => {
  zones("firm.example");
  side.subscribe("bob");
  await side.settle();
  await sweep();
  const files = await side.apply.files();
  const propose = (customDomain: string) =>
    proposeDesired(side.apply, { ...files, overrides: new Map([["bob", { customDomain }]]) }, ["bob"]);
  const good = await propose("ai.firm.example");
  expect([good.after.get("bob")?.override, good.complaints]).toEqual([
    { customDomain: "ai.firm.example" },
    [],
  ]);
  const bad = await propose("ai.other.example");
  expect(bad.complaints).toEqual([
    expect.stringContaining(
      "asks for the domain ai.other.example, which is in no zone that the cell lab knows",
    ),
  ]);
  expect(await domains()).toEqual({ bob: [null, 1] });
});

test("an instance waits until its cell has looked up the zone of its domain, and nothing is run meanwhile", async () => {
  zones("firm.example");
  overrides.set("bob", { customDomain: "ai.firm.example" });
  side.subscribe("bob");
  await side.settle();
  const { sql } = side.apply;
  await sql`update clawfleet.cells set outputs = ${sql.json(cellOutputs)}`;
  const [bob] = await sql<{ id: string }[]>`select id from clawfleet.instances where slug = 'bob'`;
  const canned = await createCannedRuns(side.apply);
  const job = { kind: "converge", reason: "paid", actor: "test", stack: "bob", cell: "lab" } as const;
  await convergeInstance(canned.deps, { ...job, instanceId: bob?.id ?? "" }, new AbortController().signal);
  await canned.close();
  expect(await sql`select status, status_detail as detail, failures from clawfleet.instances`).toEqual([
    {
      status: "waiting",
      detail:
        "the cell lab has not looked up the zone of ai.firm.example yet; fleet show cell.lab says how it is",
      failures: 0,
    },
  ]);
});

test("somebody new comes to the cell that knows the zone of their domain", async () => {
  const lab = cells.get("lab");
  if (!lab) throw new Error("there is no cell lab");
  cells.set("far", { ...lab, capacity: 2, customZones: ["firm.example"] });
  overrides.set("cleo", { customDomain: "ai.firm.example" });
  await sweep();
  side.subscribe("bob");
  side.subscribe("cleo");
  await side.settle();
  const placed = await side.apply.sql`select slug, cell from clawfleet.instances order by slug`;
  expect(placed).toEqual([
    { slug: "bob", cell: "lab" },
    { slug: "cleo", cell: "far" },
  ]);
  expect(await listZones(side.apply.sql)).toEqual(new Map([["default", ["claws.example", "firm.example"]]]));
});
