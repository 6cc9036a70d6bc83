/** The simulated GitHub: a real bare repository, and of the API what an App needs for pull requests, comments and checks. */
import { createHmac, createPublicKey, createVerify, generateKeyPairSync } from "node:crypto";
import { Hono } from "hono";
import { startSimulator, type Simulator, type SimulatorEnv } from "../kit/simulator.ts";
import type { Repository } from "./repository.ts";

export type Comment = {
  id: number;
  pull: number;
  body: string;
  edits: number;
  updated_at: string;
  performed_via_github_app: { id: number } | null;
};
export type CheckRun = {
  id: number;
  name: string;
  head_sha: string;
  status: string;
  conclusion: string | null;
  output: { title: string; summary: string };
};
type Pull = {
  number: number;
  branch: string;
  state: "open" | "closed";
  head: string;
  mergedAt: string | null;
  mergeCommit: string | null;
  labels: string[];
  /** Repository of its branch. */
  from: string;
};

export type Github = Simulator & {
  /** `owner/name`. */
  slug: string;
  /** What the service has of its App. */
  app: { id: string; installationId: string; privateKey: string; webhookSecret: string };
  comments(pull: number): Comment[];
  checks(head: string): CheckRun[];
  /** By somebody who is not our App. */
  comment(pull: number, body: string): void;
  /** Where webhooks go from now on. */
  setWebhook(url: string): void;
  /** Webhooks get lost while this is on. */
  loseWebhooks(lost: boolean): void;
  /** 503 for whatever would be written, as in an incident of GitHub's. */
  refuseWrites(refused: boolean): void;
  /** `from`: a fork, as `owner/name`. */
  openPull(branch: string, from?: string): Promise<number>;
  /** To be called after a push to this branch. */
  pushed(branch: string): Promise<void>;
  label(pull: number, name: string): Promise<void>;
  /** As its green button: a merge commit on main. */
  merge(pull: number): Promise<string>;
  closePull(pull: number): Promise<void>;
  reopenPull(pull: number): Promise<void>;
};

/** GitHub's own bound ("body is too long (maximum is 65536 characters)"). */
const maxBody = 65_536;
const tokenMs = 60 * 60_000;

export async function startGithub(repository: Repository): Promise<Github> {
  const slug = "hoster/fleet";
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const app = {
    id: "4711",
    installationId: "99",
    privateKey: keys.privateKey,
    webhookSecret: "s".repeat(32),
  };
  const pulls = new Map<number, Pull>();
  const comments: Comment[] = [];
  const checks: CheckRun[] = [];
  const tokens = new Set<string>();
  let nextId = 1000;
  let webhook: string | undefined;
  let lost = false;
  let readOnly = false;

  const api = new Hono<SimulatorEnv>();
  const repo = `/repos/${slug}`;
  api.post("/app/installations/:id/access_tokens", (c) => {
    const jwt = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
    if (!isOurApp(jwt, keys.publicKey, app.id))
      return c.json({ message: "A JSON web token could not be decoded" }, 401);
    if (c.req.param("id") !== app.installationId) return c.json({ message: "Not Found" }, 404);
    const token = `ghs_${(nextId += 1)}`;
    tokens.add(token);
    return c.json({ token, expires_at: new Date(Date.now() + tokenMs).toISOString() }, 201);
  });
  api.use(`${repo}/*`, async (c, next) => {
    const token = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1] ?? "";
    return tokens.has(token) ? await next() : c.json({ message: "Bad credentials" }, 401);
  });
  api.use(`${repo}/*`, async (c, next) =>
    readOnly && c.req.method !== "GET" ? c.json({ message: "Service unavailable" }, 503) : await next(),
  );
  api.get(`${repo}/pulls`, (c) =>
    c.json(page(c.req.query(), [...pulls.values()].filter(({ state }) => state === "open").map(toApi))),
  );
  api.get(`${repo}/pulls/:number`, (c) => {
    const pull = pulls.get(Number(c.req.param("number")));
    return pull ? c.json(toApi(pull)) : c.json({ message: "Not Found" }, 404);
  });
  api.get(`${repo}/commits/:sha/pulls`, (c) => {
    const sha = c.req.param("sha");
    const found = [...pulls.values()].filter(({ head, mergeCommit }) => head === sha || mergeCommit === sha);
    return c.json(page(c.req.query(), found.map(toApi)));
  });
  api.get(`${repo}/issues/:number/comments`, (c) =>
    c.json(
      page(
        c.req.query(),
        comments.filter(({ pull }) => pull === Number(c.req.param("number"))),
      ),
    ),
  );
  api.post(`${repo}/issues/:number/comments`, async (c) => {
    const { body } = await c.req.json<{ body: string }>();
    if (body.length > maxBody)
      return c.json({ message: "body is too long (maximum is 65536 characters)" }, 422);
    const comment = {
      id: (nextId += 1),
      pull: Number(c.req.param("number")),
      body,
      edits: 0,
      updated_at: seconds(),
      performed_via_github_app: { id: Number(app.id) },
    };
    comments.push(comment);
    return c.json(comment, 201);
  });
  api.patch(`${repo}/issues/comments/:id`, async (c) => {
    const comment = comments.find(({ id }) => id === Number(c.req.param("id")));
    if (!comment) return c.json({ message: "Not Found" }, 404);
    if (comment.performed_via_github_app === null)
      return c.json({ message: "Resource not accessible by integration" }, 403);
    const { body } = await c.req.json<{ body: string }>();
    if (body.length > maxBody)
      return c.json({ message: "body is too long (maximum is 65536 characters)" }, 422);
    Object.assign(comment, { body, edits: comment.edits + 1, updated_at: seconds() });
    return c.json(comment);
  });
  api.post(`${repo}/check-runs`, async (c) => {
    const run: CheckRun = {
      conclusion: null,
      ...(await c.req.json<Omit<CheckRun, "id" | "conclusion">>()),
      id: (nextId += 1),
    };
    checks.push(run);
    return c.json(run, 201);
  });
  api.patch(`${repo}/check-runs/:id`, async (c) => {
    const run = checks.find(({ id }) => id === Number(c.req.param("id")));
    if (!run) return c.json({ message: "Not Found" }, 404);
    return c.json(Object.assign(run, await c.req.json<Partial<CheckRun>>()));
  });
  const simulator = await startSimulator({ name: "github", app: api });

  async function send(event: string, body: object): Promise<void> {
    if (webhook === undefined || lost) return;
    const text = JSON.stringify({ ...body, repository: { full_name: slug } });
    const signature = createHmac("sha256", app.webhookSecret).update(text).digest("hex");
    await fetch(webhook, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "x-github-event": event,
        "x-hub-signature-256": `sha256=${signature}`,
      },
      body: text,
    });
  }
  const must = (number: number): Pull => {
    const pull = pulls.get(number);
    if (!pull) throw new Error(`there is no pull request ${number}`);
    return pull;
  };
  const tell = (action: string, pull: Pull) => send("pull_request", { action, pull_request: toApi(pull) });

  return {
    ...simulator,
    slug,
    app,
    comments: (pull) => comments.filter((one) => one.pull === pull),
    checks: (head) => checks.filter((one) => one.head_sha === head),
    comment: (pull, body) =>
      void comments.push({
        id: (nextId += 1),
        pull,
        body,
        edits: 0,
        updated_at: seconds(),
        performed_via_github_app: null,
      }),
    setWebhook: (url) => (webhook = url),
    loseWebhooks: (on) => (lost = on),
    refuseWrites: (on) => (readOnly = on),
    async openPull(branch, from = slug) {
      const number = pulls.size + 1;
      const head = await repository.head(branch);
      const pull: Pull = {
        number,
        branch,
        state: "open",
        head,
        mergedAt: null,
        mergeCommit: null,
        labels: [],
        from,
      };
      pulls.set(number, pull);
      await repository.keepPull(number, head);
      await tell("opened", pull);
      return number;
    },
    async pushed(branch) {
      if (branch === "main") return await send("push", { ref: "refs/heads/main" });
      for (const pull of pulls.values()) {
        if (pull.branch !== branch || pull.state === "closed") continue;
        pull.head = await repository.head(branch);
        await repository.keepPull(pull.number, pull.head);
        await tell("synchronize", pull);
      }
    },
    async label(number, name) {
      const pull = must(number);
      pull.labels.push(name);
      await tell("labeled", pull);
    },
    async merge(number) {
      const pull = must(number);
      pull.mergeCommit = await repository.merge(pull.head, `Merge pull request #${number}`);
      pull.mergedAt = seconds();
      pull.state = "closed";
      await tell("closed", pull);
      await send("push", { ref: "refs/heads/main" });
      return pull.mergeCommit;
    },
    async closePull(number) {
      const pull = must(number);
      pull.state = "closed";
      await tell("closed", pull);
    },
    async reopenPull(number) {
      const pull = must(number);
      pull.state = "open";
      await tell("reopened", pull);
    },
  };
}

/** As GitHub writes a time. */
function seconds(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}

function toApi(pull: Pull) {
  return {
    number: pull.number,
    state: pull.state,
    merged_at: pull.mergedAt,
    merge_commit_sha: pull.mergeCommit,
    head: { sha: pull.head, ref: pull.branch, repo: { full_name: pull.from } },
    base: { ref: "main" },
    labels: pull.labels.map((name) => ({ name })),
  };
}

function page<T>(query: Record<string, string>, all: readonly T[]): T[] {
  const size = Number(query["per_page"] ?? 30);
  const at = (Number(query["page"] ?? 1) - 1) * size;
  return all.slice(at, at + size);
}

function isOurApp(jwt: string, publicKey: string, appId: string): boolean {
  const [header = "", claims = "", signature = ""] = jwt.split(".");
  const verify = createVerify("RSA-SHA256").update(`${header}.${claims}`);
  if (!verify.verify(createPublicKey(publicKey), signature, "base64url")) return false;
  const { iss, exp }: { iss: string; exp: number } = JSON.parse(Buffer.from(claims, "base64url").toString());
  return iss === appId && exp * 1000 > Date.now() && exp * 1000 < Date.now() + 10 * 60_000;
}
