/** Proves on a real queue which webhooks of GitHub are taken: signed ones, about our repository. */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createApp } from "../../reconciler/app.ts";
import { createGithubRoutes, maxWebhookBytes } from "../../reconciler/routes/github.ts";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";

describe("GitHub's webhook", () => {
  let admin: AdminApp;
  beforeAll(async () => {
    admin = await startAdminApp();
  });
  afterAll(() => admin?.close());

  const secret = "s".repeat(32);
  const push = (name: string) => JSON.stringify({ ref: "refs/heads/main", repository: { full_name: name } });
  const sign = (body: string) => `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;

  test.each([
    ["of our repository, whatever the case", push("Hoster/Fleet"), undefined, "queued"],
    ["of another repository that has the App", push("hoster/other"), undefined, "ignored"],
    ["of no repository", "{}", undefined, "ignored"],
    ["that is no JSON", "]", undefined, "ignored"],
    ["with another body's signature", push("hoster/fleet"), sign(push("hoster/other")), "refused"],
    ["without a signature", push("hoster/fleet"), "", "refused"],
  ])("%s is taken for what it is", async (_what, body, signature, outcome) => {
    const { sql, queue, log } = admin.apply;
    await sql`delete from pgboss.job where name = 'gitops'`;
    const outcomes: string[] = [];
    const onWebhook = (one: string) => void outcomes.push(one);
    const deps = { sql, queue, log, repository: "hoster/fleet", webhookSecret: secret, onWebhook };
    await createGithubRoutes(deps).request("/github", {
      method: "POST",
      headers: { "x-github-event": "push", "x-hub-signature-256": signature ?? sign(body) },
      body,
    });
    expect(outcomes).toEqual([outcome]);
    const jobs = await sql`select 1 from pgboss.job where name = 'gitops'`;
    expect(jobs).toHaveLength(outcome === "queued" ? 1 : 0);
  });

  /** As much as anybody wants of it, in chunks of a megabyte. */
  function endless(): { body: ReadableStream<Uint8Array>; read: () => number } {
    let read = 0;
    const pull = (controller: ReadableStreamDefaultController<Uint8Array>) => {
      read += 1;
      controller.enqueue(new Uint8Array(2 ** 20));
    };
    return { body: new ReadableStream({ pull }, { highWaterMark: 0 }), read: () => read };
  }

  test.each([
    ["without a signature is not read at all", { signed: false, length: undefined }, 401, 0],
    [
      "that says that it is too long is not read at all",
      { signed: true, length: maxWebhookBytes + 1 },
      413,
      0,
    ],
    ["without an end is not read any further", { signed: true, length: undefined }, 413, 26],
  ])("one %s", async (_what, given, status, chunks) => {
    const { sql, queue, log } = admin.apply;
    const { body, read } = endless();
    const deps = { sql, queue, log, repository: "hoster/fleet", webhookSecret: secret };
    const routes = createGithubRoutes({ ...deps, onWebhook: () => undefined });
    const app = createApp({ ...admin.parts, webhooks: routes });
    const headers = new Headers({ "x-github-event": "push" });
    if (given.signed) headers.set("x-hub-signature-256", `sha256=${"0".repeat(64)}`);
    if (given.length !== undefined) headers.set("content-length", String(given.length));
    const init = { method: "POST", headers, body, duplex: "half" } as const;
    const answer = await app.request(new Request("http://fleet.example/webhooks/github", init));
    expect([answer.status, read()]).toEqual([status, chunks]);
  });
});
