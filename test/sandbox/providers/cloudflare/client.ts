/** Talks to the Cloudflare API as cloudflare-go v7 does: ten retries, its waits, its error text. */
import { setTimeout as sleep } from "node:timers/promises";
import { isBag, type Bag } from "../bridge/values.ts";

export class CloudflareError extends Error {
  readonly status: number;
  readonly codes: number[];
  constructor(method: string, url: string, status: number, body: string, codes: number[]) {
    super(`${method} "${url}": ${status} ${statusTexts[status] ?? ""} ${body}`);
    this.status = status;
    this.codes = codes;
  }
}

const statusTexts: Record<number, string> = {
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
};
const maxRetries = 10;

export type CloudflareClient = { call(method: string, path: string, body?: unknown): Promise<Bag> };

export function createCloudflareClient(options: {
  baseUrl: string;
  token: string;
  timeScale: number;
}): CloudflareClient {
  async function attempt(
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ answer: Response; text: string }> {
    const answer = await fetch(`${options.baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${options.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { answer, text: await answer.text() };
  }

  return {
    async call(method, path, body) {
      for (let tried = 0; ; tried += 1) {
        const result = await attempt(method, path, body).catch((error: unknown) => {
          if (tried >= maxRetries) throw error;
          return undefined;
        });
        if (result?.answer.ok) return JSON.parse(result.text);
        const again = !result || isRetried(result.answer);
        if (!again || tried >= maxRetries) {
          if (!result) throw new Error(`${method} ${path}: no connection`);
          throw toError(method, `${options.baseUrl}${path}`, result.answer.status, result.text);
        }
        await sleep(waitMs(result?.answer, tried) * options.timeScale);
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
  const named = Number(answer?.headers.get("retry-after"));
  return named > 0 ? named * 1000 : Math.min(30_000, 2000 * 2 ** tried);
}

function toError(method: string, url: string, status: number, text: string): CloudflareError {
  let codes: number[] = [];
  try {
    const parsed: unknown = JSON.parse(text);
    const errors = isBag(parsed) && Array.isArray(parsed["errors"]) ? parsed["errors"] : [];
    codes = errors.map((error) => Number(isBag(error) ? error["code"] : 0));
  } catch {
    // An answer that is no JSON has no codes.
  }
  return new CloudflareError(method, url, status, text, codes);
}
