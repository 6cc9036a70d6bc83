/** A bare copy of the repository on this machine: a cache, made anew when it is gone. */
import { mkdir } from "node:fs/promises";
import { createGit, type Git } from "./git.ts";

export type Mirror = {
  git: Git;
  /** Brings branches and pull requests up to date, as they are when it is called or later. @throws GitError */
  fetch(): Promise<void>;
};

const refs = ["+refs/heads/*:refs/heads/*", "+refs/pull/*/head:refs/pull/*"];

export function createMirror(
  folder: string,
  url: string,
  /** For HTTPS to GitHub; other remotes have their credentials in git's own configuration. */
  token: (() => Promise<string>) | undefined,
  inherited: Record<string, string>,
): Mirror {
  const git = createGit(folder, async () => ({ ...inherited, ...(await toCredentials(url, token)) }));
  let ready: Promise<unknown> | undefined;
  let running: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  const prepare = async () => {
    await mkdir(folder, { recursive: true });
    await git.run(["init", "--quiet", "--bare", "."]);
    // The commit that the fleet is at is needed also when the branch was moved away from it.
    await git.run(["config", "gc.pruneExpire", "never"]);
  };
  const fetchNow = async () => {
    ready ??= prepare();
    await ready;
    await git.run(["fetch", "--quiet", "--prune", "--no-tags", url, ...refs]);
  };
  const fetchAfter = async (before: Promise<void>) => {
    await before.catch(() => undefined);
    next = undefined;
    running = fetchNow();
    await running;
  };
  return {
    git,
    // Who asks while one runs waits for the next, as do all who ask by then: what runs may have been asked too early for them.
    fetch() {
      next ??= fetchAfter(running);
      return next;
    },
  };
}

async function toCredentials(
  url: string,
  token: (() => Promise<string>) | undefined,
): Promise<Record<string, string>> {
  if (!token || !url.startsWith("https://")) return {};
  const basic = Buffer.from(`x-access-token:${await token()}`).toString("base64");
  return {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: `http.${new URL(url).origin}/.extraHeader`,
    GIT_CONFIG_VALUE_0: `Authorization: Basic ${basic}`,
  };
}
