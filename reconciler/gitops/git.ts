/** Plain git, through its own program: reads commits, changes nothing but its own mirror. */
import { execFile } from "node:child_process";

export type Git = {
  /** @throws GitError with what git said */
  run(args: readonly string[], input?: string): Promise<string>;
  /** As `run`: what files hold is counted in bytes, and need not be text. */
  runBytes(args: readonly string[], input?: string): Promise<Buffer>;
};

const maxOutput = 256 * 2 ** 20;
const timeoutMs = 120_000;

/** `environment`: of every call, such as credentials as GIT_CONFIG_*: they are never arguments, which others could see. */
export function createGit(folder: string, environment: () => Promise<Record<string, string>>): Git {
  const runBytes: Git["runBytes"] = async (args, input) => {
    const env = { ...(await environment()), GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" };
    return await new Promise((resolve, reject) => {
      const child = execFile(
        "git",
        ["-C", folder, ...args],
        { env, encoding: "buffer", maxBuffer: maxOutput, timeout: timeoutMs },
        (error, stdout, stderr) => {
          if (!error) return resolve(stdout);
          const said = stderr.toString("utf8").trim().split("\n").at(-1) ?? "";
          reject(new GitError(`git ${args[0]}: ${said === "" ? error.message : said}`, error.code));
        },
      );
      // Who has ended early says why by its exit status.
      child.stdin?.on("error", () => undefined).end(input);
    });
  };
  return { runBytes, run: async (args, input) => (await runBytes(args, input)).toString("utf8") };
}

export class GitError extends Error {
  /** Exit status, or the name of what kept it from starting. */
  readonly status: unknown;
  constructor(message: string, status: unknown) {
    super(message);
    this.name = "GitError";
    this.status = status;
  }
}

/**
 * File name within the folder to content; null where the side has no such file. Bytes that are not UTF-8 are U+FFFD in it, as
 * everywhere in Node: whoever reads the file refuses it.
 */
export type Texts = ReadonlyMap<string, string | null>;
export type ChangedTexts = { base: Texts; head: Texts };

/** The files directly in `folder` that differ between two commits or trees, and nothing of the others. */
export async function readChanges(
  git: Git,
  folder: string,
  base: string,
  head: string,
): Promise<ChangedTexts> {
  const listed = await git.run(["diff", "--name-only", "--no-renames", "-z", base, head, "--", folder]);
  const files = listed.split("\0").filter(Boolean);
  const [before, after] = await Promise.all([
    readBlobs(git, folder, base, files),
    readBlobs(git, folder, head, files),
  ]);
  return { base: before, head: after };
}

/** Every file directly in `folder`. */
export async function readFolder(git: Git, folder: string, commit: string): Promise<Texts> {
  const format = "--format=%(objecttype) %(path)";
  const listed = await git.run(["ls-tree", "-z", format, commit, `${folder}/`]);
  const files = listed.split("\0").flatMap((line) => (line.startsWith("blob ") ? [line.slice(5)] : []));
  return await readBlobs(git, folder, commit, files);
}

const batchSize = 1000;

async function readBlobs(git: Git, folder: string, commit: string, files: readonly string[]): Promise<Texts> {
  const texts = new Map<string, string | null>();
  // Not what lies in folders below, and nothing that would be two lines of input.
  const ours = files.filter((file) => /^[^/\n]+$/.test(file.slice(folder.length + 1)));
  for (let at = 0; at < ours.length; at += batchSize) {
    const some = ours.slice(at, at + batchSize);
    const names = some.map((file) => `${commit}:${file}\n`).join("");
    const output = await git.runBytes(["cat-file", "--batch"], names);
    const blobs = parseBatch(output, some.length);
    for (const [index, file] of some.entries())
      texts.set(file.slice(folder.length + 1), blobs[index] ?? null);
  }
  return texts;
}

/**
 * As `git cat-file --batch` writes it: `<oid> <type> <bytes>`, the content, a line's end; or `<name> missing`. null for what is
 * missing or no file: where the other side has a folder of that name. Pure.
 */
export function parseBatch(output: Buffer, count: number): (string | null)[] {
  const found: (string | null)[] = [];
  for (let at = 0; found.length < count;) {
    const end = output.indexOf("\n", at);
    if (end === -1) throw new RangeError("git cat-file ended early");
    const [, type, size] = /^[0-9a-f]+ (\w+) (\d+)$/.exec(output.toString("utf8", at, end)) ?? [];
    at = end + 1;
    const past = at + Number(size ?? 0);
    found.push(type === "blob" ? output.toString("utf8", at, past) : null);
    if (size !== undefined) at = past + 1;
  }
  return found;
}

/** The tree that a merge of both would have; undefined when they conflict. */
export async function mergeTree(git: Git, ours: string, theirs: string): Promise<string | undefined> {
  try {
    const [tree] = (await git.run(["merge-tree", "--write-tree", "--no-messages", ours, theirs])).split("\n");
    return tree;
  } catch (error) {
    if (error instanceof GitError && error.status === 1) return undefined;
    throw error;
  }
}

/** Commits of a branch after `from`, oldest first, merges as one. */
export async function listFirstParents(git: Git, from: string, to: string): Promise<string[]> {
  const out = await git.run(["rev-list", "--first-parent", "--reverse", `${from}..${to}`]);
  return out.split("\n").filter(Boolean);
}

export async function isAncestor(git: Git, ancestor: string, commit: string): Promise<boolean> {
  try {
    await git.run(["merge-base", "--is-ancestor", ancestor, commit]);
    return true;
  } catch (error) {
    // 128: it does not even know the commit.
    if (error instanceof GitError && (error.status === 1 || error.status === 128)) return false;
    throw error;
  }
}

/** Full id of a commit. @throws GitError for what is none */
export async function resolveCommit(git: Git, name: string): Promise<string> {
  return (await git.run(["rev-parse", "--verify", "--end-of-options", `${name}^{commit}`])).trim();
}
