/**
 * Proves on real rows and a simulated Hetzner that a state that cannot be read leaves its own stack unjudged, by name, and that all the
 * rest is judged and may be deleted. What a real run leaves of a server that was made by halves is for e2e/provider-traps.test.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listFindings, listLastScans } from "../../reconciler/db/drift.ts";
import { deleteOrphan } from "../../reconciler/drift/orphans.ts";
import { startHetzner, type Hetzner } from "../sandbox/hetzner/hetzner.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { createScans, type Scans } from "../support/scans.ts";
import { putStateOf } from "../support/state-rows.ts";

let api: AdminApp;
let hetzner: Hetzner;
let scans: Scans;
let kept: number;
const ids: Record<string, string> = {};

beforeAll(async () => {
  api = await startAdminApp();
  hetzner = await startHetzner({});
  const { sql } = api.database;
  for (const slug of ["ada", "bob"])
    await api.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });
  await sql`update clawfleet.cells set outputs = null`;
  const rows = await sql<{ id: string; slug: string }[]>`
    update clawfleet.instances set observed_generation = generation, status = 'ready' returning id, slug`;
  for (const { id, slug } of rows) ids[slug] = id;
  const none = { baseUrl: "http://127.0.0.1:9", token: "none", fetch };
  const access = { hetzner: { baseUrl: hetzner.url, token: hetzner.token, fetch }, cloudflare: none };
  scans = createScans({ database: api.database, apply: api.apply, access });
  kept = await firewall("kept");
});
afterAll(async () => {
  await hetzner?.close();
  await api?.close();
});
beforeEach(() => api.database.sql`delete from clawfleet.drift_findings`);

const project = () => hetzner.project();
const firewallType = "hcloud:index/firewall:Firewall";

async function firewall(name: string, labels: Record<string, string> = {}): Promise<number> {
  await project().api("POST", "/firewalls", { name, labels, rules: [] });
  return project().firewall(name).id;
}
const stands = (id: number) =>
  project()
    .firewalls()
    .some((one) => one.id === id);
/** One of ada's two firewalls. */
async function loseOne(): Promise<void> {
  const lost = await firewall("lost");
  await putAda({ id: kept, name: "kept" }, { id: lost, name: "lost" });
  await project().api("DELETE", `/firewalls/${lost}`);
}
const putAda = (...own: { id: number; name: string }[]) =>
  putStateOf(
    api.database,
    "ada",
    own.map(({ id, name }) => ({
      urn: `urn:pulumi:ada::clawfleet::${firewallType}::${name}`,
      custom: true,
      type: firewallType,
      id: String(id),
      outputs: { name, labels: {}, rules: [] },
    })),
  );
const findings = async () =>
  (await listFindings(api.database.sql)).map(({ slug, class: kind, action }) => [slug, kind, action]);
const lastScan = async () => (await listLastScans(api.database.sql))[0];

const serverType = "hcloud:index/server:Server";
/** As the provider leaves it when an action of the creation failed: nothing that Hetzner would have answered. */
const halfMade = {
  urn: `urn:pulumi:bob::clawfleet::${serverType}::server`,
  custom: true,
  type: serverType,
  id: "77",
  outputs: { name: "cf-bob", serverType: "cx23", location: "nbg1", labels: {}, ipv4Address: null },
};
/** It was not written whole. */
async function spoilState(slug: string): Promise<void> {
  const { sql } = api.database;
  const state = sql.json({ data: Buffer.from("{ no state").toString("base64") });
  await sql`update public.pulumi_state set data = ${state}, updated_at = now() where key like ${`%/${slug}.json`}`;
}

describe("a scan", () => {
  /** Found when bob's state could still be read. */
  const findOfBob = () => api.database.sql`
    insert into clawfleet.drift_findings (subject, instance_id, slug, account, class, action, differences, first_seen, last_seen)
    values (${ids["bob"] ?? ""}, ${ids["bob"] ?? ""}, 'bob', 'default', 'repair', 'ask', '[]',
      now() - interval '1 hour', now() - interval '1 hour')`;

  test.each([
    ["was made by halves", () => Promise.resolve(), "server 77: ipv4Address: "],
    ["is no state at all", () => spoilState("bob"), "JSON"],
  ])("leaves a stack that %s unjudged, by name, and nobody else", async (_what, spoil, why) => {
    await loseOne();
    await putStateOf(api.database, "bob", [halfMade]);
    await spoil();
    await findOfBob();
    await scans.scan();
    expect(await findings()).toEqual([
      ["bob", "repair", "ask"],
      ["ada", "missing", "repair"],
    ]);
    const last = await lastScan();
    expect(last).toMatchObject({ outcome: "complete" });
    expect(last?.detail).toContain("not judged: the state of bob (");
    expect(last?.detail).toContain(why);
    expect(last?.detail).not.toContain("ada");
  });

  test("judges it once its state is as it should be", async () => {
    await putAda({ id: kept, name: "kept" });
    const outputs = { ...halfMade.outputs, ipv4Address: "192.0.2.77", ipv6Address: "2001:db8::1" };
    await putStateOf(api.database, "bob", [{ ...halfMade, outputs }]);
    await scans.scan();
    expect(await findings()).toEqual([["bob", "dangerous", "ask"]]);
    expect(await lastScan()).toMatchObject({ outcome: "complete", detail: null });
  });
});

describe("a deletion", () => {
  const labels = (id: string) => ({ "managed-by": "clawfleet", "clawfleet-instance": id });
  /** What the command says of it; null: done. */
  async function remove(id: number): Promise<string | null> {
    const [finding] = await listFindings(api.database.sql);
    const order = { findingId: finding?.id ?? 0, object: `firewall:${id}`, actor: "anna" };
    await scans.withDeps((deps) => deleteOrphan(deps, order));
    return (await listFindings(api.database.sql))[0]?.deletion?.error ?? null;
  }

  test("of what nobody owns is done, whoever's state cannot be read", async () => {
    await putAda({ id: kept, name: "kept" });
    await putStateOf(api.database, "bob", [halfMade]);
    const leak = await firewall("leak", labels("idead00000000"));
    await scans.scan();
    expect(await findings()).toEqual([[null, "leak", "ask"]]);
    expect([await remove(leak), stands(leak)]).toEqual([null, false]);
  });

  test("of what their state may know is refused", async () => {
    await putStateOf(api.database, "bob", []);
    const own = await firewall("own", labels(ids["bob"] ?? ""));
    await scans.scan();
    expect(await findings()).toEqual([["bob", "stateless", "ask"]]);
    await spoilState("bob");
    expect(await remove(own)).toContain("the state of bob cannot be read, and may know firewall:");
    expect(stands(own)).toBe(true);
  });
});
