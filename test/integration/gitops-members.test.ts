/**
 * Proves on a real database that customers who come, leave or are stopped while a change of their plan is under review do not refuse
 * it, and that an open request is planned again when the fleet under it is another. Which differences count is unit/gitops-coverage.test.ts' matter.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
