/** GitHub's webhook: a signed hint that something is worth a look. What it says is read again from GitHub and from git. */
import { createHmac, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { z } from "zod";
import { permanent } from "../errors.ts";
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

export function createGithubRoutes(deps: GithubWebhookDeps): Hono {
  return new Hono().post("/github", async (c) => {
    const body = await c.req.text();
    if (!isSigned(body, c.req.header("x-hub-signature-256"), deps.webhookSecret)) {
      deps.onWebhook("refused");
      throw permanent(
        "unauthorized",
        "this webhook is not signed with our secret",
        "set the same secret at GitHub and in CLAWFLEET_GITHUB_WEBHOOK_SECRET",
      );
    }
    const job = toJob(c.req.header("x-github-event") ?? "", body, deps.repository);
    if (job) await deps.queue.requestGitops(deps.sql, job);
    deps.onWebhook(job ? "queued" : "ignored");
    return c.json({ received: true });
  });
}

function isSigned(body: string, header: string | undefined, secret: string): boolean {
  const expected = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  const given = Buffer.from(header ?? "");
  return given.length === expected.length && timingSafeEqual(given, expected);
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
