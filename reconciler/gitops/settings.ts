/** Configuration of GitOps from the environment: where the repository is, and a GitHub App if it is there. */
import { z } from "zod";

export const defaultMaxPreviews = 100;

/** Beside the other variables of `serve`. */
export const gitopsVariables = {
  /** Where stacks/ is taken from instead of a folder: anything that `git fetch` takes. */
  CLAWFLEET_GIT_URL: z.string().min(1).optional(),
  CLAWFLEET_GIT_BRANCH: z.string().min(1).default("main"),
  /** Folder of the repository. */
  CLAWFLEET_GIT_FOLDER: z
    .string()
    .regex(/^[\w.-]+(\/[\w.-]+)*$/, "a path within the repository")
    .default("stacks"),
  /** How often the branch and the open pull requests are looked at without being told to. */
  CLAWFLEET_GIT_SECONDS: z.coerce.number().min(1).max(86_400).default(300),
  /** Servers that a change may replace or delete without the label. */
  CLAWFLEET_GIT_MAX_LOST: z.coerce.number().int().min(0).default(0),
  /** Previews of one change, of customers whom plans.yaml alone concerns. */
  CLAWFLEET_GIT_MAX_PREVIEWS: z.coerce.number().int().min(1).default(defaultMaxPreviews),
  CLAWFLEET_GIT_LABEL: z.string().min(1).default("clawfleet: servers may be lost"),
  CLAWFLEET_GITHUB_REPOSITORY: z
    .string()
    .regex(/^[\w.-]+\/[\w.-]+$/, "owner/name")
    .optional(),
  CLAWFLEET_GITHUB_APP_ID: z.string().regex(/^\d+$/, "the App's number").optional(),
  CLAWFLEET_GITHUB_INSTALLATION_ID: z.string().regex(/^\d+$/, "the installation's number").optional(),
  /** PEM; line ends may be written as \n. */
  CLAWFLEET_GITHUB_PRIVATE_KEY: z
    .string()
    .transform((text) => text.replaceAll(String.raw`\n`, "\n"))
    .pipe(z.string().startsWith("-----BEGIN", "the App's private key in PEM"))
    .optional(),
  CLAWFLEET_GITHUB_WEBHOOK_SECRET: z.string().min(16, "at least 16 characters").optional(),
  CLAWFLEET_GITHUB_API_URL: z.url().default("https://api.github.com"),
};

/** Ours alone: no child process needs them. */
export const gitopsSecrets = [
  "CLAWFLEET_GIT_URL",
  "CLAWFLEET_GITHUB_PRIVATE_KEY",
  "CLAWFLEET_GITHUB_WEBHOOK_SECRET",
] as const;

export type GithubSettings = {
  repository: string;
  appId: string;
  installationId: string;
  privateKey: string;
  webhookSecret: string;
  apiUrl: string;
};

export type GitopsSettings = {
  url: string;
  branch: string;
  folder: string;
  intervalMs: number;
  maxLost: number;
  maxPreviews: number;
  label: string;
  github: GithubSettings | undefined;
};

type Variables = z.output<z.ZodObject<typeof gitopsVariables>>;

/** undefined: stacks/ is a folder. Adds to `problems` what is set by halves. */
export function toGitopsSettings(env: Variables, problems: string[]): GitopsSettings | undefined {
  const github = toGithubSettings(env, problems);
  const url = env.CLAWFLEET_GIT_URL ?? (github && `https://github.com/${github.repository}.git`);
  if (url === undefined) return undefined;
  return {
    url,
    branch: env.CLAWFLEET_GIT_BRANCH,
    folder: env.CLAWFLEET_GIT_FOLDER,
    intervalMs: env.CLAWFLEET_GIT_SECONDS * 1000,
    maxLost: env.CLAWFLEET_GIT_MAX_LOST,
    maxPreviews: env.CLAWFLEET_GIT_MAX_PREVIEWS,
    label: env.CLAWFLEET_GIT_LABEL,
    github,
  };
}

function toGithubSettings(env: Variables, problems: string[]): GithubSettings | undefined {
  const wanted = {
    CLAWFLEET_GITHUB_REPOSITORY: env.CLAWFLEET_GITHUB_REPOSITORY,
    CLAWFLEET_GITHUB_APP_ID: env.CLAWFLEET_GITHUB_APP_ID,
    CLAWFLEET_GITHUB_INSTALLATION_ID: env.CLAWFLEET_GITHUB_INSTALLATION_ID,
    CLAWFLEET_GITHUB_PRIVATE_KEY: env.CLAWFLEET_GITHUB_PRIVATE_KEY,
    CLAWFLEET_GITHUB_WEBHOOK_SECRET: env.CLAWFLEET_GITHUB_WEBHOOK_SECRET,
  };
  const missing = Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [name] : []));
  if (missing.length === Object.keys(wanted).length) return undefined;
  problems.push(...missing.map((name) => `${name} is missing: a GitHub App needs all of its variables`));
  return {
    repository: wanted.CLAWFLEET_GITHUB_REPOSITORY ?? "",
    appId: wanted.CLAWFLEET_GITHUB_APP_ID ?? "",
    installationId: wanted.CLAWFLEET_GITHUB_INSTALLATION_ID ?? "",
    privateKey: wanted.CLAWFLEET_GITHUB_PRIVATE_KEY ?? "",
    webhookSecret: wanted.CLAWFLEET_GITHUB_WEBHOOK_SECRET ?? "",
    apiUrl: env.CLAWFLEET_GITHUB_API_URL.replace(/\/$/, ""),
  };
}
