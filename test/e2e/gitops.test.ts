/**
 * Proves a pull request's whole way with real git repositories, the real engine and a simulated GitHub: opened, commented, pushed
 * by force, labelled, merged, applied; refused where it is not what was reviewed. What a comment looks like is unit/gitops.test.ts' matter.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unwrap } from "../../reconciler/cli/client.ts";
import { runScript } from "../sandbox/demo/visitor.ts";
import { startGithub, type Github } from "../sandbox/github/github.ts";
import { createRepository, type Repository } from "../sandbox/github/repository.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();
const label = "clawfleet: servers may be lost";
const waitMs = 240_000;

/** Lines far enough apart that git merges changes of both. */
const spaced = (first: string, last: string) =>
  `config:\n${first}  # one\n  # two\n  # three\n  # four\n  clawfleet:hold: false\n  # five\n  # six\n  # seven\n${last}`;
const version = (text: string) => `  clawfleet:openclawVersion: ${text}\n`;

describe.skipIf(obstacle !== undefined)("a pull request", () => {
  let repository: Repository;
  let github: Github;
  let fleet: Fleet;
  let dataDir: string;

  const run = (...args: string[]) =>
    runScript("reconciler/cli/main.ts", args, { ...fleet.service.env, GIT_DIR: repository.gitDir });
  const readGit = () => unwrap(fleet.client.git.$get());
  const comment = (pull: number) => github.comments(pull)[0]?.body ?? "";
  const commented = (pull: number, text: string | RegExp) =>
    eventually(
      `the comment on ${pull} has ${text}`,
      () => (typeof text === "string" ? comment(pull).includes(text) : text.test(comment(pull))),
      waitMs,
    );
  const checked = async (head: string, conclusion: string) => {
    await eventually(
      `the check of ${head} says ${conclusion}`,
      () => github.checks(head).at(-1)?.conclusion === conclusion,
      waitMs,
    );
    return github.checks(head).at(-1)?.output.title ?? "";
  };
  const decided = (commit: string, outcome: string) =>
    eventually(
      `${commit} is ${outcome}`,
      async () => (await readGit()).pushes.find((push) => push.commit === commit && push.outcome === outcome),
      waitMs,
    );
  const isAt = (commit: string) =>
    eventually(
      `the fleet is at ${commit}`,
      async () => (await readGit()).repository?.applied === commit,
      waitMs,
    );
  const open = async (branch: string, files: Record<string, string | null>) => {
    const head = await repository.commit(branch, files);
    return { head, pull: await github.openPull(branch) };
  };
  const previews = async (slug: string) =>
    (await fleet.operations(slug)).filter(({ kind }) => kind === "preview").length;
  const recordOf = (slug: string) => {
    const found = fleet.sandbox.cloudflare
      .recordsNamed(`${slug}.claws.example`)
      .find(({ type }) => type === "A");
    if (!found) throw new Error(`${slug} has no A record`);
    return found;
  };
  /** undefined while it is being replaced. */
  const server = (slug: string) =>
    fleet.sandbox.hetzner
      .project()
      .servers()
      .find(({ name }) => name === `cf-${slug}`);

  beforeAll(async () => {
    const files: Record<string, string> = { "README.md": "A fleet.\n" };
    for (const name of await readdir(sandboxStacks))
      files[`stacks/${name}`] = await readFile(join(sandboxStacks, name), "utf8");
    files["stacks/Pulumi.cyd.yaml"] = spaced("", "");
    repository = await createRepository(files);
    github = await startGithub(repository);
    dataDir = await mkdtemp(join(tmpdir(), "clawfleet-data-"));
    fleet = await startFleet({
      CLAWFLEET_DATA_DIR: dataDir,
      CLAWFLEET_STACKS_DIR: "/nonexistent",
      CLAWFLEET_GIT_URL: repository.url,
      CLAWFLEET_GITHUB_REPOSITORY: github.slug,
      CLAWFLEET_GITHUB_APP_ID: github.app.id,
      CLAWFLEET_GITHUB_INSTALLATION_ID: github.app.installationId,
      CLAWFLEET_GITHUB_PRIVATE_KEY: github.app.privateKey.replaceAll("\n", String.raw`\n`),
      CLAWFLEET_GITHUB_WEBHOOK_SECRET: github.app.webhookSecret,
      CLAWFLEET_GITHUB_API_URL: github.origin,
    });
    github.setWebhook(`${fleet.service.url}/webhooks/github`);
    for (const slug of ["ada", "bob", "cyd"]) await fleet.provision(slug);
    for (const slug of ["ada", "bob", "cyd"]) await fleet.untilStatus(slug, "ready");
  });
  afterAll(async () => {
    await fleet?.close();
    await github?.close();
    await repository?.close();
    if (dataDir) await rm(dataDir, { recursive: true, force: true });
  });

  test("gets one comment with what changes and what it costs; only its customers are previewed", async () => {
    const { head, pull } = await open("resize", {
      "stacks/Pulumi.ada.yaml": "config:\n  clawfleet:serverType: cx33\n",
    });
    await commented(
      pull,
      /^\| 🟡 ada \| 0 \| [1-9]\d* \| 0 \| 0 \| \+\d+\.\d\d \| override added: serverType \|$/m,
    );
    expect(comment(pull)).toMatch(/Plan `[0-9a-f]{16}` of/);
    expect(comment(pull)).toContain("<details><summary>ada</summary>");
    expect(comment(pull)).not.toContain("bob");
    expect(await checked(head, "success")).toContain("1 customers change");
    expect([await previews("ada"), await previews("bob"), await previews("cyd")]).toEqual([1, 0, 0]);
    expect(server("ada")?.serverType.name).toBe("cx23");
  });

  test("that is pushed by force has its comment edited in place, and needs a label for the server that is lost", async () => {
    const head = await repository.commit("resize", {
      "stacks/Pulumi.ada.yaml": "config:\n  clawfleet:location: hel1\n",
    });
    await github.pushed("resize");
    await commented(1, /^\| 🔴 ada \|.* \*\*[1-9]\d*\*\* \| 0 \|.*override added: location \|$/m);
    expect(github.comments(1)).toHaveLength(1);
    expect(await checked(head, "failure")).toContain(`add the label "${label}"`);
    await github.label(1, label);
    expect(await checked(head, "success")).toContain("1 customers change");
  });

  test("that is merged is applied as it was reviewed", async () => {
    const commit = await github.merge(1);
    expect(await decided(commit, "applied")).toMatchObject({ detail: "as reviewed in #1" });
    await isAt(commit);
    await eventually("ada has moved", () => server("ada")?.location.name === "hel1", waitMs);
    await fleet.untilStatus("ada", "ready");
    const [last] = (await fleet.operations("ada")).filter(({ kind }) => kind === "up");
    expect(last).toMatchObject({ reason: "pull-request", actor: `commit ${commit.slice(0, 12)}` });
    expect([await previews("bob"), await previews("cyd")]).toEqual([0, 0]);
  });

  test("is refused when the clouds are no longer what was reviewed, until a person accepts what it would do now", async () => {
    const { head, pull } = await open("bob", { "stacks/Pulumi.bob.yaml": `config:\n${version("2026.9.7")}` });
    await checked(head, "success");
    const record = recordOf("bob");
    const { content } = record;
    record.content = "192.0.2.66";
    const commit = await github.merge(pull);
    const refused = await decided(commit, "refused");
    expect(refused.detail).toMatch(
      /what was reviewed is plan [0-9a-f]{16}; .* now it would be [0-9a-f]{16}$/,
    );
    await commented(pull, "not applied: what was reviewed");
    expect(github.comments(pull)).toHaveLength(1);
    await checked(commit, "failure");
    expect((await fleet.operations("bob")).filter(({ reason }) => reason === "pull-request")).toMatchObject([
      { kind: "preview" },
      { kind: "preview" },
    ]);
    expect((await run("git")).output).toMatch(new RegExp(`^${commit.slice(0, 12)} +refused `, "m"));
    const hash = /now it would be (\w+)$/.exec(refused.detail ?? "")?.[1] ?? "";
    expect((await run("git", "accept", commit.slice(0, 12), "--hash", hash)).code).toBe(0);
    expect(await decided(commit, "applied")).toMatchObject({ detail: `plan ${hash} was accepted` });
    await eventually("bob is put right", () => recordOf("bob").content === content, waitMs);
    await fleet.untilStatus("bob", "ready");
  });

  test("with a file that cannot be used says which line, and is not let through", async () => {
    const { head, pull } = await open("typo", {
      "stacks/Pulumi.ada.yaml": "config:\n  clawfleet:location: hel1\n  clawfleet:size: big\n",
    });
    await commented(pull, "Pulumi.ada.yaml:3: clawfleet:size: unknown key");
    expect(await checked(head, "failure")).toContain("cannot be used");
    await github.closePull(pull);
  });

  test("beside another one about the same customer is refused when that one came first", async () => {
    const one = await open("cyd-version", { "stacks/Pulumi.cyd.yaml": spaced(version("2026.9.7"), "") });
    const other = await open("cyd-rule", {
      "stacks/Pulumi.cyd.yaml": spaced(
        "",
        "  clawfleet:extraFirewallRules:\n    - { description: game, protocol: udp, port: '5000', sourceIps: [192.0.2.0/24] }\n",
      ),
    });
    await checked(one.head, "success");
    await checked(other.head, "success");
    const [first, second] = [await github.merge(one.pull), await github.merge(other.pull)];
    await decided(first, "applied");
    const refused = await decided(second, "refused");
    expect(refused.detail).toContain("what was reviewed is plan");
    await isAt(first);
    await commented(other.pull, "not applied: what was reviewed");
    const reverted = await repository.commit("main", {
      "stacks/Pulumi.cyd.yaml": spaced(version("2026.9.7"), ""),
    });
    await github.pushed("main");
    // What is as the fleet is already needs nobody's review.
    await isAt(reverted);
  });

  test("is looked at without any webhook, once somebody or the clock asks", async () => {
    github.loseWebhooks(true);
    const { head } = await open("quiet", { "stacks/Pulumi.bob.yaml": `config:\n${version("2026.9.8")}` });
    expect(github.checks(head)).toEqual([]);
    expect((await run("git", "sync")).code).toBe(0);
    await checked(head, "success");
    github.loseWebhooks(false);
  });

  test("of any forge is planned from plain git, for people and for programs", async () => {
    await fleet.untilStatus("bob", "ready");
    const range = ["--base", "origin/main", "--head", "origin/quiet"];
    const markdown = await run("plan", ...range, "--format", "markdown");
    expect([markdown.code, markdown.output]).toEqual([0, expect.stringContaining("### Clawfleet plan")]);
    expect(markdown.output).toMatch(/^\| 🟡 bob \|.*override changed: openclawVersion \|$/m);
    const json = await run("plan", ...range, "--format", "json");
    const { hash, plan }: { hash: string; plan: { customers: { slug: string }[] } } = JSON.parse(json.output);
    expect(plan.customers.map(({ slug }) => slug)).toEqual(["bob"]);
    expect(markdown.output).toContain(hash);
    const none = await run("plan", "--base", "origin/main", "--head", "origin/main");
    expect([none.code, none.output]).toEqual([0, expect.stringContaining("no customer changes")]);
    expect((await run("plan", "--base", "nowhere")).code).toBe(1);
  });

  test("webhooks that GitHub did not sign are refused", async () => {
    const answer = await fetch(`${fleet.service.url}/webhooks/github`, {
      method: "POST",
      headers: { "x-github-event": "push", "x-hub-signature-256": `sha256=${"0".repeat(64)}` },
      body: "{}",
    });
    expect(answer.status).toBe(401);
  });
});
