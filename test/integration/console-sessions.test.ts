/**
 * Proves who gets into the console and for how long, and that no other site can act in an operator's name; on the real app and a
 * real database. What each may order is in console-orders.test.ts, what a browser makes of it in console-browser.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";
import { createVisitor, makeKey, openConsole } from "../support/console.ts";

let api: AdminApp;
let keys: { anna: string; reader: string; root: string; mute: string };
beforeAll(async () => {
  api = await startAdminApp();
  await api.request("POST", "/api/v1/instances", {
    body: { slug: "ada", plan: "starter", email: "ada@example.org" },
  });
  keys = {
    anna: await makeKey(api, "anna", ["read", "operate", "delete"]),
    reader: await makeKey(api, "reader", ["read"]),
    mute: await makeKey(api, "mute", ["operate"]),
    root: api.rootKey,
  };
});
afterAll(() => api?.close());

const hourMs = 3_600_000;

const signedIn = (key = keys.anna) => openConsole(api, key);

describe("signing in", () => {
  test("leads back to the page that was asked for", async () => {
    const visitor = createVisitor(api);
    const first = await visitor.open("/console/instances/ada?before=9");
    expect([first.status, first.location]).toEqual([
      303,
      "/console/sign-in?next=%2Fconsole%2Finstances%2Fada%3Fbefore%3D9",
    ]);
    const page = await visitor.open(first.location);
    expect(page.html).toContain('value="/console/instances/ada?before=9"');
    const done = await visitor.submit("/console/sign-in", {
      key: keys.anna,
      next: "/console/instances/ada?before=9",
    });
    expect([done.status, done.location]).toEqual([303, "/console/instances/ada?before=9"]);
    expect((await visitor.open(done.location)).status).toBe(200);
  });

  test.each([
    "https://evil.example/",
    "//evil.example",
    "/console\\@evil",
    "/consolexyz",
    "/console/\r\nx: y",
  ])("leads nowhere else: %j", async (next) => {
    const done = await createVisitor(api).submit("/console/sign-in", { key: keys.anna, next });
    expect([done.status, done.location]).toEqual([303, "/console"]);
  });

  test.each([
    ["a wrong key", () => "cfk_abcdefabcdef_" + "a".repeat(43), "not valid"],
    ["no key", () => "", "not valid"],
    ["the key of the environment", () => keys.root, "nobody"],
    ["a key that may not read", () => keys.mute, "scope read"],
  ])("is refused with %s", async (_what, key, said) => {
    const visitor = createVisitor(api);
    const answer = await visitor.signIn(key());
    expect([answer.status, visitor.cookie]).toEqual([401, ""]);
    expect(answer.html).toContain(said);
  });

  test("with wrong keys is slowed down, and whoever has a right one is not kept waiting", async () => {
    const own = await startAdminApp();
    const right = await makeKey(own, "otto", ["read"]);
    const statuses = new Set<number>();
    for (let i = 0; i < 40; i += 1) statuses.add((await createVisitor(own).signIn(`wrong-${i}`)).status);
    expect(statuses).toEqual(new Set([401, 429]));
    expect((await createVisitor(own).signIn(right)).status).toBe(303);
    await own.close();
  });

  test("gives a cookie that no script reads and no other site sends, and keeps only its hash", async () => {
    const visitor = createVisitor(api);
    const { headers } = await visitor.signIn(keys.anna);
    const set = headers.getSetCookie().join();
    expect(set).toMatch(
      /^__Host-clawfleet=[\w-]{43}; Max-Age=43200; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
    const token = visitor.cookie.split("=")[1] ?? "";
    const rows = await api.database
      .sql`select encode(token_hash, 'escape') as hash from clawfleet.console_sessions`;
    expect(JSON.stringify(rows)).not.toContain(token.slice(0, 12));
  });
});

describe("a session", () => {
  /** 12 h; 2 h without use. */
  test("ends when nobody uses it for two hours", async () => {
    const visitor = await signedIn();
    api.advance(1.5 * hourMs);
    expect((await visitor.open("/console")).status).toBe(200);
    api.advance(1.5 * hourMs);
    expect((await visitor.open("/console")).status).toBe(200);
    api.advance(2 * hourMs + 1000);
    const late = await visitor.open("/console");
    expect(late.location).toContain("ended=1");
    expect((await visitor.open(late.location)).html).toContain("Your session has ended");
  });

  test("ends after twelve hours however much it is used", async () => {
    const visitor = await signedIn();
    for (let hours = 1; hours < 12; hours += 1) {
      api.advance(hourMs);
      expect((await visitor.open("/console")).status).toBe(200);
    }
    api.advance(hourMs);
    expect((await visitor.open("/console")).status).toBe(303);
  });

  test("ends with its key", async () => {
    const { body } = await api.request("POST", "/api/v1/keys", { body: { name: "temp", scopes: ["read"] } });
    const { id, key } = body as { id: string; key: string };
    const visitor = await signedIn(key);
    await api.request("DELETE", `/api/v1/keys/${id}`);
    expect((await visitor.open("/console")).status).toBe(303);
  });

  test("ends when one signs out, on the server too", async () => {
    const visitor = await signedIn();
    const stolen = visitor.cookie;
    const out = await visitor.submit("/console/sign-out");
    expect([out.status, out.location, visitor.cookie]).toEqual([303, "/console/sign-in", ""]);
    visitor.cookie = stolen;
    expect((await visitor.open("/console")).status).toBe(303);
  });

  test("is asked for by every page and every stream", async () => {
    for (const path of ["/console", "/console/drift", "/console/queue", "/console/audit", "/console/nothing"])
      expect([path, (await createVisitor(api).open(path)).status]).toEqual([path, 303]);
    const stream = await createVisitor(api).open("/console/instances/ada/events", {
      accept: "text/event-stream",
    });
    expect(stream.status).toBe(401);
  });

  test("is found by who follows a link from elsewhere: the cookie comes with the page's own second request", async () => {
    const visitor = createVisitor(api);
    const page = await visitor.open("/console/instances/ada", { "sec-fetch-site": "cross-site" });
    expect(page.status).toBe(200);
    expect(page.html).toContain('<meta http-equiv="refresh" content="0"');
    expect(page.html).not.toContain("ada@example.org");
  });
});

describe("another site", () => {
  const order = "/console/instances/ada/actions/pause";
  const pauses = () => api.database.sql`select 1 from clawfleet.pauses`;

  test.each(["cross-site", "same-site", "none", ""])("cannot send a form (%j)", async (site) => {
    const visitor = await signedIn();
    const answer = await visitor.submit(order, {}, { "sec-fetch-site": site });
    expect(answer.status).toBe(403);
    expect(
      (await createVisitor(api).submit("/console/sign-in", { key: keys.anna }, { "sec-fetch-site": site }))
        .status,
    ).toBe(403);
    expect(await pauses()).toHaveLength(0);
  });

  test("cannot guess the form's token, nor use that of its own session", async () => {
    const [visitor, other] = [await signedIn(), await signedIn(keys.reader)];
    const foreign = /name="csrf" value="([^"]+)"/.exec((await other.open("/console")).html)?.[1] ?? "";
    for (const csrf of ["", "x", foreign]) expect((await visitor.submit(order, { csrf })).status).toBe(403);
    expect(await pauses()).toHaveLength(0);
    expect((await visitor.submit("/console/sign-out", { csrf: foreign })).status).toBe(403);
  });

  test.each([
    "/console/sign-in",
    "/console",
    "/console/drift",
    "/console/queue",
    "/console/instances/ada",
    "/console/nothing",
  ])("finds nothing to run or to frame in %s", async (path) => {
    const visitor = path.endsWith("sign-in") ? createVisitor(api) : await signedIn();
    const { html, headers } = await visitor.open(path);
    const policy = headers.get("content-security-policy") ?? "";
    expect(policy.split("; ").toSorted()).toEqual([
      "base-uri 'none'",
      "connect-src 'self'",
      "default-src 'none'",
      "form-action 'self'",
      "frame-ancestors 'none'",
      "img-src 'self'",
      "script-src 'self'",
      "style-src 'self'",
    ]);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|\bon\w+="|style="|javascript:/);
    expect(html.startsWith("<!DOCTYPE html>") || html.startsWith("<!doctype html>")).toBe(true);
  });

  test("shows what others wrote as text", async () => {
    const hostile = `<img src=x onerror="alert(1)">`;
    await api.database
      .sql`update clawfleet.instances set status_detail = ${hostile}, status = 'parked' where slug = 'ada'`;
    const visitor = await signedIn();
    for (const path of ["/console", "/console/instances/ada", `/console?q=${encodeURIComponent(hostile)}`])
      expect((await visitor.open(path)).html).not.toContain("<img");
    await api.database
      .sql`update clawfleet.instances set status_detail = null, status = 'pending' where slug = 'ada'`;
  });
});
