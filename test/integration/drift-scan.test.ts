/**
 * Proves on a real database against a simulated Hetzner what a scan concludes while the fleet changes under it, and that what
 * repairs did not cure, or what would do more than was found, is asked about; and each guard before an object is deleted, on rows that lie. States are rows as
 * Pulumi's backend writes them. What a real run leaves behind is for e2e/drift.test.ts.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createCloudflare } from "../../reconciler/cloud/cloudflare.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import { handleConvergeJob } from "../../reconciler/converge/worker.ts";
import { listFindings, markRepairs, upsertFindings } from "../../reconciler/db/drift.ts";
import { deleteOrphan, type OrphanDeps } from "../../reconciler/drift/orphans.ts";
import { defaultPolicy, scanActor } from "../../reconciler/drift/policy.ts";
import { scanDrift, toDriftJob } from "../../reconciler/drift/scan.ts";
import { endOperation, insertOperation } from "../../reconciler/operations/rows.ts";
import { openStateStore } from "../../reconciler/recovery/state-store.ts";
import { startHetzner, type Hetzner } from "../sandbox/hetzner/hetzner.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { cellRun, createCannedRuns } from "../support/canned-runs.ts";
import { order } from "../support/hetzner-orders.ts";
import { putStateOf } from "../support/state-rows.ts";

let api: AdminApp;
let hetzner: Hetzner;
let adaId: string;
/** What happens between two answers of Hetzner's. */
let meanwhile: (url: string) => Promise<void>;

beforeAll(async () => {
  api = await startAdminApp();
  hetzner = await startHetzner({});
  const { sql } = api.database;
  await api.request("POST", "/api/v1/instances", { body: { slug: "ada", plan: "starter" } });
  await sql`update clawfleet.cells set outputs = null`;
  await sql`update clawfleet.instances set observed_generation = generation, status = 'ready'`;
  const [ada] = await sql<{ id: string }[]>`select id from clawfleet.instances where slug = 'ada'`;
  adaId = ada?.id ?? "";
});
afterAll(async () => {
  await hetzner?.close();
  await api?.close();
});
beforeEach(async () => {
  meanwhile = () => Promise.resolve();
  await api.database.sql`delete from clawfleet.drift_findings`;
});

const project = () => hetzner.project();

function openDeps(): OrphanDeps & { store: NonNullable<ReturnType<typeof openStateStore>> } {
  const { sql, url } = api.database;
  const store = openStateStore(sql, { backend: url, database: url });
  if (!store) throw new Error("this backend is PostgreSQL");
  const access = {
    baseUrl: hetzner.url,
    token: hetzner.token,
    fetch: async (...given: Parameters<typeof fetch>) => {
      const answer = await fetch(...given);
      const [input] = given;
      await meanwhile(input instanceof Request ? input.url : String(input));
      return answer;
    },
  };
  const none = { baseUrl: "http://127.0.0.1:9", token: "none", fetch };
  return {
    ...api.apply,
    onAlert: () => undefined,
    store,
    policy: defaultPolicy,
    repairsPerHour: 10,
    accessOf: () => ({ hetzner: access, cloudflare: none }),
    cloudsOf: () => ({ hetzner: createHetzner(access), cloudflare: createCloudflare(none) }),
  };
}

async function withDeps<T>(use: (deps: OrphanDeps) => Promise<T>): Promise<T> {
  const deps = openDeps();
  try {
    return await use(deps);
  } finally {
    await deps.store.close();
  }
}

const scan = () => withDeps((deps) => scanDrift(deps, { account: "default", actor: "test" }));

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
    meanwhile = async (url) => {
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
    meanwhile = async (url) => {
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
    await withDeps((deps) => deleteOrphan(deps, { findingId: row?.id ?? 0, object, actor: "anna" }));
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

describe("a repair that nobody asked for", () => {
  const subject = "cell.lab";
  const network = { kind: "network" as const, objectId: "1", name: "cf-cell-lab" };
  const differences = [
    { ...network, class: "cosmetic" as const, property: "name", expected: "cf-cell-lab", seen: "other" },
  ];
  const find = () =>
    upsertFindings(
      api.database.sql,
      [
        {
          subject,
          instanceId: null,
          slug: subject,
          account: "default",
          class: "cosmetic",
          action: "repair",
          differences,
          monthlyNet: null,
        },
      ],
      new Date(),
    );
  const open = async () =>
    (await listFindings(api.database.sql)).map(({ action, refusal }) => ({ action, refusal }));

  /** Runs the cell's job with an engine that says that it would do this. Returns which kinds of runs there were. */
  async function repair(planned: Record<string, [type: string, op: string]>, actor = scanActor) {
    const { sql } = api.database;
    await sql`delete from clawfleet.operations`;
    const runs = await createCannedRuns(api.apply);
    runs.answer = (say) => {
      for (const [resource, [type, op]] of Object.entries(planned)) {
        const urn = `urn:pulumi:cell.lab::clawfleet::${type}::${resource}`;
        say({ resourcePreEvent: { metadata: { op, urn, type } } });
      }
      return Promise.resolve(cellRun(1));
    };
    const cell = { stack: subject, instanceId: null, cell: "lab" };
    const job = toDriftJob(cell, "converge", actor);
    await handleConvergeJob(runs.deps, job, new AbortController().signal);
    await runs.close();
    const ran = await sql<{ kind: string }[]>`select kind from clawfleet.operations order by id`;
    return ran.map(({ kind }) => kind);
  }
  const renamed = ["hcloud:index/network:Network", "update"] as const;
  const subnet = ["hcloud:index/networkSubnet:NetworkSubnet", "create"] as const;

  test("is run when it does what was found", async () => {
    await find();
    expect(await repair({ network: [...renamed] })).toEqual(["preview", "up"]);
    expect(await open()).toEqual([{ action: "repair", refusal: null }]);
  });

  test("is asked about when it would do more, and stays so until the cell differs in another way", async () => {
    await find();
    expect(await repair({ network: [...renamed], subnet: [...subnet] })).toEqual(["preview"]);
    const asked = [{ action: "ask", refusal: "it would also create subnet" }];
    expect(await open()).toEqual(asked);
    await find();
    expect(await open()).toEqual(asked);
    differences[0] = { ...network, class: "cosmetic", property: "name", expected: "x", seen: "a third" };
    await find();
    expect(await open()).toEqual([{ action: "repair", refusal: null }]);
  });

  test("is no longer looked at when a person has ordered it, whoever tries it again", async () => {
    await find();
    const [finding] = await listFindings(api.database.sql);
    const order = { actor: "anna", now: api.apply.clock.now() };
    await markRepairs(api.database.sql, [finding?.id ?? 0], order);
    expect(await repair({ subnet: [...subnet] }, "retry")).toEqual(["up"]);
  });
});
