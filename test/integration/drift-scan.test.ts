/**
 * Proves on a real database against a simulated Hetzner what a scan concludes while the fleet changes under it, and that what
 * repairs did not cure is asked about; and each guard before an object is deleted, on rows that lie. States are rows as
 * Pulumi's backend writes them. What a real run leaves behind is for e2e/drift.test.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { listFindings, markRepairs } from "../../reconciler/db/drift.ts";
import { deleteOrphan } from "../../reconciler/drift/orphans.ts";
import { endOperation, insertOperation } from "../../reconciler/operations/rows.ts";
import { startHetzner, type Hetzner } from "../sandbox/hetzner/hetzner.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { order } from "../support/hetzner-orders.ts";
import { createScans, type Scans } from "../support/scans.ts";
import { putStateOf } from "../support/state-rows.ts";

let api: AdminApp;
let hetzner: Hetzner;
let adaId: string;
let scans: Scans;

beforeAll(async () => {
  api = await startAdminApp();
  hetzner = await startHetzner({});
  const { sql } = api.database;
  await api.request("POST", "/api/v1/instances", { body: { slug: "ada", plan: "starter" } });
  await sql`update clawfleet.cells set outputs = null`;
  await sql`update clawfleet.instances set observed_generation = generation, status = 'ready'`;
  const [ada] = await sql<{ id: string }[]>`select id from clawfleet.instances where slug = 'ada'`;
  adaId = ada?.id ?? "";
  const none = { baseUrl: "http://127.0.0.1:9", token: "none", fetch };
  const access = { hetzner: { baseUrl: hetzner.url, token: hetzner.token, fetch }, cloudflare: none };
  scans = createScans({ database: api.database, apply: api.apply, access });
});
afterAll(async () => {
  await hetzner?.close();
  await api?.close();
});
beforeEach(async () => {
  scans.meanwhile = () => Promise.resolve();
  await api.database.sql`delete from clawfleet.drift_findings`;
});

const project = () => hetzner.project();
const scan = () => scans.scan();

async function putState(...firewalls: { id: number; name: string }[]): Promise<void> {
  const resources = firewalls.map(({ id, name }) => ({
    urn: `urn:pulumi:ada::clawfleet::hcloud:index/firewall:Firewall::${name}`,
    custom: true,
    type: "hcloud:index/firewall:Firewall",
    id: String(id),
    outputs: { name, labels: {}, rules: [] },
  }));
  await putStateOf(api.database, "ada", resources);
}

const firewall = async (name: string) => {
  await project().api("POST", "/firewalls", { name, labels: {}, rules: [] });
  return project().firewall(name);
};
const findings = async () =>
  (await listFindings(api.database.sql)).map(({ subject, class: kind, action }) => ({
    subject,
    kind,
    action,
  }));

describe("a scan", () => {
  test("takes nobody for lost who moved to another page while it read", async () => {
    const first = await firewall("page-1");
    for (let at = 0; at < 49; at += 1) await firewall(`stranger-${at}`);
    const last = await firewall("page-2");
    await putState(first, last);
    let deleted = false;
    scans.meanwhile = async (url) => {
      if (deleted || !url.includes("/firewalls?")) return;
      deleted = true;
      await project().api("DELETE", `/firewalls/${project().firewall("stranger-7").id}`);
    };
    await scan();
    expect([deleted, await findings()]).toEqual([true, []]);
    await project().api("DELETE", `/firewalls/${last.id}`);
    await scan();
    expect(await findings()).toEqual([{ subject: adaId, kind: "missing", action: "repair" }]);
    await putState(first);
    await scan();
    expect(await findings()).toEqual([]);
  });

  test.each([
    ["behind", -3_600_000],
    ["ahead", 3_600_000],
  ])("judges who was at rest, whatever a worker's clock says that is an hour %s", async (_what, skewMs) => {
    const { sql } = api.database;
    const gone = await firewall(`skewed-${skewMs}`);
    await putState(project().firewall("page-1"), gone);
    await project().api("DELETE", `/firewalls/${gone.id}`);
    const run = async () => {
      const now = new Date(Date.now() + skewMs);
      const about = { stack: "ada", instanceId: adaId, kind: "up", reason: "drift", actor: "test" } as const;
      const id = await insertOperation(sql, { ...about, generation: 1, worker: "skewed", now });
      await endOperation(sql, id, { outcome: "succeeded", changes: {}, error: null, now });
    };
    let ran = false;
    scans.meanwhile = async (url) => {
      if (ran || !url.includes("/firewalls?")) return;
      ran = true;
      await run();
    };
    await scan();
    expect([ran, await findings()]).toEqual([true, []]);
    api.advance(-skewMs);
    await scan();
    api.advance(skewMs);
    expect(await findings()).toEqual([{ subject: adaId, kind: "missing", action: "repair" }]);
  });

  test("orders no repair of who is paused, and uses none of their tries up", async () => {
    const open = await firewall("opened");
    await putState(project().firewall("page-1"), { ...open, name: "another" });
    await api.request("PUT", "/api/v1/pauses/*");
    for (let again = 0; again < 4; again += 1) await scan();
    const found = async () =>
      (await listFindings(api.database.sql)).map(({ action, repairs }) => [action, repairs]);
    expect(await found()).toEqual([["repair", 0]]);
    await api.request("DELETE", "/api/v1/pauses/*");
    await scan();
    expect(await found()).toEqual([["repair", 1]]);
  });

  test("asks about what three repairs did not cure, until it is another thing", async () => {
    const open = await firewall("opened");
    await putState(project().firewall("page-1"), { ...open, name: "another" });
    await scan();
    const [finding] = await listFindings(api.database.sql);
    expect(finding).toMatchObject({ class: "cosmetic", action: "repair", repairs: 1 });
    for (let again = 0; again < 2; again += 1)
      await markRepairs(api.database.sql, [finding?.id ?? 0], {
        actor: "test",
        now: api.apply.clock.now(),
      });
    await scan();
    expect(await findings()).toEqual([{ subject: adaId, kind: "cosmetic", action: "ask" }]);
    await putState(project().firewall("page-1"), { ...open, name: "a third" });
    await scan();
    expect(await findings()).toEqual([{ subject: adaId, kind: "cosmetic", action: "repair" }]);
  });
});

describe("an object is deleted only", () => {
  const labels = (id: string) => ({ "managed-by": "clawfleet", "clawfleet-instance": id });

  async function stray(name: string, own: Record<string, string>): Promise<string> {
    await project().api("POST", "/servers", order({ name, labels: own, start_after_create: false }));
    await project().settled();
    return `server:${project().server(name).id}`;
  }
  /** Orders the deletion by a finding that says `about`; returns what became of it. */
  async function orderDeletion(
    object: string,
    about: { slug?: string; differs?: string },
  ): Promise<string | null> {
    const [kind = "", objectId = ""] = (about.differs ?? object).split(":");
    const { sql } = api.database;
    const difference = { class: about.slug === undefined ? "leak" : "stateless", kind, objectId, name: "x" };
    const [row] = await sql<{ id: number }[]>`
      insert into clawfleet.drift_findings (subject, slug, account, class, action, differences, first_seen, last_seen)
      values (${object}, ${about.slug ?? null}, 'default', ${difference.class}, 'ask', ${sql.json([difference])}, now(), now())
      returning id::int as id`;
    await scans.withDeps((deps) => deleteOrphan(deps, { findingId: row?.id ?? 0, object, actor: "anna" }));
    const [after] = await listFindings(sql);
    return after?.deletion?.error ?? null;
  }
  const stands = (object: string) =>
    project()
      .servers()
      .some(({ id }) => `server:${id}` === object);

  test("when it is nobody's still", async () => {
    const object = await stray("leak", labels("idead00000000"));
    expect([await orderDeletion(object, {}), stands(object)]).toEqual([null, false]);
  });

  test("when the finding was about it", async () => {
    const object = await stray("another", labels("idead00000000"));
    expect(await orderDeletion(object, { differs: "server:1" })).toContain("is no unknown object of finding");
    expect(stands(object)).toBe(true);
  });

  test("when no state knows it by now", async () => {
    const known = await firewall("known");
    Object.assign(known, { labels: labels("idead00000000") });
    await putState(known);
    expect(await orderDeletion(`firewall:${known.id}`, {})).toContain("a state knows firewall:");
    expect(project().firewall("known").id).toBe(known.id);
  });

  test("when it still carries our label", async () => {
    const object = await stray("theirs", {});
    expect(await orderDeletion(object, {})).toContain("carries our label no longer");
    expect(stands(object)).toBe(true);
  });

  test("when nobody lives whose it would be, where the finding says that nobody does", async () => {
    const object = await stray("living", labels(adaId));
    expect(await orderDeletion(object, {})).toContain("belongs to ada now");
    expect(stands(object)).toBe(true);
  });

  test("when no instance is made from it, of a snapshot", async () => {
    const source = await stray("source", {});
    const [, id = ""] = source.split(":");
    const take = async (name: string) => {
      const body = { type: "snapshot", description: name, labels: labels(adaId) };
      await project().api("POST", `/servers/${id}/actions/create_image`, body);
      await project().settled();
      const image = project()
        .images()
        .find(({ description }) => description === name);
      return `snapshot:${image?.id}`;
    };
    const ids = () =>
      project()
        .images()
        .map((image) => `snapshot:${image.id}`);
    const [needed, left] = [await take("needed"), await take("left")];
    const { sql } = api.database;
    await sql`update clawfleet.instances set snapshot_id = ${needed.split(":")[1] ?? ""} where slug = 'ada'`;
    await scan();
    expect(await findings()).toContainEqual({ subject: left, kind: "stateless", action: "ask" });
    expect(await findings()).not.toContainEqual(expect.objectContaining({ subject: needed }));
    await sql`delete from clawfleet.drift_findings`;
    expect(await orderDeletion(needed, { slug: "ada" })).toBe(
      `ada is made from ${needed} when it comes back`,
    );
    await sql`delete from clawfleet.drift_findings`;
    expect(await orderDeletion(left, { slug: "ada" })).toBeNull();
    expect([ids().includes(needed), ids().includes(left)]).toEqual([true, false]);
    await sql`update clawfleet.instances set snapshot_id = null`;
  });

  test("when its instance is at rest", async () => {
    const object = await stray("busy", labels(adaId));
    await api.database.sql`update clawfleet.instances set status = 'converging'`;
    expect(await orderDeletion(object, { slug: "ada" })).toContain("ada is being worked on");
    expect(stands(object)).toBe(true);
    await api.database.sql`update clawfleet.instances set status = 'ready'`;
  });
});
