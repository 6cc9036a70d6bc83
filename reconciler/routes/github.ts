/** GitHub's webhook: a signed hint that something is worth a look. What it says is read again from GitHub and from git. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { z } from "zod";
import { permanent, type ClawfleetError } from "../errors.ts";
import type { GitopsJob } from "../queue/jobs.ts";
import type { Queue } from "../queue/queue.ts";

export type GithubWebhookDeps = {
  sql: Sql;
  queue: Queue;
  log: Logger;
  repository: string;
  webhookSecret: string;
  onWebhook: (outcome: "queued" | "ignored" | "refused") => void;
};

const eventSchema = z.object({
  repository: z.object({ full_name: z.string() }).optional(),
  pull_request: z.object({ number: z.number() }).optional(),
});

/** GitHub sends none that has more than 25 MB. */
export const maxWebhookBytes = 25 * 1024 * 1024;

export function createGithubRoutes(deps: GithubWebhookDeps): Hono {
  return new Hono().post("/github", async (c) => {
    const refuse = (error: ClawfleetError) => {
      deps.onWebhook("refused");
      return error;
    };
    const signature = c.req.header("x-hub-signature-256") ?? "";
    // Before anything is read: whoever has no secret is not to fill our memory.
    if (!/^sha256=[0-9a-f]{64}$/.test(signature)) throw refuse(notSigned());
    if (Number(c.req.header("content-length") ?? 0) > maxWebhookBytes) throw refuse(tooLarge());
    const { bytes, digest } = await readHashed(c.req.raw.body, deps.webhookSecret);
    if (bytes === undefined) throw refuse(tooLarge());
    if (!timingSafeEqual(Buffer.from(`sha256=${digest}`), Buffer.from(signature))) throw refuse(notSigned());
    const body = bytes.toString("utf8");
    const job = toJob(c.req.header("x-github-event") ?? "", body, deps.repository);
    if (job) await deps.queue.requestGitops(deps.sql, job);
    deps.onWebhook(job ? "queued" : "ignored");
    return c.json({ received: true });
  });
}

/** No `bytes`: there are more than GitHub sends. */
async function readHashed(
  body: ReadableStream<Uint8Array> | null,
  secret: string,
): Promise<{ bytes: Buffer | undefined; digest: string }> {
  const hmac = createHmac("sha256", secret);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > maxWebhookBytes) return { bytes: undefined, digest: "" };
    hmac.update(chunk);
    chunks.push(chunk);
  }
  return { bytes: Buffer.concat(chunks), digest: hmac.digest("hex") };
}

function notSigned(): ClawfleetError {
  return permanent(
    "unauthorized",
    "this webhook is not signed with our secret",
    "set the same secret at GitHub and in CLAWFLEET_GITHUB_WEBHOOK_SECRET",
  );
}

function tooLarge(): ClawfleetError {
  return permanent("too_large", "this webhook is larger than any of GitHub's");
}

/** undefined: of no interest, or of another repository that the App is installed in. */
function toJob(event: string, body: string, repository: string): GitopsJob | undefined {
  if (event !== "push" && event !== "pull_request") return undefined;
  const parsed = eventSchema.safeParse(parseJson(body));
  if (!parsed.success) return undefined;
  const { repository: about, pull_request: pull } = parsed.data;
  if (about?.full_name.toLowerCase() !== repository.toLowerCase()) return undefined;
  return pull ? { kind: "pull-request", number: pull.number } : { kind: "sync" };
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
