/** What bringing fleet and forge together takes. */
import type { ApplyDeps } from "../desired/apply-deps.ts";
import type { Github } from "./github.ts";
import type { Mirror } from "./mirror.ts";
import type { GitopsSettings } from "./settings.ts";

export type GitopsDeps = ApplyDeps & {
  settings: GitopsSettings;
  mirror: Mirror;
  /** Undefined for a repository that is elsewhere. */
  github: Github | undefined;
};

export type ForgeDeps = GitopsDeps & { github: Github };
