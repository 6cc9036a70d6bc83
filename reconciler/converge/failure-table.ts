/** Every failure that we know by its text: whether trying again can help, and what a person does about it. Pure. */
import type { Retry } from "../errors.ts";
import { cloudFailures } from "./cloud-failures.ts";
import type { FailureRow } from "./failure-row.ts";

const now: Retry = { kind: "now" };
const retryable: Retry = { kind: "retryable" };
const permanent: Retry = { kind: "permanent" };

/** The first row that matches decides, so that narrow ones stand above wide ones. */
export const failureTable: readonly FailureRow[] = [
  ...cloudFailures,
  {
    pattern: /snapshot integrity failure|refusing to use it/,
    code: "recovery_failed",
    retry: permanent,
    remedy:
      "the state contradicts itself: npm run pulumi -- stack export --file <name>.json -s <name>; npm run pulumi -- state repair --yes -s <name>; npm run fleet -- apply <name>",
  },
  {
    pattern: /the stack is currently locked|ConcurrentUpdateError|Another update is currently in progress/,
    code: "conflict",
    retry: retryable,
    remedy: "another run holds this stack; if none does: npm run pulumi -- cancel -s <name>",
  },
  {
    pattern: /incorrect passphrase|passphrase must be set/,
    code: "config_invalid",
    retry: permanent,
    remedy:
      "the state was sealed with another key: give the service its old CLAWFLEET_MASTER_KEY, then apply again",
  },
  {
    pattern: /no resource plugin|could not (?:find|load) plugin|no language plugin/,
    code: "engine_failed",
    retry: retryable,
    remedy: "this worker lacks a Pulumi plugin: run npm run engine on its machine",
  },
  {
    pattern: /ENOSPC|no space left on device|ENOMEM|heap out of memory|cannot allocate memory/,
    code: "engine_failed",
    retry: retryable,
    remedy: "this worker's machine is out of disk or memory: make room, or lower CLAWFLEET_WORKERS",
  },
  {
    pattern:
      /code = Unavailable|error reading from server: EOF|connection refused.*plugin|plugin.*has crashed/s,
    code: "engine_failed",
    retry: now,
    remedy: "nothing: a provider process died; the next run starts with a fresh one and a refresh",
  },
  {
    pattern: /host key mismatch|Host denied|hostkey/i,
    code: "engine_failed",
    retry: permanent,
    remedy: "another machine answers at this address: look at the server before anything is sent to it",
  },
  {
    pattern: /unable to authenticate/,
    code: "engine_failed",
    retry: retryable,
    remedy: "the machine does not take our key: it may still boot; if it lasts, its first boot went wrong",
  },
  {
    pattern: /failed attempts|ssh: |handshake failed/,
    code: "engine_failed",
    retry: retryable,
    remedy:
      "the machine does not answer on SSH: it may still boot; if it lasts, look at its console at Hetzner",
  },
  {
    pattern: /too many clients|remaining connection slots|pulumi_state|failed to connect to `|postgres:\/\//,
    code: "cloud_unavailable",
    retry: retryable,
    remedy: "nothing: PostgreSQL did not take the engine's connection; see max_connections if it lasts",
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
    pattern: /failed to find exactly one result/,
    code: "config_invalid",
    retry: permanent,
    remedy:
      "the Cloudflare token sees no such zone: fleet doctor names it; correct zone and customZones in the cell's file, or the token, apply again",
  },
  {
    pattern: /InputsError|StackFileError/,
    code: "input_invalid",
    retry: permanent,
    remedy: "correct the file or the row that is named, then apply again",
  },
];
