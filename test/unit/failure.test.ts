/** Proves what each known failure text leads to: our code, whether to try again, whether elsewhere. Texts are as measured. */
import { describe, expect, test } from "vitest";
import { failureTable } from "../../reconciler/converge/failure-table.ts";
import { classifyFailure } from "../../reconciler/converge/failure.ts";
import { hideScripts } from "../../reconciler/operations/engine-events.ts";

const samples: [string, string, string, boolean][] = [
  ["error during placement (resource_unavailable, 8b4a2c)", "capacity_exhausted", "retryable", true],
  ["server limit exceeded (resource_limit_exceeded)", "cloud_unavailable", "blocked", false],
  ["limit of 3600 requests per hour reached (rate_limit_exceeded)", "cloud_unavailable", "blocked", false],
  ["the token you provided is invalid (unauthorized)", "cloud_unavailable", "blocked", false],
  ["internal error (service_error, 11aa)", "cloud_unavailable", "blocked", false],
  ["server is locked (locked)", "engine_failed", "retryable", false],
  ["server name is already used (uniqueness_error, 1f)", "conflict", "permanent", false],
  ["server deletion is protected (protected)", "conflict", "permanent", false],
  ["invalid input in field 'server_type' (invalid_input)", "input_invalid", "permanent", false],
  [
    '400 Bad Request {"success":false,"errors":[{"code":81057,"message":"exists"}]}',
    "dns_conflict",
    "permanent",
    false,
  ],
  ['{"errors":[{"code": 81045,"message":"quota"}]}', "cloud_unavailable", "blocked", false],
  ['{"errors":[{"code":10000,"message":"Authentication error"}]}', "cloud_unavailable", "blocked", false],
  ['{"errors":[{"code":971,"message":"Please wait"}]}', "cloud_unavailable", "blocked", false],
  ['PUT "http://x/client/v4/zones/1/dns_records/2": 502 Bad Gateway', "cloud_unavailable", "blocked", false],
  ["InputsError: there is no row for bob", "input_invalid", "permanent", false],
  ["error: the stack is currently locked by 1 lock(s)", "conflict", "retryable", false],
  [
    "rpc error: code = Unavailable desc = error reading from server: EOF",
    "engine_failed",
    "retryable",
    false,
  ],
  ["ssh: host key mismatch", "engine_failed", "permanent", false],
  ["after 10 failed attempts: dial tcp 10.0.0.3:22: i/o timeout", "engine_failed", "retryable", false],
  ['Get "https://api.hetzner.cloud/v1/x": dial tcp: i/o timeout', "cloud_unavailable", "retryable", false],
  [
    "the first boot did not start (cloud-init status 1); the end of its log:",
    "engine_failed",
    "permanent",
    false,
  ],
  ["the first boot did not finish; the end of its log:", "engine_failed", "retryable", false],
  ["Process exited with status 1: configure: no", "engine_failed", "retryable", false],
  ["something that nobody has seen", "engine_failed", "retryable", false],
];

describe("failures", () => {
  test.each(samples)("%s", (text, code, retry, elsewhere) => {
    const failure = classifyFailure([text]);
    expect([failure.code, failure.retry.kind, failure.tryElsewhere]).toEqual([code, retry, elsewhere]);
    expect(failure.remedy).not.toBe("");
    expect(failure.message).toBe(text);
  });

  test("every row of the table is reached by a sample", () => {
    const reached = new Set(
      samples.map(([text]) => failureTable.findIndex(({ pattern }) => pattern.test(text))),
    );
    const missed = failureTable.map((_, index) => index).filter((index) => !reached.has(index));
    expect(missed.map((index) => String(failureTable[index]?.pattern))).toEqual([]);
  });

  test("the message is the line that decided, short, without colours", () => {
    const failure = classifyFailure([
      "update failed",
      `<{%fg 1%}>no room (resource_unavailable)${"x".repeat(2000)}`,
    ]);
    expect(failure.message.startsWith("no room (resource_unavailable)")).toBe(true);
    expect(failure.message.length).toBeLessThanOrEqual(600);
    expect(classifyFailure([]).message).toBe("no reason was given");
  });

  test("a failed command is told by what it said, never by its script", () => {
    const quoted = JSON.stringify("exec node --eval 'throw \"ECONNREFUSED (protected)\"'\n");
    const text = hideScripts(`Process exited with status 1: running ${quoted}:\nhealth: no token\n`);
    expect(text).toBe("Process exited with status 1: health: no token\n");
    expect(classifyFailure([text]).code).toBe("engine_failed");
  });
});
