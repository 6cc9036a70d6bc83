/** Proves on a real database with a real git repository whom a plan previews, and what it says is saved. Previews are the test's own words. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { intervene } from "../../reconciler/db/interventions.ts";
import { storeInventory } from "../../reconciler/db/inventories.ts";
import { listPlanCustomers } from "../../reconciler/db/plans.ts";
import { startGitopsRig, type GitopsRig } from "../support/gitops-rig.ts";

let releases = 0;
const nextVersion = () => `config:\n  clawfleet:openclawVersion: 2026.8.${(releases += 1)}\n`;
const lost = { steps: [{ resource: "server", op: "replace" as const }] };
function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is there");
  return value;
}

describe("a plan", () => {
  let rig: GitopsRig;
  beforeAll(async () => {
    rig = await startGitopsRig({
      "stacks/Pulumi.ada.yaml": nextVersion(),
      "stacks/Pulumi.bob.yaml": nextVersion(),
    });
  });
  afterAll(() => rig?.close());

  test("of many whom a plan alone concerns some are previewed, and stand for those who are decided about alike", async () => {
    rig.deps.settings.maxPreviews = 1;
    for (const slug of ["cyd", "dan"])
      await rig.admin.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });
    const before = await rig.deps.mirror.git.run(["show", "main:stacks/plans.yaml"]);
    const changed = before.replace(/^starter:\n/m, "starter:\n  gatewayMemoryMb: 3000\n");
    const ask = async (files: Record<string, string>) => {
      const id = await rig.ask(await rig.repository.commit("plans", files));
      const rows = await listPlanCustomers(rig.admin.database.sql, id);
      await rig.preview(lost);
      const others = rows.flatMap(({ slug, example }) => (example === null ? [] : [[slug, example]]));
      return { others, answer: await rig.plans.find(id) };
    };
    const { others, answer } = await ask({ "stacks/plans.yaml": changed });
    expect(others).toEqual([["dan", "cyd"]]);
    // Whoever is not previewed is counted all the same.
    expect(answer).toMatchObject({ complete: true, hindrances: [expect.stringContaining("4 servers")] });
    expect(answer.complete && answer.markdown).toContain(
      "3 of 4 were previewed; the other 1 are by the same",
    );
    const own = await ask({ "stacks/plans.yaml": changed, "stacks/Pulumi.dan.yaml": nextVersion() });
    expect(own.others).toEqual([]);
    rig.deps.settings.maxPreviews = 100;
  });

  test.each([
    ["gone", "it is deleted"],
    ["archived", "its server becomes a snapshot, which is paid by its size"],
  ] as const)("a customer who will be %s shows what is saved", async (phase, why) => {
    const { sql } = rig.admin.database;
    await sql`
      update clawfleet.instances set outputs = '{}', server_type = 'cx23', location = 'nbg1' where slug = 'dan'`;
    const prices = {
      currency: "eur",
      serverTypes: { cx23: { nbg1: 400 } },
      backupShare: 0.2,
      ipv4: { nbg1: 50 },
      snapshotGb: 1,
    };
    const stock = { servers: [], snapshots: [] };
    await storeInventory(sql, { account: "default", readAt: new Date(), prices, stock });
    const [dan] = await sql<{ provider: string; subscriptionId: string }[]>`
      select provider, subscription_id as "subscriptionId" from clawfleet.instances where slug = 'dan'`;
    await intervene(sql, { ...must(dan), phase, actor: "anna", reason: null });
    const id = await rig.ask(await rig.repository.commit(phase, { "stacks/Pulumi.dan.yaml": nextVersion() }));
    const answer = await rig.plans.find(id);
    const saved = {
      slug: "dan",
      costBefore: 5.3,
      costAfter: 0,
      why: ["override added: openclawVersion", why],
    };
    expect(answer).toMatchObject({ complete: true, plan: { customers: [saved] } });
    expect(answer.complete && answer.markdown).toContain("| -5.30 |");
    await sql`delete from clawfleet.interventions`;
  });
});
