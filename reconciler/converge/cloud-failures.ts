/**
 * The part of the failure table that the clouds' answers lead to. Sources of the codes: Hetzner's OpenAPI document, hcloud-go
 * `error.go`, Cloudflare's lists of DNS and API errors. Pure.
 */
import type { Blocker, Retry } from "../errors.ts";
import type { FailureRow } from "./failure-row.ts";

const now: Retry = { kind: "now" };
const retryable: Retry = { kind: "retryable" };
const permanent: Retry = { kind: "permanent" };
const blockedBy = (by: Blocker): Retry => ({ kind: "blocked", by });

/** hcloud-go ends an error with `(code, correlation id)` or `(code)`. */
const hetzner = (...codes: string[]): RegExp => new RegExp(`\\((?:${codes.join("|")})(?:, [^)]*)?\\)`);
/** cloudflare-go shows the answer's body. */
const cloudflare = (...codes: number[]): RegExp => new RegExp(`"code"\\s*:\\s*(?:${codes.join("|")})\\b`);
/** Go's HTTP client names the address and then what became of the request. */
const noAnswer = "(?:dial tcp|read|EOF|unexpected EOF|context deadline|i/o timeout|net/http|no answer)";

export const cloudFailures: readonly FailureRow[] = [
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
    retry: blockedBy("hetzner-limit"),
    remedy: "ask Hetzner for a higher limit of this project, or open a cell in another account",
  },
  {
    pattern: hetzner("rate_limit_exceeded"),
    code: "cloud_unavailable",
    retry: blockedBy("hetzner"),
    remedy: "nothing: the budget of this project refills at one request a second",
  },
  {
    pattern: hetzner("unauthorized", "forbidden", "token_readonly"),
    code: "cloud_unavailable",
    retry: blockedBy("hetzner"),
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
      "robot_unavailable",
      "unknown_error",
      "http_5\\d\\d",
    ),
    code: "cloud_unavailable",
    retry: blockedBy("hetzner"),
    remedy: "nothing: it is Hetzner's; see their status page if it lasts",
  },
  {
    pattern: hetzner("conflict"),
    code: "engine_failed",
    retry: now,
    remedy: "nothing: the object changed during the request, and it is asked again",
  },
  {
    pattern: hetzner(
      "locked",
      "action_failed",
      "server_not_stopped",
      "resource_in_use",
      "must_be_unassigned",
    ),
    code: "engine_failed",
    retry: retryable,
    remedy: "nothing: something else is under way on this object; it is tried again",
  },
  {
    pattern: hetzner(
      "not_found",
      "\\w+_already_(?:attached|applied|removed|added|assigned|defined)",
      "already_in_placement_group",
      "(?:primary|floating)_ip_assigned",
      "firewall_resource_not_found",
      "server_has_ipv[46]",
      "server_not_attached_to_network",
    ),
    code: "engine_failed",
    retry: retryable,
    remedy: "nothing: cloud and state differ; if it lasts: fleet apply <name> --refresh",
  },
  {
    pattern: hetzner("ip_not_available", "no_subnet_available"),
    code: "conflict",
    retry: retryable,
    remedy:
      "the cell's subnet is full or somebody else has the address: look at the network's members at Hetzner",
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
    pattern: hetzner("resource_locked"),
    code: "cloud_unavailable",
    retry: permanent,
    remedy: "Hetzner has locked this object: ask their support, then apply again",
  },
  {
    pattern: hetzner("deprecated_api_endpoint", "method_not_allowed"),
    code: "internal",
    retry: permanent,
    remedy: "Hetzner has removed what we call: upgrade Clawfleet, then apply again",
  },
  {
    pattern: hetzner(
      "invalid_\\w+",
      "unsupported_error",
      "json_error",
      "networks_overlap",
      "primary_ip_\\w+_mismatch",
      "firewall_managed_by_label_selector",
      "private_net_only_server",
      "incompatible_network_type",
      "incorrect_zone_mode",
      // Of load balancers, vSwitches and managed certificates, which only somebody else can have put there.
      "load_balancer_\\w+",
      "server_is_load_balancer_target",
      "\\w*target\\w*_(?:private_ip|error)",
      "source_port_already_used",
      "(?:cloud_resource_)?ip_not_(?:owned|allowed|in_vswitch_subnet)",
      "missing_ipv4",
      "vswitch_id_already_used",
      "network_has_no_vswitch_subnet",
      "caa?_\\w+",
      "could_not_verify_domain_delegated_to_zone",
      "dns_zone_\\w+",
    ),
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
    pattern: cloudflare(81_044, 1101),
    code: "engine_failed",
    retry: retryable,
    remedy: "nothing: cloud and state differ; if it lasts: fleet apply <name> --refresh",
  },
  {
    pattern: cloudflare(81_045),
    code: "cloud_unavailable",
    retry: blockedBy("cloudflare-quota"),
    remedy: "the zone is full: choose a larger Cloudflare plan or open a cell with another zone",
  },
  {
    pattern: cloudflare(971, 10_429),
    code: "cloud_unavailable",
    retry: blockedBy("cloudflare"),
    remedy: "nothing: Cloudflare throttles this token for up to five minutes",
  },
  {
    pattern: cloudflare(10_000, 10_001, 9106, 9109, 6003, 6103, 6111),
    code: "cloud_unavailable",
    retry: blockedBy("cloudflare"),
    remedy:
      "replace the Cloudflare token of this account by one with the rights that docs/operations.md names",
  },
  {
    pattern: cloudflare(1001, 1003, 7000, 7003),
    code: "config_invalid",
    retry: permanent,
    remedy:
      "the zone of this cell is not one of this Cloudflare account: correct the cell's file, apply again",
  },
  {
    pattern: cloudflare(1004, 1010, 9000, 9003, 9004, 9005, 9006, 9009, 9021, 9300, 9301),
    code: "input_invalid",
    retry: permanent,
    remedy:
      "Cloudflare refuses what the cell or the override asks for: correct it in stacks/, then apply again",
  },
  {
    pattern: new RegExp(`/client/v4/.*: 5\\d\\d |/client/v4/[^"]*": .*${noAnswer}`, "s"),
    code: "cloud_unavailable",
    retry: blockedBy("cloudflare"),
    remedy: "nothing: it is Cloudflare's; see their status page if it lasts",
  },
  {
    pattern: new RegExp(`/v1/[^"]*": .*${noAnswer}`),
    code: "cloud_unavailable",
    retry: blockedBy("hetzner"),
    remedy:
      "nothing: Hetzner did not answer; see their status page, and whether this machine's network is well",
  },
];
