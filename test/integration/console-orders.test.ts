/** Proves what each scope may do in the console, that it is done under the operator's name, and that it is written down; without a browser. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { actionIds } from "../../reconciler/console/actions.ts";
import { explainLoss } from "../../reconciler/drift/lost-snapshots.ts";
import { drift as driftAnswer } from "../../reconciler/routes/answers.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { makeKey, openConsole } from "../support/console.ts";

let api: AdminApp;
let keys: { anna: string; reader: string };
beforeAll(async () => {
  api = await startAdminApp();
  await api.request("POST", "/api/v1/instances", {
    body: { slug: "ada", plan: "starter", email: "ada@example.org" },
  });
  keys = {
    anna: await makeKey(api, "anna", ["read", "operate", "delete"]),
    reader: await makeKey(api, "reader", ["read"]),
  };
});
afterAll(() => api?.close());

const audited = async () =>
  await api.database.sql<{ actor: string; method: string; path: string; status: number }[]>`
    select actor, method, path, status from clawfleet.audit_log where path like '/console%' order by id`;

/** Of the fleet's table, as somebody might forge it. */
const toCursor = (value: string) => Buffer.from(JSON.stringify([value, "a"])).toString("base64url");

const signedIn = (key = keys.anna) => openConsole(api, key);

describe("an operator", () => {
  test("who may only read sees everything, is offered nothing and gets nothing", async () => {
    const visitor = await signedIn(keys.reader);
    const page = await visitor.open("/console/instances/ada");
    expect(page.html).toContain("ada@example.org");
    expect(page.html).not.toContain("/actions/");
    for (const action of actionIds)
      expect([
        action,
        (await visitor.submit(`/console/instances/ada/actions/${action}`, { typed: "ada" })).status,
      ]).toEqual([action, 403]);
    for (const path of ["drift/scan", "queue/pause", "queue/unpause", "queue/halt", "queue/unhalt"])
      expect([path, (await visitor.submit(`/console/${path}`)).status]).toEqual([path, 403]);
    expect((await visitor.submit("/console/drift/repair", { name: "ada" })).status).toBe(403);
    expect(
      (await visitor.submit("/console/drift/delete", { object: "server:1", typed: "server:1" })).status,
    ).toBe(403);
  });

  test("orders what the API orders, under their own name", async () => {
    const visitor = await signedIn();
    const order = async (action: string) => {
      await visitor.open("/console/instances/ada");
      return (await visitor.submit(`/console/instances/ada/actions/${action}`)).location;
    };
    expect(await order("apply")).toBe("/console/instances/ada?done=apply");
    expect(await order("preview")).toBe("/console/instances/ada?done=preview");
    const jobs = await api.database.sql`
      select data ->> 'kind' as kind, data ->> 'reason' as reason, data ->> 'actor' as actor from pgboss.job
      where name = 'converge' and data ->> 'stack' = 'ada' and data ->> 'kind' = 'preview'`;
    expect(jobs).toEqual([{ kind: "preview", reason: "operator", actor: "anna" }]);
    await order("suspend");
    expect(await api.database.sql`select phase, actor from clawfleet.interventions`).toEqual([
      { phase: "suspended", actor: "anna" },
    ]);
    expect((await visitor.open("/console/instances/ada")).html).toContain("suspended by anna");
    await order("resume");
    await order("pause");
    expect((await visitor.open("/console")).html).toContain("paused");
    await order("unpause");
    expect(await api.database.sql`select 1 from clawfleet.pauses`).toHaveLength(0);
    expect(await audited()).toContainEqual({
      actor: "anna",
      method: "POST",
      path: "/console/instances/ada/actions/suspend",
      status: 303,
    });
  });

  test("is told why something is not done, and what to do", async () => {
    const visitor = await signedIn();
    const answer = await visitor.submit("/console/instances/ada/actions/unpause");
    expect(answer.status).toBe(404);
    expect(answer.html).toContain("ada is not paused");
    expect((await visitor.open("/console/instances/nobody")).html).toContain("no instance named nobody");
    expect((await visitor.open("/console/operations/99999")).status).toBe(404);
  });

  test.each([
    "?q=%00",
    "?plan=%00",
    "?cell=a%00b",
    `?after=${toCursor("\0")}`,
    `?before=${toCursor("\0")}`,
    "/audit?actor=%00",
  ])("is told that no text of ours holds what they typed: %s", async (address) => {
    const page = await (await signedIn()).open(`/console${address}`);
    expect([page.status, page.html.includes("a NUL character is in no text of ours")]).toEqual([400, true]);
  });

  test("deletes nothing without typing its name", async () => {
    const visitor = await signedIn();
    for (const typed of ["", "Ada", "bob"]) {
      const answer = await visitor.submit("/console/instances/ada/actions/delete", { typed });
      expect([answer.status, answer.html.includes("nothing was deleted")]).toEqual([400, true]);
    }
    const phase = () =>
      api.database.sql<{ phase: string }[]>`select phase from clawfleet.instances where slug = 'ada'`;
    expect(await phase()).toEqual([{ phase: "running" }]);
    await visitor.submit("/console/instances/ada/actions/delete", { typed: "ada" });
    expect(await phase()).toEqual([{ phase: "gone" }]);
  });

  test("finds refusals written down as well", async () => {
    const entries = await audited();
    expect(entries).toContainEqual({
      actor: "reader",
      method: "POST",
      path: "/console/instances/ada/actions/delete",
      status: 403,
    });
    expect(entries).toContainEqual(expect.objectContaining({ actor: "anna", path: "/console/sign-in" }));
    const visitor = await signedIn(keys.reader);
    expect((await visitor.open("/console/audit?actor=reader")).html).toContain("/actions/delete");
  });

  test("repairs drift, deletes what nobody owns by typing it, and holds the whole fleet", async () => {
    await api.request("POST", "/api/v1/instances", { body: { slug: "bob", plan: "starter" } });
    const { sql } = api.database;
    const [bob] = await sql<{ id: string }[]>`select id from clawfleet.instances where slug = 'bob'`;
    const leak = [{ class: "leak", kind: "server", objectId: "4712", name: "x" }];
    const moved = [{ class: "repair", kind: "server", objectId: "4711", name: "bob", property: "labels" }];
    for (const [subject, slug, name, differences] of [
      [bob?.id ?? "", "bob", "repair", moved],
      ["server:4712", null, "leak", leak],
    ] as const)
      await sql`
        insert into clawfleet.drift_findings (subject, slug, account, class, action, differences, first_seen, last_seen)
        values (${subject}, ${slug}, 'default', ${name}, 'ask', ${sql.json(differences)}, now(), now())`;
    const visitor = await signedIn();
    const page = await visitor.open("/console/drift");
    expect(page.html).toContain("2 findings");
    expect((await visitor.submit("/console/drift/repair", { name: "bob" })).location).toBe(
      "/console/drift?done=repair",
    );
    await sql`update clawfleet.drift_findings set class = 'dangerous' where slug = 'bob'`;
    expect((await visitor.open("/console/drift")).html).toContain("its server may be replaced");
    expect((await visitor.submit("/console/drift/repair", { name: "bob" })).status).toBe(409);
    expect((await visitor.submit("/console/drift/repair", { name: "bob", typed: "bo" })).status).toBe(400);
    expect((await visitor.submit("/console/drift/repair", { name: "bob", typed: "bob" })).status).toBe(303);
    const deletion = { object: "server:4712", typed: "server:471" };
    expect((await visitor.submit("/console/drift/delete", deletion)).status).toBe(400);
    await visitor.submit("/console/drift/delete", { ...deletion, typed: "server:4712" });
    await visitor.submit("/console/drift/scan");
    expect(
      await sql`select data ->> 'kind' as kind, data ->> 'actor' as actor from pgboss.job where name = 'drift' order by 1`,
    ).toEqual([
      { kind: "delete", actor: "anna" },
      { kind: "scan", actor: "anna" },
    ]);
    expect((await visitor.open("/console/drift")).html).toContain("Its deletion was ordered by anna");
    await visitor.submit("/console/queue/pause");
    expect((await visitor.open("/console/queue")).html).toContain("The fleet is held by anna");
    expect((await visitor.open("/console/instances/bob")).html).toContain("the fleet is held");
    await visitor.submit("/console/queue/unpause");
    expect(await sql`select 1 from clawfleet.pauses`).toHaveLength(0);
  });

  test("has no repair of a customer's data that is gone", async () => {
    const { sql } = api.database;
    const lost = [{ class: "missing", kind: "snapshot", objectId: "7", name: "ada" }];
    await sql`
      insert into clawfleet.drift_findings
        (subject, slug, account, class, action, differences, refusal, first_seen, last_seen)
      select id, slug, 'default', 'missing', 'ask', ${sql.json(lost)}, ${explainLoss("ada")}, now(), now()
      from clawfleet.instances where slug = 'ada'`;
    const visitor = await signedIn();
    const { html } = await visitor.open("/console/drift");
    expect(html).toContain("gone with it, and no run brings it back");
    expect(html).not.toContain('id="repair-ada"');
    expect((await visitor.submit("/console/drift/repair", { name: "ada" })).status).toBe(409);
    const { status, body } = await api.request("POST", "/api/v1/drift/findings/ada/repair");
    expect([status, JSON.stringify(body)]).toEqual([409, expect.stringContaining("fleet deprovision ada")]);
    await sql`delete from clawfleet.drift_findings where slug = 'ada'`;
  });

  test("shows drift by pages, the gravest first, as the API does", async () => {
    const { sql } = api.database;
    await sql`update clawfleet.drift_findings set closed_at = now() where closed_at is null`;
    await sql`
      insert into clawfleet.drift_findings (subject, slug, account, class, action, differences, first_seen, last_seen)
      select 'i' || n, 'many-' || n, 'default', case when n = 70 then 'dangerous' else 'cosmetic' end, 'ask', '[]', now(), now()
      from generate_series(1, 120) n`;
    const read = async (query: string) =>
      driftAnswer.parse((await api.request("GET", `/api/v1/drift?limit=50${query}`)).body);
    const names = ({ findings }: Awaited<ReturnType<typeof read>>) => findings.map(({ name }) => name);
    const first = await read("");
    const second = await read(`&after=${first.next}`);
    const third = await read(`&after=${second.next}`);
    expect([first.total, names(first)[0], names(first)[1]]).toEqual([120, "many-70", "many-1"]);
    expect(new Set([first, second, third].flatMap(names)).size).toBe(120);
    expect([first.previous, third.next, names(third).length]).toEqual([null, null, 20]);
    expect(names(await read(`&before=${second.previous}`))).toEqual(names(first));
    expect(names(await read("&name=many-7"))).toEqual(["many-7"]);
    const visitor = await signedIn();
    const page = await visitor.open("/console/drift");
    expect(page.html).toContain("120 findings");
    expect(page.html).not.toContain("many-60");
    expect(page.html).toContain(`/console/drift?after=${first.next}`);
    const { html } = await visitor.open(`/console/drift?after=${first.next}`);
    expect(html).toContain("many-60");
    expect(html).toContain('rel="prev"');
    await sql`update clawfleet.drift_findings set closed_at = now() where closed_at is null`;
  });

  test("stops every removal with a reason, and lets them go on", async () => {
    const visitor = await signedIn();
    await visitor.open("/console/queue");
    await visitor.submit("/console/queue/halt", { reason: " <b>billing</b> " });
    const halted = await visitor.open("/console/queue?done=halt");
    expect(halted.html).toContain("Every removal is stopped by anna");
    expect(halted.html).toContain("&lt;b&gt;billing&lt;/b&gt;");
    const refused = await visitor.submit("/console/instances/bob/actions/suspend");
    expect([refused.status, refused.html.includes("stopped every removal")]).toEqual([409, true]);
    await visitor.submit("/console/queue/unhalt");
    expect((await visitor.open("/console/queue")).html).not.toContain("Every removal is stopped by");
  });

  test("sees the money, and the snapshot of an archived one", async () => {
    const visitor = await signedIn();
    expect((await visitor.open("/console/money")).html).toContain("No server runs that nobody pays for.");
    const { sql } = api.database;
    await sql`
      update clawfleet.instances set phase = 'archived', observed_phase = 'archived', status = 'ready',
        observed_generation = generation, snapshot_id = '4711', outputs = null
      where slug = 'bob'`;
    const page = await visitor.open("/console/instances/bob");
    expect(page.html).toContain("<code>4711</code>");
    expect(page.html).toContain("when it comes back");
    for (const path of ["restart", "reboot", "rebuild", "archive"])
      expect(page.html).not.toContain(`/actions/${path}`);
  });
});
