/**
 * Proves what operators may order and read of billing through the API: the stop of every removal under its operator's name, what it
 * refuses meanwhile, what happened to a name, money. That a stop holds converges and sweeps: billing-model.test.ts, e2e/phases.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { makeKey } from "../support/console.ts";

let api: AdminApp;
let anna: string;
beforeAll(async () => {
  api = await startAdminApp();
  await api.request("POST", "/api/v1/instances", { body: { slug: "ada", plan: "starter" } });
  anna = await makeKey(api, "anna", ["read", "operate", "delete"]);
});
afterAll(() => api?.close());

const halt = (method: string, body?: unknown, key = anna) =>
  api.request(method, "/api/v1/halt", { key, ...(body === undefined ? {} : { body }) });

describe("the stop of every removal", () => {
  test("stands under the name of who began it, and is written down", async () => {
    expect((await halt("GET")).body).toEqual({ halt: null });
    expect((await halt("PUT", { reason: "looking into billing" })).body).toEqual({
      halt: { by: "anna", reason: "looking into billing", since: expect.any(String) },
    });
    expect((await halt("PUT", {}, api.rootKey)).body).toMatchObject({ halt: { by: "anna" } });
    const audited = await api.database.sql`
      select actor, method, status from clawfleet.audit_log where path = '/api/v1/halt' order by id`;
    expect(audited).toEqual([
      { actor: "anna", method: "PUT", status: 200 },
      { actor: "admin", method: "PUT", status: 200 },
    ]);
  });

  test.each([
    ["PUT", "/instances/ada/suspended"],
    ["DELETE", "/instances/ada?keepData=true"],
    ["DELETE", "/instances/ada"],
    ["POST", "/instances/ada/rebuild"],
  ])("refuses %s %s and says why; nothing of it waits for the end", async (method, path) => {
    const answer = await api.request(method, `/api/v1${path}`, { key: anna });
    expect([answer.status, answer.body]).toEqual([
      409,
      {
        error: expect.objectContaining({
          message: "anna stopped every removal: looking into billing",
          remedy: expect.stringContaining("fleet halt --end"),
        }),
      },
    ]);
    expect(await api.database.sql`select 1 from clawfleet.interventions`).toHaveLength(0);
  });

  test("ends once, and then removals are taken again", async () => {
    expect((await halt("DELETE")).body).toEqual({ ended: true });
    expect((await halt("DELETE")).body).toEqual({ ended: false });
    const kept = await api.request("DELETE", "/api/v1/instances/ada?keepData=true", { key: anna });
    expect(kept.status).toBe(202);
  });

  test("needs the scope for operating", async () => {
    const reader = await makeKey(api, "reader", ["read"]);
    const codes = [];
    for (const [method, body] of [["PUT", {}], ["DELETE"], ["GET"]] as const)
      codes.push((await halt(method, body, reader)).status);
    expect(codes).toEqual([403, 403, 200]);
  });
});

test("what happened to a name is told oldest first, of a strange one nothing", async () => {
  const history = async (slug: string) =>
    (await api.request("GET", `/api/v1/instances/${slug}/history`)).body;
  const { history: entries } = (await history("ada")) as { history: { kind: string; value: string }[] };
  expect(entries.at(-1)).toMatchObject({
    kind: "wanted",
    value: "archived",
    detail: "deprovisioned with its data kept by anna",
  });
  expect(await history("nobody")).toEqual({ history: [] });
});

test("money is answered although no account was read yet", async () => {
  const { status, body } = await api.request("GET", "/api/v1/money");
  expect(status).toBe(200);
  expect(body).toMatchObject({ money: { unpaid: [], readAt: {}, total: { servers: 0, revenue: {} } } });
});
