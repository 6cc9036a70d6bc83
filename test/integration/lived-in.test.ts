/**
 * Proves that no change of files, plan or order takes from a cell what its members live by, and that everything else of it changes.
 * No engine runs: what such a change would do to a network is Pulumi's to say.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CellSettings } from "../../infra/config.ts";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { findPlan } from "../../reconciler/db/plans.ts";
import { createPlan } from "../../reconciler/gitops/plans.ts";
import { applyCell } from "../../reconciler/operators/cells.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";

const file = "Pulumi.cell.lab.yaml";

let api: AdminApp;
let usual: CellSettings;
let alerts: string[];
beforeAll(async () => {
  api = await startAdminApp();
  const lab = (await api.apply.files()).cells.get("lab");
  if (!lab) throw new Error("the sandbox has no cell lab");
  usual = lab;
  await api.request("POST", "/api/v1/instances", { body: { slug: "bob", plan: "starter" } });
});
afterAll(() => api?.close());
beforeEach(async () => {
  alerts = [];
  await syncCells(withCell({}));
});

const row = async () => (await api.database.sql`select account, settings from clawfleet.cells`)[0];
const settled = () => ({ account: usual.account, settings: expect.objectContaining({ ...usual }) });

function withCell(change: Partial<CellSettings>): ApplyDeps {
  return {
    ...api.apply,
    files: async () => ({
      ...(await api.apply.files()),
      cells: new Map([["lab", { ...usual, ...change }]]),
    }),
    onAlert: ({ kind }) => alerts.push(kind),
  };
}

/** What stands in the way of a change of the file, by a plan of it. */
async function plan(change: Partial<CellSettings>): Promise<readonly string[]> {
  const deps = withCell({});
  const texts = {
    base: new Map([[file, toText(usual)]]),
    head: new Map([[file, toText({ ...usual, ...change })]]),
  };
  const commits = { base: "a", head: "b", pullRequest: null } as const;
  const input = { purpose: "push", ...commits, actor: "anna", texts, maxPreviews: 10 } as const;
  return (await findPlan(deps.sql, await createPlan(deps, input)))?.problems ?? ["no plan"];
}

const toText = (settings: CellSettings) =>
  `config:\n${Object.entries(settings)
    .map(([key, value]) => `  clawfleet:${key}: ${JSON.stringify(value)}\n`)
    .join("")}`;

describe("a cell with members", () => {
  test.each<Partial<CellSettings>>([
    { account: "other" },
    { zone: "other.example" },
    { networkZone: "us-east" },
    { networkRange: "10.0.0.0/15" },
    { subnetRange: "10.0.0.0/25" },
    { reach: "private" },
  ])("stays as it is when its file says %j, and whoever asks is told", async (change) => {
    const more = { ...change, capacity: 7 };
    const [key = ""] = Object.keys(change);
    const words = new RegExp(`cell lab has 1 members, .*${key} .* -> `);
    expect(await plan(more)).toEqual([expect.stringMatching(words)]);
    await syncCells(withCell(more));
    expect([await row(), alerts]).toEqual([settled(), ["cell_lived_in"]]);
    const order = applyCell(withCell(more), { cell: "lab", refresh: false, actor: "anna" });
    await expect(order).rejects.toMatchObject({ code: "conflict", message: expect.stringMatching(words) });
    expect(await row()).toEqual(settled());
  });

  test("takes over what its members do not live by", async () => {
    expect(await plan({ capacity: 7 })).toEqual([]);
    await syncCells(withCell({ capacity: 7 }));
    expect(await row()).toMatchObject({ settings: { capacity: 7 } });
    await applyCell(withCell({ capacity: 8 }), { cell: "lab", refresh: false, actor: "anna" });
    expect(await row()).toMatchObject({ settings: { capacity: 8 } });
    expect(alerts).toEqual([]);
  });

  test("may become anything while it never came up, and once nobody is in it", async () => {
    const { sql } = api.database;
    const [before] = await sql`select outputs from clawfleet.cells`;
    await sql`update clawfleet.cells set outputs = null`;
    await syncCells(withCell({ zone: "other.example" }));
    expect(await row()).toMatchObject({ settings: { zone: "other.example" } });
    await syncCells(withCell({}));
    await sql`update clawfleet.cells set outputs = ${sql.json(before?.["outputs"])}`;
    await sql`update clawfleet.instances set private_ip = null, status = 'gone'`;
    expect(await plan({ account: "other" })).toEqual([]);
    await syncCells(withCell({ account: "other" }));
    expect([await row(), alerts]).toEqual([expect.objectContaining({ account: "other" }), []]);
  });
});
