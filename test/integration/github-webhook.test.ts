/** Proves on a real queue which webhooks of GitHub are taken: signed ones, about our repository. */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGithubRoutes } from "../../reconciler/routes/github.ts";
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
});
