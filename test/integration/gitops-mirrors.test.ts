/**
 * Proves on a real database with real git repositories that processes with mirrors of their own do not undo each other's commits,
 * however far behind the mirror of the one that is asked. Jobs are run one after the other, as the queue gives them out; that it
 * does so is not proved here.
 */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GitopsDeps } from "../../reconciler/gitops/deps.ts";
import { resolveCommit } from "../../reconciler/gitops/git.ts";
import { createMirror } from "../../reconciler/gitops/mirror.ts";
import { handleGitopsJob } from "../../reconciler/gitops/sync.ts";
import { createRepository } from "../sandbox/github/repository.ts";
import { startGitopsRig, type GitopsRig } from "../support/gitops-rig.ts";
import { eventually } from "../support/poll.ts";

const ada = "stacks/Pulumi.ada.yaml";
const cellFile = "stacks/Pulumi.cell.lab.yaml";

describe("two processes", () => {
  let rig: GitopsRig;
  let other: GitopsDeps;
  let releases = 0;
  beforeAll(async () => {
    rig = await startGitopsRig({});
    other = await rig.startAnother();
    await handleGitopsJob(other, { kind: "sync" });
  });
  afterAll(() => rig?.close());

  test("the one that takes the end of a preview knows the commit, though only the other has looked since", async () => {
    const merged = await mergeRelease();
    const planId = await previewAtFirst();
    await handleGitopsJob(other, { kind: "plan", planId });
    expect(await rig.decision(merged)).toMatchObject({ outcome: "applied", planId });
    expect(await rig.isAt()).toBe(merged);
  });

  test("one that is behind the fleet does not take that for a branch that was moved back", async () => {
    for (let passed = 0; passed < 2; passed += 1) {
      const commit = await mergeRelease();
      await rig.sync();
      expect(await rig.isAt()).toBe(commit);
    }
    const merged = await mergeRelease();
    const planId = await previewAtFirst();
    await handleGitopsJob(other, { kind: "plan", planId });
    expect(await rig.decision(merged)).toMatchObject({ outcome: "applied", planId });
    expect(await rig.preview(), "nothing else was planned").toEqual([]);
  });

  test("nor is anything refused where settings alone would be taken back", async () => {
    const before = (await rig.isAt()) ?? "";
    const text = await rig.deps.mirror.git.run(["show", `${before}:${cellFile}`]);
    const smaller = text.replace(/clawfleet:capacity: \d+/, "clawfleet:capacity: 81");
    const head = await rig.repository.commit("settings", { [cellFile]: smaller });
    await rig.review(head, 20);
    const merged = await rig.repository.merge(head, "Settings");
    await rig.sync();
    const push = await rig.decision(merged);
    expect(push).toMatchObject({ outcome: "applied" });
    // As a job that is given out once more.
    await handleGitopsJob(other, { kind: "plan", planId: push?.planId ?? 0 });
    expect(await rig.isAt()).toBe(merged);
    expect((await rig.decisions(before)).filter(({ outcome }) => outcome === "refused")).toEqual([]);
  });

  /** Reviewed, and seen by nobody on the branch yet. */
  async function mergeRelease(): Promise<string> {
    releases += 1;
    const text = `config:\n  clawfleet:openclawVersion: 2026.8.${releases}\n`;
    const head = await rig.repository.commit(`release-${releases}`, { [ada]: text });
    await rig.review(head, releases);
    return await rig.repository.merge(head, `Release ${releases}`);
  }

  async function previewAtFirst(): Promise<number> {
    await handleGitopsJob(rig.deps, { kind: "sync" });
    const [planId = 0] = await rig.preview();
    return planId;
  }
});

describe("a mirror", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "clawfleet-mirror-"));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("who asks while it fetches gets what is there by then", async () => {
    const repository = await createRepository({ "stacks/README.md": "one\n" });
    const hold = join(folder, "hold");
    await writeFile(hold, "");
    await writeSlowGit(hold);
    const path = process.env["PATH"] ?? "";
    const mirror = createMirror(join(folder, "mirror"), repository.url, undefined, {
      PATH: `${folder}:${path}`,
    });
    const first = mirror.fetch();
    await eventually("the first fetch", () => resolveCommit(mirror.git, "main").catch(() => undefined));
    const commit = await repository.commit("main", { "stacks/README.md": "two\n" });
    const second = mirror.fetch();
    await rm(hold);
    await Promise.all([first, second]);
    expect(await resolveCommit(mirror.git, "main")).toBe(commit);
    await repository.close();
  });

  /** Fetches, and ends only when the file is gone. */
  async function writeSlowGit(hold: string): Promise<void> {
    const script = `#!/bin/sh
me=$(dirname "$0")
PATH=\${PATH#"$me:"}
git "$@"
status=$?
case " $* " in *" fetch "*) while [ -e '${hold}' ]; do sleep 0.05; done ;; esac
exit $status
`;
    await writeFile(join(folder, "git"), script);
    await chmod(join(folder, "git"), 0o755);
  }
});
