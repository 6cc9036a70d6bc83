/**
 * Proves what an operator's order about one instance does to rows, queue and locks, and when it is refused. Nothing is taken from
 * the queue here: what a step does to a machine is for e2e/healing.test.ts and e2e/fleet-command.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findHealFacts } from "../../reconciler/db/heal-attempts.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { stateRoot } from "../support/state-rows.ts";
import { instanceOutputs } from "../support/instance-inputs.ts";

let api: AdminApp;
beforeAll(async () => {
  api = await startAdminApp();
  for (const slug of ["ada", "bob", "new"])
    await api.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });
  const outputs = api.database.sql.json({ ...instanceOutputs, serverId: "7" });
  await api.database.sql`
    update clawfleet.instances
    set observed_generation = generation, status = 'ready', observed_phase = 'running', outputs = ${outputs}
    where slug <> 'new'`;
});
afterAll(() => api?.close());

const post = (path: string) => api.request("POST", `/api/v1${path}`);
const stepsOf = async (slug: string) =>
  (
    await api.database.sql<{ data: unknown }[]>`
      select data from pgboss.job where name = 'converge' and data ->> 'kind' = 'heal' and data ->> 'stack' = ${slug}`
  ).map(({ data }) => data);
const refusal = (text: string) => [
  409,
  { error: expect.objectContaining({ message: expect.stringContaining(text), remedy: expect.any(String) }) },
];

describe("a step that an operator asks for", () => {
  test.each(["restart", "reboot", "rebuild"])(
    "%s is queued for the one machine, whatever it says",
    async (step) => {
      await api.database.sql`delete from pgboss.job where name = 'converge' and data ->> 'kind' = 'heal'`;
      expect((await post(`/instances/ada/${step}`)).status).toBe(202);
      expect(await stepsOf("ada")).toMatchObject([
        { kind: "heal", heal: { step, asked: true, server: "7" }, reason: "operator", actor: "admin" },
      ]);
    },
  );

  test("is refused where there is no machine yet, for a stranger, and while it is paused", async () => {
    const early = await post("/instances/new/restart");
    expect([early.status, early.body]).toEqual(refusal("nothing to restart"));
    expect((await post("/instances/nobody/reboot")).status).toBe(404);
    await api.request("PUT", "/api/v1/pauses/bob");
    const paused = await post("/instances/bob/reboot");
    expect([paused.status, paused.body]).toEqual(refusal("bob is paused"));
    await api.request("DELETE", "/api/v1/pauses/bob");
    expect((await post("/instances/bob/reboot")).status).toBe(202);
  });

  test("that deletes a disk needs the scope for deleting", async () => {
    const made = await api.request("POST", "/api/v1/keys", { body: { name: "hands", scopes: ["operate"] } });
    const { key } = made.body as { key: string };
    const codes = [];
    for (const step of ["restart", "rebuild"])
      codes.push((await api.request("POST", `/api/v1/instances/ada/${step}`, { key })).status);
    expect(codes).toEqual([202, 403]);
  });
});

test("a paused one, or everybody while the fleet is, is left alone by healing too", async () => {
  const { sql } = api.database;
  const [row] = await sql<{ id: string }[]>`select id from clawfleet.instances where slug = 'bob'`;
  const id = row?.id ?? "";
  await sql`insert into clawfleet.health (instance_id, probe_at, verdict) values (${id}, now(), 'ill')`;
  const held = async () => (await findHealFacts(sql, id))?.hold;
  expect(await held()).toBe(false);
  for (const scope of ["bob", "*"]) {
    await api.request("PUT", `/api/v1/pauses/${scope}`);
    expect(await held()).toBe(true);
    await api.request("DELETE", `/api/v1/pauses/${scope}`);
  }
  expect(await held()).toBe(false);
});

describe("a deprovision that keeps the data", () => {
  const phaseOf = async (slug: string) => {
    const [row] = await api.database.sql<{ phase: string; why: string }[]>`
      select phase, phase_reason as why from clawfleet.instances where slug = ${slug} and status <> 'gone'`;
    return [row?.phase, row?.why];
  };

  test("archives, is taken back by a resume, and without it nothing is kept", async () => {
    const kept = await api.request("DELETE", "/api/v1/instances/ada?keepData=true");
    expect(kept.status).toBe(202);
    expect(await phaseOf("ada")).toEqual(["archived", "deprovisioned with its data kept by admin"]);
    expect((await api.request("DELETE", "/api/v1/instances/ada/suspended")).status).toBe(202);
    expect((await phaseOf("ada"))[0]).toBe("running");
    expect((await api.request("DELETE", "/api/v1/instances/ada")).status).toBe(202);
    expect((await phaseOf("ada"))[0]).toBe("gone");
  });
});

describe("the lock of a stack", () => {
  type Answer = { locks: { username: string; hostname: string; pid: number }[] };
  const writeLock = async (stack: string) => {
    const key = `${stateRoot(api.database.url)}/locks/organization/clawfleet/${stack}/${crypto.randomUUID()}.json`;
    const owner = { pid: 7, username: "eve", hostname: "far-away", timestamp: new Date() };
    const data = { data: Buffer.from(JSON.stringify(owner)).toString("base64") };
    await api.database
      .sql`insert into public.pulumi_state (key, data) values (${key}, ${api.database.sql.json(data)})`;
  };
  const ask = async (method: string, stack: string) => {
    const { status, body } = await api.request(method, `/api/v1/stacks/${stack}/locks`);
    return { status, locks: (body as Answer).locks };
  };

  beforeAll(async () => {
    await api.database.sql`
      create table public.pulumi_state (key text primary key, data jsonb not null, updated_at timestamptz default now())`;
  });

  test("is told with its owner and removed, of an instance and of a cell, and nobody else's", async () => {
    for (const stack of ["bob", "cell.lab", "other"]) await writeLock(stack);
    for (const stack of ["bob", "cell.lab"]) {
      expect(await ask("GET", stack)).toMatchObject({ status: 200, locks: [{ username: "eve", pid: 7 }] });
      expect(await ask("DELETE", stack)).toMatchObject({ status: 200, locks: [{ hostname: "far-away" }] });
      expect((await ask("GET", stack)).locks).toEqual([]);
    }
    expect((await ask("GET", "other")).locks).toHaveLength(1);
  });

  test("stays while a living worker runs the stack, and goes when that worker is dead", async () => {
    const { sql } = api.database;
    await writeLock("bob");
    await sql`insert into clawfleet.workers (name, binding, slots) values ('box-1', 'all', 1)`;
    await sql`
      insert into clawfleet.operations (stack, kind, reason, actor, generation, worker, started_at)
      values ('bob', 'up', 'operator', 'admin', 1, 'box-1', now())`;
    const refused = await api.request("DELETE", "/api/v1/stacks/bob/locks");
    expect([refused.status, refused.body]).toEqual(refusal("runs on bob right now, by box-1"));
    await sql`update clawfleet.workers set seen_at = now() - interval '1 minute'`;
    expect((await ask("DELETE", "bob")).locks).toHaveLength(1);
  });
});
