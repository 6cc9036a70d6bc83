/**
 * Proves what each known text of engine, clouds and machines is taken for: whether trying again can help, whether elsewhere
 * can, what a person is told. Cannot prove that the tools still say these words; the tests with the real engine see some.
 */
import { describe, expect, it } from "vitest";
import { classifyFailure, failureTable, type Failure } from "../../reconciler/converge/failure.ts";

type Sample = [text: string, code: Failure["code"], retry: string, remedy: string];

const hetzner = "blocked by hetzner";
const cloudflare = "blocked by cloudflare";
const cf = (status: string, code: number, message: string) =>
  `POST "https://api.cloudflare.com/client/v4/zones/0123/dns_records": ${status} {"result":null,"success":false,"errors":[{"code":${code},"message":"${message}"}],"messages":[]}`;

const samples: Sample[] = [
  ["error during placement (resource_unavailable, 7d6cf1)", "capacity_exhausted", "retryable", "other types"],
  ["no resources (placement_error)", "capacity_exhausted", "retryable", "other types"],
  ["full (no_space_left_in_location, 1)", "capacity_exhausted", "retryable", "other types"],
  ["server limit reached (resource_limit_exceeded, 7d6cf1)", "cloud_unavailable", hetzner, "higher limit"],
  ["limit of 3600 requests per hour reached (rate_limit_exceeded)", "cloud_unavailable", hetzner, "refills"],
  ["unable to authenticate (unauthorized, 1)", "cloud_unavailable", hetzner, "replace the Hetzner token"],
  [
    "token is only allowed to perform GET requests (token_readonly)",
    "cloud_unavailable",
    hetzner,
    "replace the Hetzner token",
  ],
  ["insufficient permissions (forbidden)", "cloud_unavailable", hetzner, "replace the Hetzner token"],
  ["service error (service_error, 7)", "cloud_unavailable", hetzner, "status page"],
  ["unavailable (unavailable)", "cloud_unavailable", hetzner, "status page"],
  ["hcloud: server responded with status code 503 (http_503)", "cloud_unavailable", hetzner, "status page"],
  ["maintenance (maintenance)", "cloud_unavailable", hetzner, "status page"],
  ["server is locked (locked, 1)", "engine_failed", "retryable", "tried again"],
  ["conflict (conflict)", "engine_failed", "retryable", "tried again"],
  ["Action failed (action_failed)", "engine_failed", "retryable", "tried again"],
  ["server with ID '42' not found (not_found, 1)", "engine_failed", "retryable", "tried again"],
  ["server name is already used (uniqueness_error, 1)", "conflict", "permanent", "import or delete"],
  ["server deletion is protected (protected)", "conflict", "permanent", "lift the protection"],
  [
    "invalid input in field 'ip_range' (invalid_input, 1)",
    "input_invalid",
    "permanent",
    "correct it in stacks/",
  ],
  [
    "unsupported location for server type (unsupported_error)",
    "input_invalid",
    "permanent",
    "correct it in stacks/",
  ],
  [
    cf("400 Bad Request", 81_053, "An A, AAAA, or CNAME record already exists"),
    "dns_conflict",
    "permanent",
    "somebody else",
  ],
  [
    cf("400 Bad Request", 81_058, "An identical record already exists."),
    "dns_conflict",
    "permanent",
    "somebody else",
  ],
  [
    cf("400 Bad Request", 81_045, "Record quota exceeded."),
    "cloud_unavailable",
    cloudflare,
    "the zone is full",
  ],
  [cf("429 Too Many Requests", 971, "Please wait"), "cloud_unavailable", cloudflare, "throttles"],
  [
    cf("403 Forbidden", 10_000, "Authentication error"),
    "cloud_unavailable",
    cloudflare,
    "replace the Cloudflare token",
  ],
  [
    cf("403 Forbidden", 9109, "Invalid access token"),
    "cloud_unavailable",
    cloudflare,
    "replace the Cloudflare token",
  ],
  [
    'GET "https://api.cloudflare.com/client/v4/zones/0": 502 Bad Gateway <html>',
    "cloud_unavailable",
    cloudflare,
    "Cloudflare's",
  ],
  ["error: the stack is currently locked by 1 lock(s)", "conflict", "retryable", "cancel -s"],
  ["ConcurrentUpdateError: code: 255", "conflict", "retryable", "cancel -s"],
  [
    "rpc error: code = Unavailable desc = error reading from server: EOF",
    "engine_failed",
    "retryable",
    "provider process died",
  ],
  ["The plugin for provider hcloud has crashed", "engine_failed", "retryable", "provider process died"],
  ["ssh: handshake failed: ssh: host key mismatch", "engine_failed", "permanent", "another machine answers"],
  [
    "after 101 failed attempts: dial tcp 10.0.0.7:22: i/o timeout",
    "engine_failed",
    "retryable",
    "does not answer on SSH",
  ],
  ["ssh: handshake failed: EOF", "engine_failed", "retryable", "does not answer on SSH"],
  [
    "Process exited with status 1: running \"exec /bin/bash -c 'x'\":\nthe first boot did not finish (cloud-init status 1)",
    "engine_failed",
    "permanent",
    "--replace",
  ],
  [
    'Process exited with status 1: running "x":\nhealth: nothing listens',
    "engine_failed",
    "retryable",
    "last words",
  ],
  ["Process exited from signal KILL", "engine_failed", "retryable", "last words"],
  [
    "InputsError: there is no instance named anna",
    "input_invalid",
    "permanent",
    "correct the file or the row",
  ],
  [
    "StackFileError: stacks/Pulumi.anna.yaml:2: clawfleet:plan: wrong",
    "input_invalid",
    "permanent",
    "correct the file",
  ],
  ["something that nobody has seen before", "engine_failed", "retryable", "operation's events"],
];

const describeRetry = ({ retry }: Failure) =>
  retry.kind === "blocked" ? `blocked by ${retry.by}` : retry.kind;

describe("classifyFailure", () => {
  it.each(samples)("takes %j for %s, %s", (text, code, retry, remedy) => {
    const failure = classifyFailure([text]);
    expect({ code: failure.code, retry: describeRetry(failure) }).toEqual({ code, retry });
    expect(failure.remedy).toContain(remedy);
  });

  it("tries elsewhere for want of capacity, and for nothing else", () => {
    const elsewhere = samples
      .filter(([text]) => classifyFailure([text]).tryElsewhere)
      .map(([, code]) => code);
    expect(new Set(elsewhere)).toEqual(new Set(["capacity_exhausted"]));
    expect(elsewhere).toHaveLength(3);
  });

  it("has a sample for every row of its table", () => {
    const rowOf = (text: string) => failureTable.findIndex((row) => row.pattern.test(text));
    const seen = new Set(samples.map(([text]) => rowOf(text)));
    expect(failureTable.map((_row, index) => index).filter((index) => !seen.has(index))).toEqual([]);
  });

  it.each([
    ["a code in the middle of a sentence", "the resource_unavailable code was mentioned"],
    ["a code as part of another", "something (not_resource_unavailable_really)"],
    ["a number that only begins like a code", '{"code":810531,"message":"x"}'],
    ["a number that is not a code", "81053"],
  ])("is not misled by %s", (_what, text) => {
    expect(classifyFailure([text])).toMatchObject({ code: "engine_failed", retry: { kind: "retryable" } });
  });

  it.each([
    ["81057 with a space", '"code" : 81057'],
    ["81057 in a pretty document", '"errors": [\n  {\n    "code": 81057,'],
  ])("sees Cloudflare's code as %s", (_what, text) => {
    expect(classifyFailure([text]).code).toBe("dns_conflict");
  });

  it("decides by the narrow row when a text fits several", () => {
    const both = classifyFailure(["dial tcp: i/o timeout", "no resources (resource_unavailable, 1)"]);
    expect(both).toMatchObject({
      code: "capacity_exhausted",
      message: "no resources (resource_unavailable, 1)",
    });
  });
});

describe("the message", () => {
  it("is the text that decided, not the first one", () => {
    const texts = ["update failed", "error: server is locked (locked, 1)", "CommandError: code 255"];
    expect(classifyFailure(texts).message).toBe("error: server is locked (locked, 1)");
  });

  it("is the first text when nothing decided", () => {
    expect(classifyFailure(["first", "second"]).message).toBe("first");
  });

  it("is one even when nothing was said", () => {
    expect(classifyFailure([])).toMatchObject({ message: "no reason was given", code: "engine_failed" });
  });

  it("holds no colours, no blank ends and at most 600 characters", () => {
    expect(classifyFailure(["  <{%fg 1%}>error: <{%reset%}>wrong\n\n"]).message).toBe("error: wrong");
    expect(classifyFailure(["x".repeat(10_000)]).message).toHaveLength(600);
  });
});

describe("the table", () => {
  it("tells a person something for every row", () => {
    for (const row of failureTable) expect(row.remedy.length).toBeGreaterThan(15);
  });

  it("decides the same however often it is asked", () => {
    const [text = ""] = samples[0] ?? [];
    const answers = Array.from({ length: 3 }, () => classifyFailure([text]).code);
    expect(answers).toEqual(["capacity_exhausted", "capacity_exhausted", "capacity_exhausted"]);
  });
});
