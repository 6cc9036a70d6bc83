/** Proves what each known failure text leads to: our code, whether to try again, whether elsewhere. Texts are as measured. */
import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { failureTable } from "../../reconciler/converge/failure-table.ts";
import { classifyFailure } from "../../reconciler/converge/failure.ts";
import { hideScripts } from "../../reconciler/operations/engine-events.ts";
import { findSpec, missingSpecNote } from "../support/specs.ts";

const samples: [string, string, string, boolean][] = [
  ["error during placement (resource_unavailable, 8b4a2c)", "capacity_exhausted", "retryable", true],
  ["server limit exceeded (resource_limit_exceeded)", "cloud_unavailable", "blocked", false],
  ["limit of 3600 requests per hour reached (rate_limit_exceeded)", "cloud_unavailable", "blocked", false],
  ["the token you provided is invalid (unauthorized)", "cloud_unavailable", "blocked", false],
  ["internal error (service_error, 11aa)", "cloud_unavailable", "blocked", false],
  ["server is locked (locked)", "engine_failed", "retryable", false],
  ["server name is already used (uniqueness_error, 1f)", "conflict", "retryable", false],
  ["server deletion is protected (protected)", "conflict", "permanent", false],
  ["invalid input in field 'server_type' (invalid_input)", "input_invalid", "permanent", false],
  [
    '400 Bad Request {"success":false,"errors":[{"code":81057,"message":"exists"}]}',
    "dns_conflict",
    "retryable",
    false,
  ],
  ['{"errors":[{"code": 81045,"message":"quota"}]}', "cloud_unavailable", "blocked", false],
  ['{"errors":[{"code":10000,"message":"Authentication error"}]}', "cloud_unavailable", "blocked", false],
  ['{"errors":[{"code":971,"message":"Please wait"}]}', "cloud_unavailable", "blocked", false],
  ['PUT "http://x/client/v4/zones/1/dns_records/2": 502 Bad Gateway', "cloud_unavailable", "blocked", false],
  ["failed to find exactly one result: no result found", "config_invalid", "permanent", false],
  ["InputsError: there is no row for bob", "input_invalid", "permanent", false],
  ["error: snapshot integrity failure; refusing to use it", "recovery_failed", "permanent", false],
  ["error: the stack is currently locked by 1 lock(s)", "conflict", "retryable", false],
  ["rpc error: code = Unavailable desc = error reading from server: EOF", "engine_failed", "now", false],
  ["ssh: host key mismatch", "engine_failed", "permanent", false],
  ["after 10 failed attempts: dial tcp 10.0.0.3:22: i/o timeout", "engine_failed", "retryable", false],
  ['Get "https://api.hetzner.cloud/v1/x": dial tcp: i/o timeout', "cloud_unavailable", "blocked", false],
  ['Post "https://api.hetzner.cloud/v1/servers": EOF', "cloud_unavailable", "blocked", false],
  ['Put "https://api.cloudflare.com/client/v4/zones/1": read: reset', "cloud_unavailable", "blocked", false],
  ["dial tcp 10.0.0.9:5432: network is unreachable", "cloud_unavailable", "retryable", false],
  ["the resource changed during the request (conflict)", "engine_failed", "now", false],
  ["server with ID '7' not found (not_found, ab12)", "engine_failed", "retryable", false],
  ["no subnet or IP is available (no_subnet_available)", "conflict", "retryable", false],
  ["the resource is locked (resource_locked)", "cloud_unavailable", "permanent", false],
  ["API functionality was removed (deprecated_api_endpoint)", "internal", "permanent", false],
  ['{"errors":[{"code":81044,"message":"Record does not exist."}]}', "engine_failed", "retryable", false],
  ['{"errors":[{"code":7003,"message":"Could not route"}]}', "config_invalid", "permanent", false],
  ['{"errors":[{"code":9005,"message":"Content for A record"}]}', "input_invalid", "permanent", false],
  ["error: incorrect passphrase", "config_invalid", "permanent", false],
  ["no resource plugin 'pulumi-resource-hcloud' found", "engine_failed", "retryable", false],
  ["write /tmp/x: no space left on device", "engine_failed", "retryable", false],
  ["ssh: handshake failed: ssh: unable to authenticate", "engine_failed", "retryable", false],
  ["FATAL: sorry, too many clients already", "cloud_unavailable", "retryable", false],
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

/** Every code of Hetzner's document (June 2026), for machines that do not have it. */
const documentedCodes = (
  "already_in_placement_group conflict deprecated_api_endpoint firewall_already_applied " +
  "firewall_managed_by_label_selector firewall_resource_not_found floating_ip_assigned forbidden " +
  "incompatible_network_type incorrect_zone_mode invalid_input invalid_load_balancer_type invalid_server_type " +
  "ip_not_available ip_not_in_vswitch_subnet ip_not_owned json_error load_balancer_already_attached " +
  "load_balancer_not_attached_to_network load_balancer_public_interface_disabled locked maintenance " +
  "method_not_allowed must_be_unassigned network_has_no_vswitch_subnet networks_overlap no_space_left_in_location " +
  "no_subnet_available not_found placement_error primary_ip_already_assigned primary_ip_assigned " +
  "primary_ip_datacenter_mismatch primary_ip_version_mismatch private_net_only_server protected " +
  "rate_limit_exceeded resolve_cloud_private_targets_error resolve_cloud_public_targets_error resource_in_use " +
  "resource_limit_exceeded resource_unavailable server_already_added server_already_attached server_error " +
  "server_has_ipv4 server_has_ipv6 server_is_load_balancer_target server_not_stopped service_error " +
  "source_port_already_used target_already_defined targets_without_use_private_ip timeout token_readonly " +
  "unauthorized unavailable uniqueness_error unsupported_error"
).split(" ");

/** Not in the document, and met: facts.md, hcloud-go's `error.go`. */
const otherCodes = (
  "bad_gateway robot_unavailable resource_locked unknown_error volume_already_attached vswitch_id_already_used " +
  "cloud_resource_ip_not_allowed missing_ipv4 server_not_attached_to_network firewall_already_removed " +
  "caa_record_does_not_allow_ca ca_dns_validation_failed ca_too_many_duplicate_certificates " +
  "could_not_verify_domain_delegated_to_zone dns_zone_not_found dns_zone_is_secondary_zone action_failed http_502"
).split(" ");

const isKnown = (code: string) => failureTable.some(({ pattern }) => pattern.test(`said so (${code}, 1f2e)`));

const document = findSpec("hetzner.json");

describe("codes of Hetzner", () => {
  test.each([...documentedCodes, ...otherCodes])("%s is in the catalogue", (code) => {
    expect(isKnown(code)).toBe(true);
  });

  test("a code that nobody has heard of is not", () => {
    expect(isKnown("brand_new_error")).toBe(false);
  });

  const note = document === undefined ? ` (${missingSpecNote("hetzner.json")})` : "";
  test.skipIf(document === undefined)(`the list here is that of the document${note}`, async () => {
    const text = await readFile(document ?? "", "utf8");
    const rows = [...text.matchAll(/\| ?`?\d{3}`? *\| *`(\w+)`/g)].map(([, code]) => code ?? "");
    expect([...new Set(rows)].toSorted()).toEqual(documentedCodes);
  });
});

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
