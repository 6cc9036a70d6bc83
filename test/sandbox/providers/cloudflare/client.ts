/** Talks to the Cloudflare API as cloudflare-go v7 does: ten retries, its waits, its error text. */
import { STATUS_CODES } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { toGoError } from "../bridge/http-words.ts";
import { bagOf, type Bag } from "../bridge/values.ts";

export class CloudflareError extends Error {
  readonly status: number;
  constructor(method: string, url: string, status: number, body: string) {
    super(`${method} "${url}": ${status} ${STATUS_CODES[status] ?? ""} ${body}`);
    this.status = status;
  }
}

export type CloudflareClient = {
  /** Member `result` of the answer. */
  call(method: string, path: string, body?: unknown): Promise<unknown>;
  /** The object of `path`, undefined when there is none. */
  find(path: string): Promise<Bag | undefined>;
};

export type CloudflareClientOptions = {
  /** With `/client/v4`, without a trailing slash. */
  baseUrl: string;
  token: string;
  /** Factor on every wait; 1 is real. */
  timeScale: number;
  /** Gives up requests and waits. */
  signal: AbortSignal;
};

const maxRetries = 10;
const firstWaitMs = 2000;
const longestWaitMs = 30_000;

export function createCloudflareClient(options: CloudflareClientOptions): CloudflareClient {
  const { baseUrl, signal } = options;

  async function attempt(method: string, path: string, body: unknown) {
    const answer = await fetch(`${baseUrl}${path}`, {
      method,
      signal,
      headers: {
        authorization: `Bearer ${options.token}`,
        "user-agent": "cloudflare-go/7.7.0 terraform-provider-cloudflare/5.22.0",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { answer, text: await answer.text() };
  }

  /** What to do again is done again: no connection, and the statuses that promise better. */
  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    for (let tried = 0; ; tried += 1) {
      const got = await attempt(method, path, body).catch((error: unknown) => {
        if (tried >= maxRetries || signal.aborted) throw toGoError(method, `${baseUrl}${path}`, error);
        return undefined;
      });
      if (got?.answer.ok) return bagOf(JSON.parse(got.text))["result"];
      if (got && (tried >= maxRetries || !isRetried(got.answer))) {
        throw new CloudflareError(method, `${baseUrl}${path}`, got.answer.status, got.text);
      }
      await sleep(waitMs(got?.answer, tried) * options.timeScale, undefined, { signal });
    }
  }

  return {
    call,
    async find(path) {
      try {
        return bagOf(await call("GET", path));
      } catch (error) {
        if (error instanceof CloudflareError && error.status === 404) return undefined;
        throw error;
      }
    },
  };
}

function isRetried(answer: Response): boolean {
  const hint = answer.headers.get("x-should-retry");
  if (hint !== null) return hint === "true";
  return answer.status === 408 || answer.status === 409 || answer.status === 429 || answer.status >= 500;
}

function waitMs(answer: Response | undefined, tried: number): number {
  const milliseconds = Number(answer?.headers.get("retry-after-ms"));
  if (milliseconds > 0) return milliseconds;
  const seconds = Number(answer?.headers.get("retry-after"));
  return seconds > 0 ? seconds * 1000 : Math.min(longestWaitMs, firstWaitMs * 2 ** tried);
}
