/** Errors of the Hetzner Cloud API, in hcloud-go's words and in those of the provider's two halves. */
import { messageOf } from "../bridge/plugin.ts";
import { bagOf, isBag } from "../bridge/values.ts";

export class HcloudError extends Error {
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number, message: string, correlationId: string | null) {
    super(`${message} (${code}${correlationId ? `, ${correlationId}` : ""})`);
    this.code = code;
    this.status = status;
  }
}

/** Retried by hcloud-go itself, five times (source: its client, `retryPolicy`). */
const retriedCodes: ReadonlySet<string> = new Set([
  "conflict",
  "rate_limit_exceeded",
  "bad_gateway",
  "timeout",
  "http_502",
  "http_504",
]);

export function isRetried(error: unknown): boolean {
  return hasCode(error, ...retriedCodes);
}

export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof HcloudError && codes.includes(error.code);
}

/** Only an answer that says it is JSON is read for the API's own error. */
export function toError(answer: Response, text: string): HcloudError {
  const isJson = (answer.headers.get("content-type") ?? "").startsWith("application/json");
  const parsed: unknown = isJson ? JSON.parse(text) : undefined;
  const { error } = bagOf(parsed);
  if (isBag(error)) {
    const correlation = answer.headers.get("x-correlation-id");
    return new HcloudError(String(error["code"]), answer.status, String(error["message"]), correlation);
  }
  const message = `server responded with status code ${answer.status}`;
  return new HcloudError(`http_${answer.status}`, answer.status, message, null);
}

/** Gone already is as good. */
export async function ignoreNotFound(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!hasCode(error, "not_found")) throw error;
  }
}

export const wording = {
  sdkv2: (error: unknown) => `1 error occurred:\n\t* ${messageOf(error)}\n\n`,
  framework(error: unknown) {
    if (!(error instanceof HcloudError)) return messageOf(error);
    const intro = "API request failed: An unexpected error was encountered during an API request.";
    return `${intro}\n\n${error.message}\n\nError code: ${error.code}\nStatus code: ${error.status}\n`;
  },
};
