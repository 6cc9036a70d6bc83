/** How failures leave over HTTP: `{ error: { code, message, requestId } }`, 400s for the caller, 500s for us. */
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { Logger } from "pino";
import { isClawfleetError, type ErrorCode } from "../errors.ts";

const statuses: Record<ErrorCode, ContentfulStatusCode> = {
  config_invalid: 500,
  input_invalid: 400,
  too_large: 413,
  unauthorized: 401,
  forbidden: 403,
  rate_limited: 429,
  not_found: 404,
  slug_taken: 409,
  conflict: 409,
  billing_unavailable: 503,
  cloud_unavailable: 503,
  forge_unavailable: 503,
  capacity_exhausted: 503,
  dns_conflict: 409,
  engine_failed: 502,
  recovery_failed: 502,
  internal: 500,
};

export type ErrorBody = { error: { code: ErrorCode; message: string; requestId: string; remedy?: string } };

export function toErrorAnswer(
  error: unknown,
  requestId: string,
  log: Logger,
): { status: ContentfulStatusCode; body: ErrorBody } {
  if (isClawfleetError(error)) {
    const status = statuses[error.code];
    if (status >= 500) log.error({ err: error, requestId }, "request failed");
    const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
    return { status, body: { error: { code: error.code, message: error.message, requestId, ...remedy } } };
  }
  // What the framework itself finds wrong, such as a body that is no JSON.
  if (error instanceof HTTPException && error.status < 500) {
    const said = error.message || "the request cannot be read";
    return { status: 400, body: { error: { code: "input_invalid", message: said, requestId } } };
  }
  log.error({ err: error, requestId }, "request failed unexpectedly");
  const message = "an internal error; it has been logged under this request id";
  return { status: 500, body: { error: { code: "internal", message, requestId } } };
}

export function answerError(c: Context, error: unknown, log: Logger): Response {
  const requestId: string = c.get("requestId") ?? "";
  const { status, body } = toErrorAnswer(error, requestId, log);
  return c.json(body, status);
}
