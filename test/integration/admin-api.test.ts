/** Proves who may do what with the operators' API, that it is written down, and that asking twice does it once. Not what the orders do. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { scopes } from "../../reconciler/operators/api-keys.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";

let api: AdminApp;
beforeAll(async () => {
  api = await startAdminApp();
  await api.request("POST", "/api/v1/instances", { body: { slug: "ada", plan: "starter" } });
});
afterAll(() => api?.close());

const dayMs = 86_400_000;
async function makeKey(
  name: string,
  wanted: readonly string[],
  days?: number,
): Promise<{ id: string; key: string }> {
  const body = { name, scopes: wanted, ...(days === undefined ? {} : { days }) };
  const answer = await api.request("POST", "/api/v1/keys", { body });
  expect(answer.status).toBe(201);
  return answer.body as { id: string; key: string };
}

describe("a key", () => {
  const allowed: [method: string, path: string, scope: string][] = [
    ["GET", "/api/v1/instances", "read"],
    ["GET", "/api/v1/audit", "read"],
    ["POST", "/api/v1/instances/ada/preview", "operate"],
    ["PUT", "/api/v1/instances/ada/suspended", "operate"],
    ["DELETE", "/api/v1/drift/objects/server:1", "delete"],
    ["DELETE", "/api/v1/instances/nobody", "delete"],
  ];

  test.each(scopes)("with the scope %s may do that and nothing else", async (scope) => {
    const { key } = await makeKey(`only-${scope}`, [scope]);
    for (const [method, path, needed] of allowed) {
      const { status } = await api.request(method, path, { key });
      expect([method, path, status === 403]).toEqual([method, path, needed !== scope]);
    }
    expect((await api.request("GET", "/api/v1/keys", { key })).status).toBe(403);
  });

  test("is shown once and kept as a hash", async () => {
    const { id, key } = await makeKey("secret", ["read"]);
    const rows = await api.database.sql`select * from clawfleet.api_keys where id = ${id}`;
    expect(JSON.stringify(rows)).not.toContain(key.slice(-20));
    expect(JSON.stringify((await api.request("GET", "/api/v1/keys")).body)).not.toContain(key.slice(-20));
  });

  test("is good for nothing once it is revoked, and its name is free again", async () => {
    const { id, key } = await makeKey("laptop", ["read"]);
    expect(
      (await api.request("POST", "/api/v1/keys", { body: { name: "laptop", scopes: ["read"] } })).status,
    ).toBe(409);
    expect((await api.request("GET", "/api/v1/instances", { key })).status).toBe(200);
    expect((await api.request("DELETE", `/api/v1/keys/${id}`)).status).toBe(200);
    expect((await api.request("GET", "/api/v1/instances", { key })).status).toBe(401);
    expect((await api.request("DELETE", `/api/v1/keys/${id}`)).status).toBe(404);
    await makeKey("laptop", ["read"]);
  });

  test("that expires is good until then", async () => {
    const { key } = await makeKey("visitor", ["read"], 1);
    expect((await api.request("GET", "/api/v1/instances", { key })).status).toBe(200);
    api.advance(dayMs + 1000);
    expect((await api.request("GET", "/api/v1/instances", { key })).status).toBe(401);
  });

  test.each(["", "x".repeat(40), `cfk_abcdefabcdef_${"a".repeat(43)}`])("%j opens nothing", async (key) => {
    const answer = await api.request("GET", "/api/v1/instances", { key });
    expect([answer.status, answer.body]).toEqual([
      401,
      { error: expect.objectContaining({ code: "unauthorized" }) },
    ]);
  });
});

describe("the audit log", () => {
  type Entry = {
    actor: string;
    keyId: string | null;
    method: string;
    path: string;
    route: string;
    status: number;
  };
  const read = async (query = "") => {
    const { body } = await api.request("GET", `/api/v1/audit${query}`);
    return (body as { entries: Entry[] }).entries;
  };

  test("says who did what to whom, refusals too, and nothing of who looked", async () => {
    const { id, key } = await makeKey("ops-bot", ["operate"]);
    await api.request("GET", "/api/v1/instances", { key });
    await api.request("POST", "/api/v1/instances/ada/apply", { key });
    await api.request("DELETE", "/api/v1/instances/ada", { key });
    expect(await read("?actor=ops-bot")).toMatchObject([
      { actor: "ops-bot", keyId: id, method: "DELETE", path: "/api/v1/instances/ada", status: 403 },
      { actor: "ops-bot", method: "POST", route: "/api/v1/instances/:slug/apply", status: 202 },
    ]);
  });

  test("holds no bodies", async () => {
    const value = "sk-very-secret";
    await api.request("PUT", "/api/v1/instances/ada/environment/OPENAI_API_KEY", { body: { value } });
    const rows = await api.database.sql`select * from clawfleet.audit_log`;
    expect(JSON.stringify(rows)).not.toContain(value);
  });

  test("cannot be changed, even by us", async () => {
    const { sql } = api.database;
    const refused = { message: expect.stringContaining("append-only") };
    await expect(sql`update clawfleet.audit_log set actor = 'x'`).rejects.toMatchObject(refused);
    await expect(sql`delete from clawfleet.audit_log`).rejects.toMatchObject(refused);
    await expect(sql`truncate clawfleet.audit_log`).rejects.toMatchObject(refused);
  });
});

describe("an Idempotency-Key", () => {
  const provision = (key: string, slug: string) =>
    api.request("POST", "/api/v1/instances", {
      body: { slug, plan: "starter" },
      headers: { "idempotency-key": key },
    });

  test("does it once and gives the same answer again", async () => {
    const first = await provision("one", "bob");
    const second = await provision("one", "bob");
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(second.body).toEqual(first.body);
    expect(second.headers.get("idempotent-replayed")).toBe("true");
    expect((await provision("two", "bob")).status).toBe(409);
  });

  test("does it once although both come at the same time", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => provision("race", "cyd")));
    const made = answers.filter(({ status }) => status === 201);
    expect(made.length).toBeGreaterThan(0);
    expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
    const rows = await api.database.sql`select 1 from clawfleet.instances where slug = 'cyd'`;
    expect(rows).toHaveLength(1);
  });

  test("keeps no answer that shows a key", async () => {
    const headers = { "idempotency-key": "new-key" };
    const body = { name: "kept", scopes: ["read"] };
    const make = () => api.request("POST", "/api/v1/keys", { body, headers });
    const made = await make();
    expect(made.status).toBe(201);
    const rows = await api.database.sql`select * from clawfleet.idempotency_keys`;
    expect(JSON.stringify(rows)).not.toContain("cfk_");
    const again = await make();
    expect(again).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining("shown that once") } },
    });
    const { id } = made.body as { id: string };
    await api.request("DELETE", `/api/v1/keys/${id}`);
    expect(await make(), "it is not made again under a name that is free").toMatchObject({ status: 409 });
  });

  test("is offered where it is heeded, with what it does", async () => {
    const { paths } = (await api.request("GET", "/api/v1/openapi.json")).body as {
      paths: Record<string, { post?: { parameters: { $ref?: string }[] } }>;
    };
    const offered = (path: string) =>
      paths[path]?.post?.parameters.flatMap(({ $ref }) => $ref?.split("/").at(-1) ?? []);
    expect(offered("/instances")).toEqual(["IdempotencyKey"]);
    expect(offered("/keys")).toEqual(["IdempotencyKeyOfSecret"]);
    expect(offered("/instances/{slug}/sign-in")).toEqual([]);
  });

  test("is not for another request, and not for another key's holder", async () => {
    expect((await provision("one", "dan")).status).toBe(400);
    const { key } = await makeKey("other-bot", ["operate"]);
    const body = { slug: "eve", plan: "starter" };
    const headers = { "idempotency-key": "one" };
    expect((await api.request("POST", "/api/v1/instances", { key, body, headers })).status).toBe(201);
  });
});

test("whoever asks too often is told for how long to wait", async () => {
  const strict = await startAdminApp({ burst: 3, perSecond: 0.5 });
  try {
    const statuses: number[] = [];
    for (let at = 0; at < 4; at += 1) statuses.push((await strict.request("GET", "/api/v1/summary")).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    const answer = await strict.request("GET", "/api/v1/summary");
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    strict.advance(2100);
    expect((await strict.request("GET", "/api/v1/summary")).status).toBe(200);
  } finally {
    await strict.close();
  }
});

describe("what stands until it is taken back", () => {
  test("a suspension takes what billing gives, and gives it back", async () => {
    const phase = async () => {
      const rows = await api.database.sql<{ phase: string }[]>`
        select phase from clawfleet.instances where slug = 'bob' and status <> 'gone'`;
      return rows[0]?.phase;
    };
    expect((await api.request("PUT", "/api/v1/instances/bob/suspended")).status).toBe(202);
    expect(await phase()).toBe("suspended");
    expect((await api.request("DELETE", "/api/v1/instances/bob/suspended")).status).toBe(202);
    expect(await phase()).toBe("running");
    expect((await api.request("DELETE", "/api/v1/instances/bob/suspended")).status).toBe(409);
  });

  test("a pause of one or of all is told, and ends", async () => {
    expect((await api.request("PUT", "/api/v1/pauses/bob")).status).toBe(200);
    expect((await api.request("PUT", "/api/v1/pauses/*")).status).toBe(200);
    const { body } = await api.request("GET", "/api/v1/pauses");
    expect(body).toMatchObject({ pauses: [{ scope: "*", actor: "admin" }, { scope: "bob" }] });
    expect((await api.request("DELETE", "/api/v1/pauses/*")).status).toBe(200);
    expect((await api.request("DELETE", "/api/v1/pauses/bob")).status).toBe(200);
    expect((await api.request("DELETE", "/api/v1/pauses/bob")).status).toBe(404);
    expect((await api.request("PUT", "/api/v1/pauses/nobody")).status).toBe(404);
  });
});

describe("the doctor", () => {
  type Found = { check: string; well: boolean; detail: string; remedy: string | null };
  const examine = async () => {
    const { body } = await api.request("GET", "/api/v1/doctor");
    return new Map((body as { findings: Found[] }).findings.map((one) => [one.check, one]));
  };

  test("says what is not well and what to do, and that it is well again", async () => {
    const { sql } = api.database;
    const ill = await examine();
    for (const check of ["billing", "workers", "drift default"])
      expect(ill.get(check)).toMatchObject({ well: false, remedy: expect.any(String) });
    expect(ill.get("billing")?.detail).toBe("it has never been read whole");
    const now = new Date(Date.now() + dayMs + 1000);
    await sql`insert into clawfleet.sweeps (started_at, ended_at, outcome) values (${now}, ${now}, 'complete')`;
    await sql`insert into clawfleet.workers (name, binding, slots) values ('w', 'all', 1)`;
    await sql`
      insert into clawfleet.drift_scans (account, actor, started_at, ended_at, outcome)
      values ('default', 'clock', ${now}, ${now}, 'complete')`;
    const well = await examine();
    for (const check of ["billing", "workers", "drift default"])
      expect(well.get(check)).toMatchObject({ well: true, remedy: null });
    // The test's clock is a day ahead of the database's.
    expect(well.get("clock")).toMatchObject({ well: false, remedy: "set the clocks of both by NTP" });
  });
});
