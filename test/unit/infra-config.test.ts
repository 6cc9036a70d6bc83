/**
 * Proves what the schemas of `stacks/` take and refuse, and which value stands when a person writes none. Cannot prove
 * that Hetzner or Cloudflare take what the schemas take.
 */
import { assert, constantFrom, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import type { z } from "zod";
import {
  cellNameSchema,
  cellSettingsSchema,
  firewallRuleSchema,
  instanceSecretsSchema,
  locationSchema,
  overrideSchema,
  serverTypeSchema,
  slugSchema,
  versionSchema,
  planIdSchema,
} from "../../infra/config.ts";
import { plansSchema, planSchema } from "../../infra/plans.ts";

const plan = {
  name: "Starter",
  summary: "One assistant.",
  stripeLookupKey: "starter-monthly",
  serverTypes: ["cx23"],
  locations: ["nbg1"],
};
const rule = { description: "game", protocol: "udp", port: "5000-5010", sourceIps: ["198.51.100.0/24"] };
const secrets = { hostKeyPrivate: "private", hostKeyPublic: "public", gatewayToken: "t".repeat(32) };

function accepts(schema: z.ZodType, value: unknown): boolean {
  return schema.safeParse(value).success;
}

/** Paths of everything that the schema has against the value. */
function complaints(schema: z.ZodType, value: unknown): string[] {
  return (schema.safeParse(value).error?.issues ?? []).map((issue) =>
    [...issue.path, ...(issue.code === "unrecognized_keys" ? issue.keys : [])].join("."),
  );
}

describe("a slug", () => {
  it.each(["a", "ab", "a1", "a-b", "a-b-c", "anna", "x9-y", "a".repeat(32)])("may be %j", (slug) => {
    expect(accepts(slugSchema, slug)).toBe(true);
  });

  it.each([
    ["empty", ""],
    ["too long", "a".repeat(33)],
    ["beginning with a digit", "1a"],
    ["beginning with a hyphen", "-a"],
    ["ending with a hyphen", "a-"],
    ["two hyphens in a row", "a--b"],
    ["punycode", "xn--a"],
    ["capitals", "Anna"],
    ["a dot, which is a cell's stack", "cell.eu"],
    ["an underscore", "a_b"],
    ["a space", "a b"],
    ["a line break at the end", "anna\n"],
    ["a path", "../a"],
    ["not ASCII", "änna"],
    ["no text", 7],
  ])("may not be %s", (_what, slug) => {
    expect(accepts(slugSchema, slug)).toBe(false);
  });

  it("is always a DNS label that is its own host name, whatever is typed", () => {
    const typed = string({ unit: constantFrom("a", "b", "9", "-", ".", "A", "_", " ", "\n"), maxLength: 40 });
    assert(
      property(typed, (text) => {
        const isLabel = /^[a-z][a-z0-9-]{0,31}$/.test(text) && !text.endsWith("\n");
        return (
          !accepts(slugSchema, text) ||
          (isLabel && new URL(`https://${text}.example`).hostname === `${text}.example`)
        );
      }),
      { numRuns: 500, seed: 1 },
    );
  });
});

describe("a word of a stack file", () => {
  it.each([
    ["cell", cellNameSchema, ["eu", "eu1", "a".repeat(16)], ["", "1eu", "eu-1", "EU", "a".repeat(17), "a.b"]],
    [
      "location",
      locationSchema,
      ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"],
      ["fsn2", "FSN1", "", "fsn1-dc14"],
    ],
    [
      "server type",
      serverTypeSchema,
      ["cx23", "cpx11", "ccx13", "cax41"],
      ["cx2", "cx233", "CX23", "cx23 ", "dx23", "cpx"],
    ],
    [
      "release",
      versionSchema,
      ["2026.9.6", "2026.12.123"],
      ["2026.9", "v2026.9.6", "2026.9.6-beta", "latest", "26.9.6", "2026.9.6;reboot"],
    ],
    ["plan id", planIdSchema, ["starter", "pro-2"], ["Starter", "2pro", "", "a_b", "__proto__"]],
  ] as const)("%s: right and wrong ones", (_what, schema, right, wrong) => {
    expect(right.filter((word) => !accepts(schema, word))).toEqual([]);
    expect(wrong.filter((word) => accepts(schema, word))).toEqual([]);
  });
});

describe("a plan", () => {
  it("needs only what cannot be guessed, and is safe in the rest", () => {
    expect(planSchema.parse(plan)).toEqual({
      ...plan,
      backups: false,
      protection: true,
      growDisk: false,
      gatewayMemoryMb: 2048,
      model: "anthropic/claude-sonnet-4-6",
      denyRuntimeTools: false,
      gatewayTasks: 512,
      workspace: {},
      healing: { rebuild: false },
      trialDays: 0,
      grace: { pastDueDays: 7, archiveAfterDays: 7, deleteAfterDays: 30 },
      offered: true,
    });
  });

  it("fills in half a grace", () => {
    expect(planSchema.parse({ ...plan, grace: { deleteAfterDays: 0 } }).grace).toEqual({
      pastDueDays: 7,
      archiveAfterDays: 7,
      deleteAfterDays: 0,
    });
  });

  it.each(Object.keys(plan))("is nothing without %s", (key) => {
    expect(complaints(planSchema, { ...plan, [key]: undefined })).toEqual([key]);
  });

  it.each([
    ["gatewayMemoryMb", { gatewayMemoryMb: 2047 }],
    ["gatewayMemoryMb", { gatewayMemoryMb: 65_537 }],
    ["gatewayMemoryMb", { gatewayMemoryMb: 2048.5 }],
    ["serverTypes", { serverTypes: [] }],
    ["serverTypes", { serverTypes: Array.from({ length: 7 }, () => "cx23") }],
    ["serverTypes.1", { serverTypes: ["cx23", "big"] }],
    ["locations", { locations: [] }],
    ["locations.0", { locations: ["mars1"] }],
    ["trialDays", { trialDays: 91 }],
    ["trialDays", { trialDays: -1 }],
    ["trialDays", { trialDays: 1.5 }],
    ["grace.pastDueDays", { grace: { pastDueDays: 61 } }],
    ["grace.deleteAfterDays", { grace: { deleteAfterDays: -1 } }],
    ["grace.days", { grace: { days: 3 } }],
    ["backups", { backups: "yes" }],
    ["name", { name: "" }],
    ["name", { name: "x".repeat(61) }],
    ["summary", { summary: "x".repeat(301) }],
    ["model", { model: "" }],
    ["colour", { colour: "red" }],
  ])("is refused over %s: %j", (path, change) => {
    expect(complaints(planSchema, { ...plan, ...change })).toEqual([path]);
  });

  it("is one of at least one", () => {
    expect(accepts(plansSchema, { starter: plan, pro: { ...plan, stripeLookupKey: "pro-monthly" } })).toBe(
      true,
    );
    expect(accepts(plansSchema, {})).toBe(false);
    expect(accepts(plansSchema, { "Not an id": plan })).toBe(false);
  });
});

describe("a cell", () => {
  it("needs only its zone and closes what nobody opened", () => {
    expect(cellSettingsSchema.parse({ zone: "claws.example.com" })).toEqual({
      account: "default",
      zone: "claws.example.com",
      customZones: [],
      networkZone: "eu-central",
      networkRange: "10.0.0.0/16",
      subnetRange: "10.0.0.0/24",
      backendPrivateIp: "10.0.0.2",
      reach: "private",
      backendPublicIps: [],
      sshPort: 22,
      image: "ubuntu-24.04",
      openclawVersion: "2026.9.6",
      capacity: 90,
      recordQuota: 200,
      dnsTags: false,
    });
  });

  it.each([
    ["zone", { zone: undefined }],
    ["zone", { zone: "example" }],
    ["zone", { zone: "https://example.com" }],
    ["zone", { zone: "Example.com" }],
    ["zone", { zone: "example.com." }],
    ["customZones", { customZones: ["firm.example", "example.com"] }],
    ["account", { account: "second-one" }],
    ["networkZone", { networkZone: "eu-west" }],
    ["networkRange", { networkRange: "10.0.0.0" }],
    ["networkRange", { networkRange: "10.0.0.0/33" }],
    ["subnetRange", { subnetRange: "fd00::/64" }],
    ["backendPrivateIp", { backendPrivateIp: "10.0.0.300" }],
    ["reach", { reach: "both" }],
    ["sshPort", { sshPort: 0 }],
    ["sshPort", { sshPort: 65_536 }],
    ["capacity", { capacity: 0 }],
    ["capacity", { capacity: 100 }],
    ["capacity", { capacity: 101, reach: "public", backendPublicIps: ["203.0.113.7/32"] }],
    ["recordQuota", { recordQuota: -1 }],
    ["open", { open: false }],
    ["backendPublicIps", { reach: "public" }],
    ["backendPublicIps.0", { reach: "public", backendPublicIps: ["203.0.113.7"] }],
    ["backendPublicIps.0", { reach: "public", backendPublicIps: ["0.0.0.0/0"] }],
    ["backendPublicIps.0", { reach: "public", backendPublicIps: ["::/0"] }],
    ["openclawVersion", { openclawVersion: "latest" }],
    ["region", { region: "eu" }],
  ])("is refused over %s: %j", (path, change) => {
    expect(complaints(cellSettingsSchema, { zone: "example.com", ...change })).toEqual([path]);
  });

  it("never takes the hundredth server of a network, which the backend needs", () => {
    expect(accepts(cellSettingsSchema, { zone: "example.com", capacity: 99 })).toBe(true);
    const outside = { reach: "public", backendPublicIps: ["203.0.113.7/32", "2001:db8::1/128"] };
    expect(accepts(cellSettingsSchema, { zone: "example.com", capacity: 100, ...outside })).toBe(true);
  });
});

describe("an override", () => {
  it("may be empty, and then changes nothing", () => {
    expect(overrideSchema.parse({})).toEqual({});
  });

  it("takes each of its keys alone", () => {
    const each = [
      { plan: "pro" },
      { serverType: "cx33" },
      { location: "hel1" },
      { openclawVersion: "2026.10.1" },
      { hold: true },
      { comped: true, plan: "pro" },
      { extraFirewallRules: [rule] },
    ];
    expect(each.map((override) => overrideSchema.parse(override))).toEqual(each);
  });

  it.each([
    ["plan", { plan: "Not an id" }],
    ["serverType", { serverType: "cx" }],
    ["location", { location: "moon" }],
    ["openclawVersion", { openclawVersion: 2026.9 }],
    ["hold", { hold: "true" }],
    ["extraFirewallRules", { extraFirewallRules: Array.from({ length: 21 }, () => rule) }],
    ["extraFirewallRules.0.port", { extraFirewallRules: [{ ...rule, port: 8443 }] }],
    ["phase", { phase: "gone" }],
    ["slug", { slug: "other" }],
    ["gatewayToken", { gatewayToken: "secret" }],
  ])("is refused over %s: %j", (path, override) => {
    expect(complaints(overrideSchema, override)).toEqual([path]);
  });
});

describe("a firewall rule of a person", () => {
  it.each([
    ["protocol", { protocol: "icmp" }],
    ["port", { port: "http" }],
    ["port", { port: "80,443" }],
    ["port", { port: "-80" }],
    ["port", { port: "80-" }],
    ["sourceIps", { sourceIps: [] }],
    ["sourceIps", { sourceIps: Array.from({ length: 101 }, () => "192.0.2.1/32") }],
    ["description", { description: "x".repeat(256) }],
    ["direction", { direction: "out" }],
  ])("is refused over %s: %j", (path, change) => {
    expect(accepts(firewallRuleSchema, rule)).toBe(true);
    expect(complaints(firewallRuleSchema, { ...rule, ...change })).toEqual([path]);
  });
});

describe("secrets of an instance", () => {
  it("take environment names that a shell and systemd take, and no others", () => {
    expect(instanceSecretsSchema.parse(secrets).environment).toEqual({});
    const named = (name: string) =>
      accepts(instanceSecretsSchema, { ...secrets, environment: { [name]: "v" } });
    expect(["ANTHROPIC_API_KEY", "A", "K2"].filter((name) => !named(name))).toEqual([]);
    expect(["a", "2A", "A-B", "A B", "A=B", "A\nB", "", "_A"].filter(named)).toEqual([]);
  });

  it("refuse a token that could be guessed", () => {
    expect(complaints(instanceSecretsSchema, { ...secrets, gatewayToken: "t".repeat(31) })).toEqual([
      "gatewayToken",
    ]);
  });
});
