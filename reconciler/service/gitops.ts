/** GitOps in a process with HTTP and clocks: its mirror, what it takes from the queue, and looking by itself. */
import { join, resolve } from "node:path";
import type { Config } from "../config.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { createGithub, type Github } from "../gitops/github.ts";
import { createMirror, type Mirror } from "../gitops/mirror.ts";
import type { GitopsSettings } from "../gitops/settings.ts";
import { handleGitopsJob } from "../gitops/sync.ts";
import { every } from "../turns.ts";
import type { Core } from "./core.ts";

export type Gitops = { settings: GitopsSettings; mirror: Mirror; github: Github | undefined };

/** undefined: stacks/ is a folder. */
export function createGitops({ clock }: Core, config: Config): Gitops | undefined {
  const { gitops: settings, dataDir, engineEnvironment } = config;
  if (!settings) return undefined;
  const github = settings.github && createGithub({ ...settings.github, fetch, clock });
  const inherited = Object.fromEntries(
    Object.entries(engineEnvironment).filter(([name]) =>
      /^(PATH|HOME|TMPDIR|SSL_CERT_|HTTPS?_PROXY|NO_PROXY)/.test(name),
    ),
  );
  const folder = resolve(join(dataDir, "git"));
  const token = github && (() => github.token());
  return { settings, github, mirror: createMirror(folder, settings.url, token, inherited) };
}

/** Returns how to stop looking. Plans that nobody asked a forge for are complete by themselves. */
export function startGitops(core: Core, apply: ApplyDeps, gitops: Gitops | undefined): () => void {
  const { sql, queue } = core;
  if (!gitops) {
    queue.work("gitops", { concurrency: 1 }, () => Promise.resolve());
    return () => undefined;
  }
  const deps = { ...apply, ...gitops };
  queue.work("gitops", { concurrency: 1 }, ({ data }) => handleGitopsJob(deps, data));
  const looks = every(core, gitops.settings.intervalMs, "cannot ask for a look at the repository", () =>
    queue.requestGitops(sql, { kind: "sync" }),
  );
  looks.begin();
  return () => void looks.stop();
}
