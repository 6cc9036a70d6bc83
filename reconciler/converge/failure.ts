/** What went wrong in a run, whether trying again can help, and what a person does about it. One table. Pure. */
import type { ErrorCode, Retry } from "../errors.ts";

export type Failure = {
  code: ErrorCode;
  retry: Retry;
  /** One line for the operator. */
  message: string;
  remedy: string;
  /** Another server type or location may work at once. */
  tryElsewhere: boolean;
};

type Row = { pattern: RegExp; code: ErrorCode; retry: Retry; remedy: string; tryElsewhere?: true };

const retryable: Retry = { kind: "retryable" };
const permanent: Retry = { kind: "permanent" };
const byHetzner: Retry = { kind: "blocked", by: "hetzner" };
const byCloudflare: Retry = { kind: "blocked", by: "cloudflare" };

/** hcloud-go ends an error with `(code, correlation id)` or `(code)`. */
const hetzner = (...codes: string[]): RegExp => new RegExp(`\\((?:${codes.join("|")})(?:, [^)]*)?\\)`);
/** cloudflare-go shows the answer's body. */
const cloudflare = (...codes: number[]): RegExp => new RegExp(`"code"\\s*:\\s*(?:${codes.join("|")})\\b`);

/** The first row that matches decides, so that narrow ones stand above wide ones. */
export const failureTable: readonly Row[] = [
  {
    pattern: hetzner("resource_unavailable", "placement_error", "no_space_left_in_location"),
    code: "capacity_exhausted",
    retry: retryable,
    remedy: "nothing: other types and locations of the plan are tried, then it waits and tries again",
    tryElsewhere: true,
  },
  {
    pattern: hetzner("resource_limit_exceeded"),
    code: "cloud_unavailable",
    retry: byHetzner,
    remedy: "ask Hetzner for a higher limit of this project, or open a cell in another account",
  },
  {
    pattern: hetzner("rate_limit_exceeded"),
    code: "cloud_unavailable",
    retry: byHetzner,
    remedy: "nothing: the budget of this project refills at one request a second",
  },
  {
    pattern: hetzner("unauthorized", "forbidden", "token_readonly"),
    code: "cloud_unavailable",
    retry: byHetzner,
    remedy: "replace the Hetzner token of this account by one with read and write rights",
  },
  {
    pattern: hetzner(
      "unavailable",
      "service_error",
      "server_error",
      "maintenance",
      "bad_gateway",
      "timeout",
      "http_5\\d\\d",
    ),
    code: "cloud_unavailable",
    retry: byHetzner,
    remedy: "nothing: it is Hetzner's; see their status page if it lasts",
  },
  {
    pattern: hetzner("locked", "conflict", "action_failed", "not_found", "robot_unavailable"),
    code: "engine_failed",
    retry: retryable,
    remedy: "nothing: it is tried again",
  },
  {
    pattern: hetzner("uniqueness_error"),
    code: "conflict",
    retry: retryable,
    remedy:
      "an object of this name exists at Hetzner that the state does not know: the next try adopts it if it carries our label",
  },
  {
    pattern: hetzner("protected"),
    code: "conflict",
    retry: permanent,
    remedy: "somebody protected this object by hand: lift the protection at Hetzner, then apply again",
  },
  {
    pattern: hetzner("invalid_input", "invalid_server_type", "unsupported_error", "json_error"),
    code: "input_invalid",
    retry: permanent,
    remedy: "Hetzner refuses what the plan or the override asks for: correct it in stacks/, then apply again",
  },
  {
    pattern: cloudflare(81_053, 81_057, 81_058),
    code: "dns_conflict",
    retry: retryable,
    remedy:
      "a record of this name exists that the state does not know: the next try adopts it if it carries our comment",
  },
  {
    pattern: cloudflare(81_045),
    code: "cloud_unavailable",
    retry: byCloudflare,
    remedy: "the zone is full: choose a larger Cloudflare plan or open a cell with another zone",
  },
  {
    pattern: cloudflare(971, 10_429),
    code: "cloud_unavailable",
    retry: byCloudflare,
    remedy: "nothing: Cloudflare throttles this token for up to five minutes",
  },
  {
    pattern: cloudflare(10_000, 9109, 6003),
    code: "cloud_unavailable",
    retry: byCloudflare,
    remedy:
      "replace the Cloudflare token of this account by one with the rights that docs/operations.md names",
  },
  {
    pattern: /\/client\/v4\/.*: 5\d\d /s,
    code: "cloud_unavailable",
    retry: byCloudflare,
    remedy: "nothing: it is Cloudflare's; see their status page if it lasts",
  },
  {
    pattern: /the stack is currently locked|ConcurrentUpdateError/,
    code: "conflict",
    retry: retryable,
    remedy: "another run holds this stack; if none does: npm run pulumi -- cancel -s <name>",
  },
  {
    pattern:
      /code = Unavailable|error reading from server: EOF|connection refused.*plugin|plugin.*has crashed/s,
    code: "engine_failed",
    retry: retryable,
    remedy: "nothing: a provider process died; the next run starts with a fresh one and a refresh",
  },
  {
    pattern: /host key mismatch|Host denied|hostkey/i,
    code: "engine_failed",
    retry: permanent,
    remedy: "another machine answers at this address: look at the server before anything is sent to it",
  },
  {
    pattern: /failed attempts|ssh: |handshake failed|unable to authenticate/,
    code: "engine_failed",
    retry: retryable,
    remedy:
      "the machine does not answer on SSH: it may still boot; if it lasts, look at its console at Hetzner",
  },
  {
    pattern: /dial tcp|i\/o timeout|ECONNREFUSED|no such host|network is unreachable/,
    code: "cloud_unavailable",
    retry: retryable,
    remedy: "nothing: an API or the database did not answer; see whether this machine's own network is well",
  },
  {
    pattern: /the first boot did not start/,
    code: "engine_failed",
    retry: permanent,
    remedy:
      "cloud-init did not take our user data: read the end of its log above; fleet deprovision, then provision again",
  },
  {
    pattern: /the first boot did not finish/,
    code: "engine_failed",
    retry: retryable,
    remedy: "nothing: it is run again; the end of the machine's log is above",
  },
  {
    pattern: /Process exited (?:with status|from signal)/,
    code: "engine_failed",
    retry: retryable,
    remedy: "a script on the machine failed; its last words are above",
  },
  {
    pattern: /InputsError|StackFileError/,
    code: "input_invalid",
    retry: permanent,
    remedy: "correct the file or the row that is named, then apply again",
  },
];

const unknown = {
  code: "engine_failed",
  retry: retryable,
  remedy: "look at the operation's events",
} as const;

/** `texts`: everything that the run said of its failure, the most telling first. */
export function classifyFailure(texts: readonly string[]): Failure {
  const all = texts.join("\n");
  const row = failureTable.find((candidate) => candidate.pattern.test(all));
  const message = pickMessage(texts, row?.pattern);
  return {
    code: row?.code ?? unknown.code,
    retry: row?.retry ?? unknown.retry,
    remedy: row?.remedy ?? unknown.remedy,
    message,
    tryElsewhere: row?.tryElsewhere ?? false,
  };
}

const maxMessage = 600;

function pickMessage(texts: readonly string[], pattern: RegExp | undefined): string {
  const telling = texts.find((text) => pattern?.test(text)) ?? texts[0] ?? "no reason was given";
  return telling
    .replaceAll(/<\{%.*?%\}>/g, "")
    .trim()
    .slice(0, maxMessage);
}
