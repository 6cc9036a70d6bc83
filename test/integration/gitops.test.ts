/**
 * Proves on a real database with real git repositories which commits are applied and which are refused, without GitHub's App and
 * with a simulated one. Previews are the test's own words: what an engine says of a change is for e2e/gitops.test.ts.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findPull } from "../../reconciler/db/git.ts";
import { isUnwanted } from "../../reconciler/db/plans.ts";
import { publishPull } from "../../reconciler/gitops/pulls.ts";
import { eventually } from "../support/poll.ts";
import { handleGitopsJob } from "../../reconciler/gitops/sync.ts";
import { commentMarker } from "../../reconciler/gitops/comment.ts";
import { startAppRig, startGitopsRig, type AppRig, type GitopsRig } from "../support/gitops-rig.ts";

const version = (text: string) => `config:\n  clawfleet:openclawVersion: ${text}\n`;
/** Lines far enough apart that git merges changes of both. */
const cell = ({ capacity = 90, recordQuota = 200 } = {}) => `config:
  clawfleet:zone: claws.example
  clawfleet:reach: public
  clawfleet:backendPublicIps: [127.0.0.1/32]
  clawfleet:sshPort: 2222
  clawfleet:recordQuota: ${recordQuota}
  # one
  # two
  # three
  # four
  clawfleet:capacity: ${capacity}
`;
const cellFile = "stacks/Pulumi.cell.lab.yaml";
function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("it is there");
  return value;
}

const lost = { steps: [{ resource: "server", op: "replace" as const }] };

describe("without an App", () => {
  let rig: GitopsRig;
  let releases = 0;
  const nextVersion = () => version(`2026.8.${(releases += 1)}`);
  beforeAll(async () => {
    rig = await startGitopsRig({ [cellFile]: cell() });
  });
  afterAll(() => rig?.close());

  test.each(["merge", "squash", "rebase"] as const)(
    "what CI planned of a request is applied after a %s",
    async (how) => {
      await rig.repository.commit("first", { "stacks/Pulumi.bob.yaml": nextVersion() });
      const head = await rig.repository.commit("way", { "stacks/Pulumi.ada.yaml": nextVersion() }, "first");
      await rig.review(head, 7);
      const merged = await rig.repository.merge(head, "Way", how);
      await rig.sync();
      expect(await rig.decision(merged)).toMatchObject({
        outcome: "applied",
        detail: "as reviewed in #7",
      });
      expect(await rig.isAt()).toBe(merged);
    },
  );

  test("what was merged before anybody had read its plan is refused; the refusal is no dead end", async () => {
    const head = await rig.repository.commit("early", { "stacks/Pulumi.ada.yaml": nextVersion() });
    const id = await rig.ask(head, { request: 8 });
    const merged = await rig.repository.merge(head, "Early");
    await rig.sync();
    await rig.plans.find(id);
    const refused = await rig.decision(merged);
    expect(refused).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("nobody has seen this plan"),
    });
    const hash = /plan \((\w+)\)/.exec(refused?.detail ?? "")?.[1] ?? "";
    await rig.plans.accept({ commit: merged, hash, actor: "op" });
    await rig.sync();
    expect(await rig.decision(merged)).toMatchObject({ outcome: "applied" });
  });

  test("a plan that was read after its commit was seen on the branch was nobody's review", async () => {
    const head = await rig.repository.commit("late", { "stacks/Pulumi.ada.yaml": nextVersion() });
    const id = await rig.ask(head, { request: 13 });
    const merged = await rig.repository.merge(head, "Late");
    await handleGitopsJob(rig.deps, { kind: "sync" });
    await rig.preview();
    await rig.plans.find(id);
    await rig.sync();
    expect((await rig.decision(merged))?.detail).toContain("nobody has seen this plan");
    await revert("stacks/Pulumi.ada.yaml");
  });

  test("a look of somebody's own is nobody's review", async () => {
    const head = await rig.repository.commit("look", { "stacks/Pulumi.ada.yaml": nextVersion() });
    const id = await rig.ask(head);
    await rig.preview();
    await rig.plans.find(id);
    const merged = await rig.repository.merge(head, "Look");
    await rig.sync();
    expect(await rig.decision(merged)).toMatchObject({ outcome: "refused" });
    await revert("stacks/Pulumi.ada.yaml");
  });

  test("a label of the request lets a server be lost", async () => {
    const head = await rig.repository.commit("lost", { "stacks/Pulumi.ada.yaml": nextVersion() });
    await rig.review(head, 9, { result: lost });
    const unlabelled = await rig.repository.merge(head, "Lost");
    await rig.sync(lost);
    expect((await rig.decision(unlabelled))?.detail).toContain('add the label "may be lost"');
    await revert("stacks/Pulumi.ada.yaml");
    const again = await rig.repository.commit("again", { "stacks/Pulumi.ada.yaml": nextVersion() });
    await rig.review(again, 10, { labels: ["may be lost"], result: lost });
    const merged = await rig.repository.merge(again, "Again");
    await rig.sync(lost);
    expect(await rig.decision(merged)).toMatchObject({ outcome: "applied", detail: "as reviewed in #10" });
  });

  test("settings of a cell that nobody reviewed do not come in with others that somebody did", async () => {
    const head = await rig.repository.commit("capacity", { [cellFile]: cell({ capacity: 80 }) });
    await rig.review(head, 11);
    const direct = await rig.repository.commit("main", { [cellFile]: cell({ recordQuota: 100 }) });
    await rig.sync();
    expect(await rig.decision(direct)).toMatchObject({ outcome: "refused" });
    const merged = await rig.repository.merge(head, "Capacity");
    await rig.sync();
    expect(await rig.decision(merged)).toMatchObject({ outcome: "refused" });
    await revert(cellFile);
  });

  test("what the next buyer gets is no matter of nobody's", async () => {
    const plan = "max: { name: M, summary: m, stripeLookupKey: m, serverTypes: [cx53], locations: [nbg1] }\n";
    const before = await rig.deps.mirror.git.run(["show", "main:stacks/plans.yaml"]);
    const direct = await rig.repository.commit("main", { "stacks/plans.yaml": `${before}${plan}` });
    await rig.sync();
    expect(await rig.decision(direct)).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("nobody has seen"),
    });
    await revert("stacks/plans.yaml");
  });

  /** As the fleet has it. */
  async function revert(path: string): Promise<void> {
    const text = await rig.deps.mirror.git.run(["show", `${await rig.isAt()}:${path}`]);
    const commit = await rig.repository.commit("main", { [path]: text });
    await rig.sync();
    expect(await rig.isAt()).toBe(commit);
  }
});

describe("with the App", () => {
  let rig: AppRig;
  let github: AppRig["github"];
  beforeAll(async () => {
    rig = await startAppRig({ [cellFile]: cell() });
    github = rig.github;
  });
  afterAll(() => rig?.close());

  test("a request that was merged before its plan stood there is refused", async () => {
    await rig.repository.commit("early", { "stacks/Pulumi.ada.yaml": version("2026.8.1") });
    const early = await github.openPull("early");
    await rig.sync();
    expect(github.comments(early)).toHaveLength(1);
    const head = await rig.repository.commit("early", { "stacks/Pulumi.ada.yaml": version("2026.8.2") });
    await github.pushed("early");
    // It is looked at, and previews are under way.
    await handleGitopsJob(rig.deps, { kind: "pull-request", number: early });
    expect(github.checks(head).at(-1)?.status).toBe("in_progress");
    const commit = await github.merge(early);
    await rig.sync();
    expect(await rig.decision(commit)).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("nobody has seen this plan"),
    });
    const [{ body } = { body: "" }] = github.comments(early);
    expect(body).toMatch(new RegExp(`fleet git accept ${commit.slice(0, 12)} --hash [0-9a-f]{16},`));
  });

  test("a comment that came after the merge was nobody's review", async () => {
    const head = await rig.repository.commit("late", { "stacks/Pulumi.bob.yaml": version("2026.8.3") });
    const number = await github.openPull("late");
    const forge = { ...rig.deps, github: must(rig.deps.github) };
    // Read while it was open still.
    const pull = must(await forge.github.findPull(number));
    await handleGitopsJob(rig.deps, { kind: "pull-request", number });
    await rig.preview();
    const commit = await github.merge(number);
    const mergedMs = Date.now();
    await eventually("the forge's clock is a second further", () => Date.now() > mergedMs + 1_000, 60_000);
    await publishPull(forge, pull);
    expect(github.comments(number)[0]?.body).toContain(head.slice(0, 12));
    await rig.sync();
    expect((await rig.decision(commit))?.detail).toContain("nobody has seen this plan");
    await goBack();
  });

  test("settings of a cell that nobody reviewed do not come in with others that somebody did", async () => {
    await rig.repository.commit("capacity", { [cellFile]: cell({ capacity: 80 }) });
    const number = await github.openPull("capacity");
    await rig.sync();
    expect(github.comments(number)[0]?.body).toContain("cell lab changed: capacity 90 -> 80");
    const direct = await rig.repository.commit("main", { [cellFile]: cell({ recordQuota: 100 }) });
    const merged = await github.merge(number);
    await rig.sync();
    expect(await rig.decision(direct)).toMatchObject({ outcome: "refused" });
    expect(await rig.decision(merged)).toMatchObject({
      outcome: "refused",
      detail: expect.stringContaining("what was reviewed is plan"),
    });
    await goBack();
  });

  /** Main as the fleet has it: that needs nobody's review. */
  async function goBack(): Promise<void> {
    const { git } = rig.deps.mirror;
    const applied = must(await rig.isAt());
    const changed = (await git.run(["diff", "--name-only", applied, "main"])).split("\n").filter(Boolean);
    const files: Record<string, string | null> = {};
    for (const path of changed) files[path] = await git.run(["show", `${applied}:${path}`]).catch(() => null);
    const commit = await rig.repository.commit("main", files);
    await rig.sync();
    expect(await rig.isAt()).toBe(commit);
  }

  test("one from a fork is not planned, and says so", async () => {
    await rig.repository.commit("stranger", { "stacks/Pulumi.ada.yaml": version("2026.8.5") });
    const pull = await github.openPull("stranger", "stranger/fleet");
    await rig.sync();
    expect(github.comments(pull)[0]?.body).toContain("it comes from a fork");
    expect(github.comments(pull)[0]?.body).not.toContain("| ada |");
    await github.closePull(pull);
  });

  test("previews of one that is closed are taken back, and it is planned anew when it is opened again", async () => {
    const { sql } = rig.admin.database;
    await rig.repository.commit("closed", { "stacks/Pulumi.ada.yaml": version("2026.8.7") });
    const number = await github.openPull("closed");
    await handleGitopsJob(rig.deps, { kind: "pull-request", number });
    const planOf = async () => (await findPull(sql, number))?.planId ?? 0;
    const first = await planOf();
    expect(await isUnwanted(sql, first)).toBe(false);
    await github.closePull(number);
    await handleGitopsJob(rig.deps, { kind: "pull-request", number });
    expect(await isUnwanted(sql, first)).toBe(true);
    await github.reopenPull(number);
    await handleGitopsJob(rig.deps, { kind: "pull-request", number });
    expect(await planOf()).toBeGreaterThan(first);
    await github.closePull(number);
    await rig.sync();
  });

  test("a comment of somebody else's with our marker is left to them", async () => {
    await rig.repository.commit("marker", { "stacks/Pulumi.bob.yaml": version("2026.8.1") });
    const pull = await github.openPull("marker");
    github.comment(pull, `${commentMarker}\nAll is well.`);
    await rig.sync();
    const [theirs, ours] = github.comments(pull);
    expect(theirs).toMatchObject({ body: `${commentMarker}\nAll is well.`, edits: 0 });
    expect(ours?.body).toContain("### Clawfleet plan");
    const commit = await github.merge(pull);
    await rig.sync();
    expect((await rig.decision(commit))?.detail).not.toContain("nobody");
  });
});
