/** The few calls of the GitHub API that a plan needs, as an App: pull requests, one comment, one check. */
import { createSign } from "node:crypto";
import { z } from "zod";
import { ClawfleetError } from "../errors.ts";
import type { GithubSettings } from "./settings.ts";

const pullSchema = z.object({
  number: z.number(),
  state: z.enum(["open", "closed"]),
  merged_at: z.coerce.date().nullable(),
  merge_commit_sha: z.string().nullish(),
  /** Without a repository: the fork is gone. */
  head: z.object({ sha: z.string(), repo: z.object({ full_name: z.string() }).nullable() }),
  base: z.object({ ref: z.string() }),
  labels: z.array(z.object({ name: z.string() })),
});
const commentSchema = z.object({
  id: z.number(),
  body: z.string().nullish(),
  performed_via_github_app: z.object({ id: z.number() }).nullish(),
});
const idSchema = z.object({ id: z.number() });
const saidSchema = idSchema.extend({ updated_at: z.coerce.date() });
const tokenSchema = z.object({ token: z.string(), expires_at: z.coerce.date() });

export type Pull = {
  number: number;
  open: boolean;
  mergedAt: Date | null;
  mergeCommit: string | null;
  head: string;
  base: string;
  /** Its branch is in another repository. */
  fork: boolean;
  labels: string[];
};

export type Check = {
  head: string;
  /** `pending`: under way. */
  conclusion: "pending" | "success" | "failure";
  title: string;
  summary: string;
};

export type Said = { id: number; at: Date };

export type Github = {
  findPull(number: number): Promise<Pull | undefined>;
  listOpenPulls(): Promise<Pull[]>;
  /** Those whose merge made this commit, or that hold it. */
  listPullsOf(commit: string): Promise<Pull[]>;
  /** Edits the comment, or makes one when there is none (any more). Returns its id, and when it was said by GitHub's clock. */
  say(number: number, commentId: number | null, marker: string, body: string): Promise<Said>;
  check(checkId: number | null, check: Check): Promise<number>;
  /** For `git fetch` over HTTPS. */
  token(): Promise<string>;
};

export type GithubDeps = GithubSettings & { fetch: typeof fetch; clock: { now(): Date } };

const timeoutMs = 30_000;
const checkName = "clawfleet plan";
/** GitHub takes no longer summaries. */
const maxSummary = 65_535;
const maxPages = 20;

export function createGithub(deps: GithubDeps): Github {
  const repo = `/repos/${deps.repository}`;
  const token = keepToken(deps);

  async function request<Schema extends z.ZodType>(
    method: string,
    path: string,
    schema: Schema,
    body?: unknown,
  ): Promise<z.output<Schema> | undefined> {
    return await ask(deps, { method, path, schema, body, authorization: `Bearer ${await token()}` });
  }

  async function collect<Schema extends z.ZodType>(
    path: string,
    schema: Schema,
  ): Promise<z.output<Schema>[]> {
    const all: z.output<Schema>[] = [];
    for (let page = 1; page <= maxPages; page += 1) {
      const sign = path.includes("?") ? "&" : "?";
      const some = await request("GET", `${path}${sign}per_page=100&page=${page}`, z.array(schema));
      all.push(...(some ?? []));
      if ((some ?? []).length < 100) break;
    }
    return all;
  }

  async function listPulls(path: string): Promise<Pull[]> {
    return (await collect(path, pullSchema)).map((pull) => toPull(pull, deps.repository));
  }

  async function findComment(number: number, marker: string): Promise<number | undefined> {
    const all = await collect(`${repo}/issues/${number}/comments`, commentSchema);
    // Anybody may write our marker: a comment of theirs could be changed by them afterwards.
    const ours = all.filter((one) => String(one.performed_via_github_app?.id) === deps.appId);
    return ours.find(({ body }) => body?.startsWith(marker) === true)?.id;
  }

  return {
    token,
    async findPull(number) {
      const pull = await request("GET", `${repo}/pulls/${number}`, pullSchema);
      return pull && toPull(pull, deps.repository);
    },
    listOpenPulls: () => listPulls(`${repo}/pulls?state=open`),
    listPullsOf: (commit) => listPulls(`${repo}/commits/${commit}/pulls`),
    async say(number, commentId, marker, body) {
      const known = commentId ?? (await findComment(number, marker));
      const path = `${repo}/issues/comments/${known}`;
      const edited = known === undefined ? undefined : await request("PATCH", path, saidSchema, { body });
      const comments = `${repo}/issues/${number}/comments`;
      const said = edited ?? (await request("POST", comments, saidSchema, { body }));
      const { id, updated_at: at } = must(said, `a comment on pull request ${number}`);
      return { id, at };
    },
    async check(checkId, { head, conclusion, title, summary }) {
      const state =
        conclusion === "pending" ? { status: "in_progress" } : { status: "completed", conclusion };
      const output = { title, summary: summary.slice(0, maxSummary) };
      const body = { name: checkName, head_sha: head, ...state, output };
      const path = `${repo}/check-runs/${checkId}`;
      const known = checkId === null ? undefined : await request("PATCH", path, idSchema, body);
      return (known ?? must(await request("POST", `${repo}/check-runs`, idSchema, body), "a check")).id;
    },
  };
}

function must<T>(value: T | undefined, what: string): T {
  if (value === undefined)
    throw refused(`GitHub does not take ${what}: 404`, "look at the App's permissions");
  return value;
}

function toPull(raw: z.output<typeof pullSchema>, repository: string): Pull {
  return {
    number: raw.number,
    open: raw.state === "open",
    mergedAt: raw.merged_at,
    mergeCommit: raw.merge_commit_sha ?? null,
    head: raw.head.sha,
    base: raw.base.ref,
    fork: raw.head.repo?.full_name.toLowerCase() !== repository.toLowerCase(),
    labels: raw.labels.map(({ name }) => name),
  };
}

/** undefined for 404. */
async function ask<Schema extends z.ZodType>(
  deps: Pick<GithubDeps, "apiUrl" | "fetch">,
  input: { method: string; path: string; schema: Schema; body?: unknown; authorization: string },
): Promise<z.output<Schema> | undefined> {
  const { method, path, schema, body, authorization } = input;
  const answer = await deps
    .fetch(`${deps.apiUrl}${path}`, {
      method,
      headers: {
        authorization,
        accept: "application/vnd.github+json",
        "x-github-api-version": "2022-11-28",
        "user-agent": "clawfleet",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    })
    .then(async (response) => ({ response, text: await response.text() }))
    .catch((error: unknown) => {
      throw refused(`GitHub: ${method} ${path}: no answer`, "nothing: it is tried again", error);
    });
  const { response, text } = answer;
  if (response.status === 404) return undefined;
  if (!response.ok) {
    const said = text.slice(0, 300);
    throw refused(`GitHub: ${method} ${path}: ${response.status} ${said}`, "look at the App's permissions");
  }
  return schema.parse(JSON.parse(text));
}

function refused(message: string, remedy: string, cause?: unknown): ClawfleetError {
  return new ClawfleetError({
    code: "forge_unavailable",
    message,
    remedy,
    retry: { kind: "retryable" },
    cause,
  });
}

const leadMs = 5 * 60_000;

/** An installation token lives an hour. */
function keepToken(deps: GithubDeps): () => Promise<string> {
  let kept: { token: string; until: number } | undefined;
  return async () => {
    const now = deps.clock.now().getTime();
    if (kept && kept.until > now) return kept.token;
    const path = `/app/installations/${deps.installationId}/access_tokens`;
    const authorization = `Bearer ${signAppToken(deps, now)}`;
    const made = await ask(deps, { method: "POST", path, schema: tokenSchema, authorization });
    if (!made) throw refused("GitHub knows no such installation", "look at CLAWFLEET_GITHUB_INSTALLATION_ID");
    kept = { token: made.token, until: made.expires_at.getTime() - leadMs };
    return made.token;
  };
}

/** A JWT that says which App we are (RFC 7519, RS256), valid for nine minutes; its begin allows for clocks that differ. */
export function signAppToken({ appId, privateKey }: GithubSettings, nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${encode({ alg: "RS256", typ: "JWT" })}.${encode({ iat: now - 60, exp: now + 540, iss: appId })}`;
  return `${text}.${createSign("RSA-SHA256").update(text).sign(privateKey, "base64url")}`;
}
