/** A real git repository as a hosting service keeps it, and a person's clone of it. */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

export type MergeWay = "merge" | "squash" | "rebase";

export type Repository = {
  /** What `git fetch` takes. */
  url: string;
  /** `.git` of the person's clone. */
  gitDir: string;
  /** Of a branch, as the service has it. */
  head(branch: string): Promise<string>;
  /** Commits these files (null deletes one) on a branch made anew from `from`, and pushes it, by force. Returns the commit. */
  commit(branch: string, files: Record<string, string | Buffer | null>, from?: string): Promise<string>;
  /** Brings it into main as the service does. Returns main's new commit. @throws when it conflicts */
  merge(head: string, message: string, how?: MergeWay): Promise<string>;
  /** Moves a branch there, by force. */
  reset(branch: string, commit: string): Promise<void>;
  /** Keeps a pull request's head where GitHub has it. */
  keepPull(number: number, head: string): Promise<void>;
  close(): Promise<void>;
};

const execute = promisify(execFile);

export async function createRepository(files: Record<string, string>): Promise<Repository> {
  const home = await mkdtemp(join(tmpdir(), "clawfleet-repository-"));
  const [bare, clone] = [join(home, "bare.git"), join(home, "clone")];
  const person = { GIT_AUTHOR_NAME: "Op", GIT_AUTHOR_EMAIL: "op@example.com" };
  const env = {
    PATH: process.env["PATH"] ?? "",
    HOME: home,
    ...person,
    GIT_COMMITTER_NAME: "Op",
    GIT_COMMITTER_EMAIL: "op@example.com",
  };
  const git = async (folder: string, ...args: string[]) =>
    (await execute("git", ["-C", folder, ...args], { env })).stdout.trim();
  await mkdir(bare);
  await git(bare, "init", "--quiet", "--bare", "--initial-branch=main", ".");
  await git(home, "clone", "--quiet", bare, clone);

  const put = async (changed: Record<string, string | Buffer | null>, message: string): Promise<void> => {
    for (const [name, text] of Object.entries(changed)) {
      const file = join(clone, name);
      await mkdir(dirname(file), { recursive: true });
      if (text === null) await rm(file);
      else await writeFile(file, text);
    }
    await git(clone, "add", "-A");
    await git(clone, "commit", "--quiet", "--allow-empty", "-m", message);
  };
  await git(clone, "checkout", "--quiet", "-B", "main");
  await put(files, "First");
  await git(clone, "push", "--quiet", "origin", "main");

  return {
    url: bare,
    gitDir: join(clone, ".git"),
    head: (branch) => git(bare, "rev-parse", `refs/heads/${branch}`),
    async commit(branch, changed, from = "origin/main") {
      await git(clone, "fetch", "--quiet", "origin");
      await git(clone, "checkout", "--quiet", "-B", branch, from);
      await put(changed, `Change ${Object.keys(changed).join(", ")}`);
      await git(clone, "push", "--quiet", "--force", "origin", branch);
      return await git(clone, "rev-parse", "HEAD");
    },
    async merge(head, message, how = "merge") {
      if (how === "rebase") {
        await git(clone, "fetch", "--quiet", "origin", "main", head);
        await git(clone, "checkout", "--quiet", "--detach", head);
        // Each commit anew, as a forge makes them.
        await git(clone, "rebase", "--quiet", "--no-ff", "origin/main");
        await git(clone, "push", "--quiet", "origin", "HEAD:main");
        return await git(bare, "rev-parse", "main");
      }
      const [tree = ""] = (await git(bare, "merge-tree", "--write-tree", "main", head)).split("\n");
      const second = how === "squash" ? [] : ["-p", head];
      const merged = await git(bare, "commit-tree", tree, "-p", "main", ...second, "-m", message);
      await git(bare, "update-ref", "refs/heads/main", merged);
      return merged;
    },
    async reset(branch, commit) {
      await git(bare, "update-ref", `refs/heads/${branch}`, commit);
    },
    async keepPull(number, head) {
      await git(bare, "update-ref", `refs/pull/${number}/head`, head);
    },
    close: () => rm(home, { recursive: true, force: true }),
  };
}
