/**
 * Proves that an order from which nothing would follow is refused at once, and that `fleet` waits for no operation that will not
 * come. Nothing is taken from the queue here: what is waited for, and comes, is e2e/fleet-command.test.ts' matter.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { deprovisionCommand, environmentCommand } from "../../reconciler/cli/commands.ts";
import type { CommandIo } from "../../reconciler/cli/io.ts";
import { resumeCommand, suspendCommand } from "../../reconciler/cli/standing.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { createCliIo } from "../support/cli-io.ts";
import { makeKey, openConsole } from "../support/console.ts";

let api: AdminApp;
const sql = () => api.database.sql;
beforeAll(async () => {
  api = await startAdminApp();
  for (const slug of ["ada", "kim", "old"]) await provision(slug);
  await sql()`
    update clawfleet.instances set observed_generation = generation, status = 'ready', observed_phase = 'running'`;
  await sql()`update clawfleet.instances set override = '{"hold": true}' where slug = 'kim'`;
  await api.request("DELETE", "/api/v1/instances/old?keepData=true");
  await sql()`
    update clawfleet.instances set observed_generation = generation, observed_phase = phase, status = 'ready'
    where slug = 'old'`;
  const differences = sql().json([]);
  await sql()`
    insert into clawfleet.drift_findings (subject, instance_id, slug, account, class, action, differences, first_seen, last_seen)
    select id, id, slug, 'default', 'repair', 'ask', ${differences}, now(), now() from clawfleet.instances`;
});
afterAll(() => api?.close());

const provision = (slug: string) =>
  api.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });

/** Everything that is to change something at one instance. */
const orders: [method: string, path: string, body?: unknown][] = [
  ["POST", "/apply"],
  ["POST", "/apply?refresh=true"],
  ["PUT", "/suspended"],
  ["DELETE", "/suspended"],
  ["PUT", "/environment/API_KEY", { value: "x" }],
  ["DELETE", "/environment/API_KEY"],
  ["POST", "/restart"],
  ["POST", "/reboot"],
  ["POST", "/rebuild"],
  ["DELETE", ""],
  ["DELETE", "?keepData=true"],
];
const order = ([method, path, body]: (typeof orders)[number], slug: string) =>
  api.request(method, `/api/v1/instances/${slug}${path}`, body === undefined ? {} : { body });
const repair = (slug: string) => api.request("POST", `/api/v1/drift/findings/${slug}/repair?lose=true`);
const rows = async () => [
  await sql()`select slug, phase, generation, secrets from clawfleet.instances order by slug`,
  await sql()`select * from clawfleet.interventions order by subscription_id`,
];
const refusal = (text: string, remedy: string) => ({
  status: 409,
  body: {
    error: {
      message: expect.stringContaining(text),
      remedy: expect.stringContaining(remedy),
    },
  },
});

describe("an order about", () => {
  test.each([
    ["one that is paused", "ada", "ada", "ada is paused", "fleet resume ada"],
    ["one of a paused fleet", "*", "ada", "ada is paused with the whole fleet", "fleet resume"],
    ["one that is held", undefined, "kim", "held as it is", "clawfleet:hold"],
  ])("%s is refused at once and changes nothing", async (_what, scope, slug, text, remedy) => {
    const before = await rows();
    if (scope) await api.request("PUT", `/api/v1/pauses/${scope}`);
    for (const one of orders)
      expect([one, await order(one, slug)]).toMatchObject([one, refusal(text, remedy)]);
    expect(await repair(slug)).toMatchObject(refusal(text, remedy));
    expect((await order(["POST", "/preview"], slug)).status).toBe(202);
    if (scope) await api.request("DELETE", `/api/v1/pauses/${scope}`);
    expect(await rows()).toEqual(before);
  });

  test("a new one of a paused fleet is refused", async () => {
    await api.request("PUT", "/api/v1/pauses/*");
    expect(await provision("eve")).toMatchObject(refusal("the whole fleet", "fleet resume"));
    await api.request("DELETE", "/api/v1/pauses/*");
  });

  test("one that is archived is refused where only a server could have it", async () => {
    for (const one of [order(["POST", "/apply"], "old"), repair("old")])
      expect(await one).toMatchObject(
        refusal("old has no server any more: it is archived", "fleet resume old"),
      );
  });
});

test("the console offers nothing that would do nothing", async () => {
  const visitor = await openConsole(api, await makeKey(api, "anna", ["read", "operate", "delete"]));
  const offered = async (slug: string) =>
    [...(await visitor.open(`/console/instances/${slug}`)).html.matchAll(/\/actions\/([a-z]+)"/g)].map(
      ([, action]) => action,
    );
  expect(await offered("ada")).toContain("apply");
  await api.request("PUT", "/api/v1/pauses/ada");
  expect(await offered("ada")).toEqual(["preview", "unpause"]);
  await api.request("DELETE", "/api/v1/pauses/ada");
  expect(await offered("kim")).toEqual(["preview", "pause"]);
  expect(await offered("old")).toEqual(["preview", "resume", "pause", "delete"]);
});

describe("`fleet`", () => {
  let said: string[];
  let io: CommandIo;
  beforeEach(() => {
    ({ io, said } = createCliIo(api));
  });
  const unplace = (slug: string) => sql()`
    update clawfleet.instances set cell = null, private_ip = null, status = 'waiting', observed_generation = 0
    where slug = ${slug}`;

  test("says at once that one is gone that never had a place", async () => {
    await provision("bob");
    await unplace("bob");
    const kept = await order(["DELETE", "?keepData=true"], "bob");
    expect(kept).toMatchObject(refusal("bob has no data that could be kept", "fleet deprovision bob"));
    expect(await deprovisionCommand(io, "bob", { yes: true })).toBe(0);
    expect(said).toEqual(["bob will be deleted", "bob is gone"]);
  });

  test("waits neither for a server that there is not, nor for what is as ordered", async () => {
    await provision("cleo");
    await unplace("cleo");
    expect(await suspendCommand(io, "cleo", {})).toBe(0);
    expect(await resumeCommand(io, "cleo", {})).toBe(0);
    for (const slug of ["cleo", "old"])
      expect(await environmentCommand(io, slug, "API_KEY", { read: () => Promise.resolve("x") })).toBe(0);
    expect(said.filter((line) => line.includes("has no server"))).toHaveLength(4);
    await sql()`update clawfleet.instances set phase = 'suspended', override = '{}' where slug = 'kim'`;
    await suspendCommand(io, "kim", { wait: false });
    await sql()`update clawfleet.instances set observed_generation = generation, status = 'ready' where slug = 'kim'`;
    expect(await suspendCommand(io, "kim", {})).toBe(0);
    expect(said.at(-1)).toBe("kim is as ordered");
  });

  test("waits for what will come", async () => {
    await expect(suspendCommand(io, "ada", {})).rejects.toThrow("it waits");
  });

  test("resumes one of a paused fleet only when the fleet is", async () => {
    await api.request("PUT", "/api/v1/pauses/*");
    await expect(resumeCommand(io, "ada", {})).rejects.toThrow("ada is paused with the whole fleet");
    await api.request("DELETE", "/api/v1/pauses/*");
  });
});
