/**
 * Proves on a real database that customers who come, leave or are stopped while a change of their plan is under review do not refuse
 * it, and that an open request is planned again when the fleet under it is another. Which differences count is unit/gitops-coverage.test.ts' matter.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { handleGitopsJob } from "../../reconciler/gitops/sync.ts";
import { runPreviews } from "../support/plan-previews.ts";
import { startAppRig, startGitopsRig, type AppRig, type GitopsRig } from "../support/gitops-rig.ts";

const plansFile = "stacks/plans.yaml";
/** Of starter, which everybody here has. */
async function raiseTasks(rig: GitopsRig, tasks: number): Promise<Record<string, string>> {
  const text = await rig.deps.mirror.git.run(["show", `${await rig.isAt()}:${plansFile}`]);
  return {
    [plansFile]: text.replace(
      /^starter:\n(?:  gatewayTasks: .*\n)?/m,
      `starter:\n  gatewayTasks: ${tasks}\n`,
    ),
  };
}
const signUp = (rig: GitopsRig, slug: string) =>
  rig.admin.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });

describe("while a change of a plan is reviewed", () => {
  let rig: GitopsRig;
  beforeAll(async () => {
    rig = await startGitopsRig({});
  });
  afterAll(() => rig?.close());

  test("a sign-up and a cancellation do not refuse it", async () => {
    await signUp(rig, "cyd");
    const head = await rig.repository.commit("tasks", await raiseTasks(rig, 300));
    await rig.review(head, 1);
    expect((await signUp(rig, "dan")).status).toBeLessThan(300);
    expect((await rig.admin.request("DELETE", "/api/v1/instances/bob")).status).toBeLessThan(300);
    await rig.deps.sql`update clawfleet.instances set status = 'gone' where slug = 'cyd'`;
    const merged = await rig.repository.merge(head, "Tasks");
    await rig.sync();
    expect(await rig.decision(merged)).toMatchObject({
      outcome: "applied",
      detail: expect.stringMatching(
        /^as reviewed in #1, plan [0-9a-f]{16}; who came and left since is decided about alike$/,
      ),
    });
  });

  test("one who would lose a server by it does, as nobody has seen that", async () => {
    const head = await rig.repository.commit("more", await raiseTasks(rig, 400));
    await rig.review(head, 2);
    await signUp(rig, "eve");
    const merged = await rig.repository.merge(head, "More");
    await rig.sync({ steps: [{ resource: "server", op: "replace" }] });
    expect(await rig.decision(merged)).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("what was reviewed is plan"),
    });
  });
});

/** As when the subscription ends while the preview waits its turn. */
async function leave({ deps: { sql } }: GitopsRig, slug: string): Promise<void> {
  await sql`update clawfleet.instances set status = 'gone', phase = 'gone' where slug = ${slug}`;
}

describe("who leaves while the preview waits", () => {
  let rig: AppRig;
  beforeAll(async () => {
    rig = await startAppRig({});
    for (const slug of ["cyd", "dan"]) await signUp(rig, slug);
    await rig.deps.sql`update clawfleet.instances set server_type = 'cx23', location = 'nbg1'`;
    rig.deps.settings.maxPreviews = 1;
  });
  afterAll(() => rig?.close());
  const customersOf = async (planId: number) => [
    ...(await rig.deps.sql`
      select slug, example, result ->> 'error' as error, result ->> 'note' as note from clawfleet.plan_customers
      where plan_id = ${planId} order by slug`),
  ];

  test("keeps no request red and refuses no commit", async () => {
    const plans = async () =>
      (await rig.deps.sql`select 1 from clawfleet.plans where purpose = 'review'`).length;
    await rig.repository.commit("tasks", await raiseTasks(rig, 300));
    const pull = await rig.github.openPull("tasks");
    await handleGitopsJob(rig.deps, { kind: "sync" });
    await leave(rig, "ada");
    await runPreviews(rig, { only: "ada" });
    await rig.sync();
    await rig.sync();
    await rig.sync();
    expect(await plans()).toBe(2);
    expect(rig.github.checks(await rig.repository.head("tasks"))).toMatchObject([{ conclusion: "success" }]);
    expect(rig.github.comments(pull)[0]?.body).toContain("🟡 bob |");
    expect(rig.github.comments(pull)[0]?.body).not.toContain("ada");

    const commit = await rig.github.merge(pull);
    await handleGitopsJob(rig.deps, { kind: "sync" });
    const planId = (await rig.decision(commit))?.planId ?? 0;
    await leave(rig, "bob");
    await runPreviews(rig, { only: "bob" });
    const none = { example: null, error: null, note: null };
    expect(await customersOf(planId), "another one is previewed for those who are alike").toEqual([
      { ...none, slug: "bob", note: "it is gone meanwhile: nothing happens" },
      { ...none, slug: "cyd" },
      { ...none, slug: "dan", example: "cyd" },
    ]);
    const jobs = await rig.deps.sql`
      select data ->> 'stack' as stack from pgboss.job where data ->> 'planId' = ${String(planId)} order by 1`;
    expect([...jobs]).toEqual([{ stack: "bob" }, { stack: "cyd" }]);
    await rig.sync();
    expect(await rig.decision(commit)).toMatchObject({
      outcome: "applied",
      detail: expect.stringContaining(`as reviewed in #${pull}, plan`),
    });
  });
});

describe("an open request", () => {
  let rig: AppRig;
  let github: AppRig["github"];
  beforeAll(async () => {
    rig = await startAppRig({});
    github = rig.github;
  });
  afterAll(() => rig?.close());

  test("is planned again when somebody in it is decided about otherwise, and not for one more like the others", async () => {
    const plans = async () =>
      (await rig.deps.sql`select 1 from clawfleet.plans where purpose = 'review'`).length;
    await rig.repository.commit("tasks", await raiseTasks(rig, 300));
    const pull = await github.openPull("tasks");
    await rig.sync();
    expect(await plans()).toBe(1);
    await signUp(rig, "cyd");
    await rig.deps.sql`
      update clawfleet.instances set server_type = ada.server_type, location = ada.location
      from clawfleet.instances ada where instances.slug = 'cyd' and ada.slug = 'ada'`;
    await rig.sync();
    expect(await plans()).toBe(1);
    await rig.deps.sql`update clawfleet.instances set server_type = 'cx33' where slug = 'bob'`;
    await rig.sync();
    expect(await plans()).toBe(2);
    expect(github.comments(pull)).toHaveLength(1);
    expect(github.comments(pull)[0]?.body).toContain("🟡 cyd |");
    const commit = await github.merge(pull);
    await rig.sync();
    expect(await rig.decision(commit)).toMatchObject({
      outcome: "applied",
      detail: `as reviewed in #${pull}`,
    });
  });
});
