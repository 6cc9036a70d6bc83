/**
 * Proves that no change of files, plan or order takes from a cell what its members live by, that everything else of it changes, and
 * that those who live there follow what is theirs of it.
 * No engine runs: what such a change would do to a network is Pulumi's to say.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { CellSettings } from "../../infra/config.ts";
import type { ApplyDeps } from "../../reconciler/desired/apply-deps.ts";
import { toCellJob } from "../../reconciler/converge/jobs.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { syncCells } from "../../reconciler/desired/cells.ts";
import { findPlan } from "../../reconciler/db/plans.ts";
import { createPlan } from "../../reconciler/gitops/plans.ts";
import { applyCell } from "../../reconciler/operators/cells.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { cellOutputs, createCannedRuns } from "../support/canned-runs.ts";

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
    { sshPort: 2022 },
    { backendPrivateIp: "10.0.0.3" },
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

  describe("makes its members follow", () => {
    const members = async () => [
      ...(await api.database.sql`
        select i.slug, i.generation - i.observed_generation as behind, j.data ->> 'reason' as reason
        from clawfleet.instances i
        left join pgboss.job j on j.name = 'converge' and j.state = 'created' and j.data ->> 'instanceId' = i.id
        order by slug`),
    ];
    const settle = async (status: string) => {
      await api.database
        .sql`update clawfleet.instances set status = ${status}, observed_generation = generation`;
      await api.database.sql`delete from pgboss.job`;
    };
    beforeEach(() => settle("ready"));

    test.each<Partial<CellSettings>>([
      { backendPublicIps: ["198.51.100.9/32"] },
      { openclawVersion: "2026.9.9" },
      { originPullCa: "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----" },
      { dnsTags: true },
    ])("%j, once, behind who is more urgent", async (change) => {
      await syncCells(withCell(change));
      await syncCells(withCell(change));
      expect(await members()).toEqual([{ slug: "bob", behind: 1, reason: "resync" }]);
      await settle("ready");
      await applyCell(withCell({}), { cell: "lab", refresh: false, actor: "anna" });
      expect(await members()).toEqual([{ slug: "bob", behind: 1, reason: "resync" }]);
    });

    test.each<Partial<CellSettings>>([
      {},
      { capacity: 7 },
      { recordQuota: 70 },
      { image: "debian-13" },
      { customZones: ["firm.example"] },
    ])("not %j: it is none of theirs", async (change) => {
      await syncCells(withCell(change));
      expect(await members()).toEqual([{ slug: "bob", behind: 0, reason: null }]);
    });

    test("Cloudflare's own addresses, once the cell has read that they are others", async () => {
      await syncCells(withCell({}));
      await settle("ready");
      const runs = await createCannedRuns(api.apply);
      const run = async (cloudflareRanges: string[]) => {
        const outputs = { ...cellOutputs, cloudflareRanges };
        runs.answer = { kind: "done", outputs, changes: {}, generation: 1, diff: undefined };
        const job = toCellJob({ name: "lab", retryReason: "operator" }, "test");
        await handleConvergeJob(runs.deps, job, new AbortController().signal);
        return await members();
      };
      expect(await run(cellOutputs.cloudflareRanges)).toEqual([{ slug: "bob", behind: 0, reason: null }]);
      const follows = [{ slug: "bob", behind: 1, reason: "resync" }];
      expect(await run(["198.51.100.0/24"])).toEqual(follows);
      expect(await run(["198.51.100.0/24"])).toEqual(follows);
      await runs.close();
    });

    test("and hurries nobody who waits", async () => {
      await settle("waiting");
      await syncCells(withCell({ dnsTags: true }));
      expect(await members()).toEqual([{ slug: "bob", behind: 1, reason: null }]);
    });
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
