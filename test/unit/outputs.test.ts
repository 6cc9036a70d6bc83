/**
 * Proves what a stack's outputs must hold before anybody builds on them. Cannot prove that the program gives them; the
 * component tests and the real engine do.
 */
import { describe, expect, it } from "vitest";
import { cellOutputsSchema, instanceOutputsSchema, knownHosts } from "../../infra/outputs.ts";

const cell = {
  networkId: "1",
  subnetId: "1-10.0.0.0/24",
  sshKeyId: "7",
  zoneId: "0".repeat(32),
  zoneName: "example.com",
  cloudflareRanges: ["173.245.48.0/20", "2400:cb00::/32"],
};
const instance = {
  serverId: "42",
  serverType: "cx23",
  location: "nbg1",
  ipv4: "192.0.2.1",
  ipv6: "2001:db8::1",
  privateIp: "10.0.0.3",
  url: "https://anna.example.com",
  openclawVersion: "2026.9.6",
  health: "started 2026.9.6",
};

describe.each([
  [
    "a cell",
    cellOutputsSchema,
    cell,
    { customZones: { "firm.example": "1".repeat(32) } },
    { customZones: {} },
  ],
  ["an instance", instanceOutputsSchema, instance, { hosts: ["anna.example.com"] }, { hosts: [] }],
])("outputs of %s", (_what, schema, whole, added, before) => {
  it("are taken whole", () => {
    expect(schema.parse({ ...whole, ...added })).toEqual({ ...whole, ...added });
  });

  it("are read as they were before there were domains of customers' own", () => {
    expect(schema.parse(whole)).toEqual({ ...whole, ...before });
  });

  it.each(Object.keys(whole))("are refused without %s, as those of a half-made stack are", (name) => {
    expect(
      schema.safeParse({ ...whole, [name]: undefined }).error?.issues.map((issue) => issue.path),
    ).toEqual([[name]]);
  });

  it.each(Object.keys(whole))("are refused when %s is a number", (name) => {
    expect(schema.safeParse({ ...whole, [name]: 5 }).success).toBe(false);
  });

  it("may grow without breaking those who read them", () => {
    expect(schema.parse({ ...whole, later: true })).toEqual({ ...whole, ...before });
  });

  it.each([undefined, null, {}, "[secret]"])("are refused when the stack gave %j", (given) => {
    expect(schema.safeParse(given).success).toBe(false);
  });
});

describe("outputs of a cell", () => {
  it("are refused without any of Cloudflare's ranges, since nobody would reach 443", () => {
    expect(cellOutputsSchema.safeParse({ ...cell, cloudflareRanges: [] }).success).toBe(false);
  });
});

it("of an instance from before there were several names know it by its address", () => {
  const old = instanceOutputsSchema.parse(instance);
  const hosts = ["anna.example.com", "ai.firm.example"];
  expect([knownHosts(old), knownHosts({ ...old, hosts })]).toEqual([["anna.example.com"], hosts]);
});
