/** Talks to the Hetzner Cloud API as hcloud-go does: its headers, its retries, its error text. */
import { setTimeout as sleep } from "node:timers/promises";
import { isBag, type Bag } from "../bridge/values.ts";

export class HcloudError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string, correlationId: string | null) {
    super(`${message} (${code}${correlationId ? `, ${correlationId}` : ""})`);
    this.code = code;
    this.status = status;
  }
}

export type HcloudClient = {
  call(method: string, path: string, body?: unknown): Promise<Bag>;
  /** Waits until every action has ended. @throws HcloudError of the first that failed. */
  waitFor(actions: readonly unknown[]): Promise<void>;
  timeScale: number;
};

export type HcloudClientOptions = {
  endpoint: string;
  token: string;
  pollIntervalMs: number;
  /** `constant`, or doubling up to `pollCapMs`. */
  pollFunction: string;
  pollCapMs: number;
  /** Factor on every wait that is not a poll; 1 is real. */
  timeScale: number;
};

/** Retried by hcloud-go itself, five times (source: its client, `retryPolicy`). */
const retriedCodes: ReadonlySet<string> = new Set([
  "conflict",
  "rate_limit_exceeded",
  "bad_gateway",
  "timeout",
]);
const maxRetries = 5;
const pollLimit = 5000;

export function createHcloudClient(options: HcloudClientOptions): HcloudClient {
  async function once(method: string, path: string, body: unknown): Promise<Bag> {
    const answer = await fetch(`${options.endpoint}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${options.token}`,
        "user-agent": "hcloud-terraform/1.67.0 hcloud-go/2.52.0",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (answer.ok) return text === "" ? {} : JSON.parse(text);
    throw toError(answer, text);
  }

  async function call(method: string, path: string, body?: unknown): Promise<Bag> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await once(method, path, body);
      } catch (error) {
        if (attempt >= maxRetries || !isRetried(error)) throw error;
        await sleep(Math.min(60_000, 1000 * 2 ** attempt) * options.timeScale);
      }
    }
  }

  async function waitForOne(action: unknown): Promise<void> {
    let current = action;
    for (let poll = 0; poll < pollLimit; poll += 1) {
      if (!isBag(current)) return;
      if (current["status"] === "success") return;
      if (current["status"] === "error") throw actionError(current);
      await sleep(pollDelay(poll));
      const answer = await call("GET", `/actions?id=${String(current["id"])}&page=1&sort=status&sort=id`);
      const found: unknown = Array.isArray(answer["actions"]) ? answer["actions"][0] : undefined;
      if (!isBag(found)) throw new Error(`actions not found: ${String(current["id"])}`);
      current = found;
    }
  }

  function pollDelay(poll: number): number {
    if (options.pollFunction === "constant") return options.pollIntervalMs;
    return Math.min(options.pollCapMs, options.pollIntervalMs * 2 ** poll);
  }

  return {
    call,
    timeScale: options.timeScale,
    async waitFor(actions) {
      for (const action of actions) await waitForOne(action);
    },
  };
}

function actionError(action: Bag): HcloudError {
  const error = isBag(action["error"]) ? action["error"] : {};
  return new HcloudError(String(error["code"]), 0, String(error["message"]), String(action["id"]));
}

function toError(answer: Response, text: string): HcloudError {
  const isJson = (answer.headers.get("content-type") ?? "").startsWith("application/json");
  const parsed: unknown = isJson ? JSON.parse(text) : undefined;
  const error = isBag(parsed) && isBag(parsed["error"]) ? parsed["error"] : undefined;
  const correlation = answer.headers.get("x-correlation-id");
  if (error)
    return new HcloudError(String(error["code"]), answer.status, String(error["message"]), correlation);
  return new HcloudError(
    `http_${answer.status}`,
    answer.status,
    `server responded with status code ${answer.status}`,
    null,
  );
}

function isRetried(error: unknown): boolean {
  if (!(error instanceof HcloudError)) return false;
  return retriedCodes.has(error.code) || error.code === "http_502" || error.code === "http_504";
}

export function isNotFound(error: unknown): boolean {
  return error instanceof HcloudError && error.code === "not_found";
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof HcloudError && codes.includes(error.code);
}

/** Tries again on these codes, `tries` times in all, waiting 1, 2, 4 … 60 s. */
export async function retryOn<T>(
  client: HcloudClient,
  codes: string[],
  tries: number,
  work: () => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt >= tries || !hasCode(error, ...codes)) throw error;
      await sleep(Math.min(60_000, 1000 * 2 ** (attempt - 1)) * client.timeScale);
    }
  }
}
