/** The one family of failures. Whoever throws says whether trying again can help. */

/** What can keep work waiting through no fault of its own; each heals for everybody who waits for it. */
export const blockers = [
  /** Outage, throttling or a refused token of the account. */
  "hetzner",
  "cloudflare",
  /** Full: a larger limit or a deletion helps. */
  "hetzner-limit",
  "cloudflare-quota",
  /** Not up yet: its own converge heals it. */
  "cell",
] as const;
export type Blocker = (typeof blockers)[number];

/**
 * `now`: the next try has a good chance at once; `retryable`: with backoff; `blocked`: waits for an outside system to heal and
 * is tried again when it does.
 */
export type Retry =
  | { kind: "now" }
  | { kind: "retryable" }
  | { kind: "permanent" }
  | { kind: "blocked"; by: Blocker };

export type ErrorCode =
  | "config_invalid"
  | "input_invalid"
  | "too_large"
  | "unauthorized"
  | "forbidden"
  | "rate_limited"
  | "not_found"
  | "slug_taken"
  | "conflict"
  | "billing_unavailable"
  | "cloud_unavailable"
  /** GitHub, or the repository itself. */
  | "forge_unavailable"
  | "capacity_exhausted"
  | "dns_conflict"
  | "engine_failed"
  | "recovery_failed"
  | "internal";

export type ErrorDetails = {
  code: ErrorCode;
  /** What failed, for whom, and what to do next. Never a token, user data or an event body. */
  message: string;
  retry: Retry;
  /** What an operator reads beside the message: the next step. */
  remedy?: string;
  data?: Record<string, string | number | boolean>;
  cause?: unknown;
};

export class ClawfleetError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly remedy: string | undefined;
  readonly data: Record<string, string | number | boolean>;

  constructor(details: ErrorDetails) {
    super(details.message, { cause: details.cause });
    this.name = "ClawfleetError";
    this.code = details.code;
    this.retry = details.retry;
    this.remedy = details.remedy;
    this.data = details.data ?? {};
  }
}

/** No second try helps: whoever asked has to do something else. */
export function permanent(code: ErrorCode, message: string, remedy?: string): ClawfleetError {
  const next = remedy === undefined ? {} : { remedy };
  return new ClawfleetError({ code, message, ...next, retry: { kind: "permanent" } });
}

export function isClawfleetError(error: unknown): error is ClawfleetError {
  return error instanceof ClawfleetError;
}

/** What was thrown says of itself, whatever it is. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For the end of a switch over a closed union. */
export function assertNever(value: never): never {
  throw new ClawfleetError({
    code: "internal",
    message: `unexpected value ${JSON.stringify(value)}`,
    retry: { kind: "permanent" },
  });
}
