/**
 * Proves against the simulated clouds what `fleet doctor` says of an account's tokens, and that looking changes nothing. That the
 * real clouds refuse an empty body after they have looked at the rights is theirs; the simulated ones do as their documents say.
 */
import { describe, expect, test } from "vitest";
import { checkAccount } from "../../reconciler/cloud/account-check.ts";
import { defaultToken, startCloudflare } from "../sandbox/cloudflare/cloudflare.ts";
import type { Token, ZoneStatus } from "../sandbox/cloudflare/model.ts";
import { startHetzner } from "../sandbox/hetzner/hetzner.ts";

const [good, looking] = ["t".repeat(64), "r".repeat(64)];

type World = {
  hetzner?: string;
  cloudflare?: Token;
  zones?: string[];
  /** Beside claws.example, as its registrar has it. */
  firm?: ZoneStatus;
};

async function check({
  hetzner: token = good,
  cloudflare: given,
  zones = ["claws.example"],
  firm,
}: World = {}) {
  const hetzner = await startHetzner({
    tokens: [good, { token: looking, project: "other", readOnly: true }],
  });
  const options = given ? { tokens: [given] } : {};
  const others = firm === undefined ? [] : [{ name: "firm.example", status: firm }];
  const cloudflare = await startCloudflare({ zones: [{ name: "claws.example" }, ...others], ...options });
  try {
    const checks = await checkAccount({
      account: "default",
      zones,
      access: {
        hetzner: { baseUrl: hetzner.url, token, fetch },
        cloudflare: { baseUrl: cloudflare.url, token: given?.value ?? defaultToken, fetch },
      },
    });
    expect(hetzner.project().counts().sshKeys).toBe(0);
    expect(cloudflare.recordsNamed("claws.example")).toEqual([]);
    return checks;
  } finally {
    await hetzner.close();
    await cloudflare.close();
  }
}

const illOf = (checks: Awaited<ReturnType<typeof check>>) =>
  checks.filter(({ well }) => !well).map(({ check: name, detail, remedy }) => [name, detail, remedy]);

describe("an account", () => {
  test("with the rights that it needs is well, and says how much is left", async () => {
    const checks = await check();
    expect(illOf(checks)).toEqual([]);
    expect(checks.map(({ check: name }) => name)).toEqual([
      "hetzner default token",
      "hetzner default rights",
      "hetzner default limits",
      "cloudflare default claws.example token",
      "cloudflare default claws.example DNS",
      "cloudflare default claws.example records",
      "cloudflare default claws.example certificates",
    ]);
    expect(checks[2]?.detail).toMatch(/^0 servers; \d+ of 3600 requests left this hour$/);
  });

  test("whose Hetzner token may only look is told what to make instead", async () => {
    expect(illOf(await check({ hetzner: looking }))).toEqual([
      ["hetzner default rights", "it may only look", expect.stringContaining("read and write")],
    ]);
  });

  test("whose tokens are refused is told so, and nothing more is asked", async () => {
    const dead = { value: "d".repeat(40), canEdit: true, status: "disabled" } as const;
    expect(illOf(await check({ hetzner: "x".repeat(64), cloudflare: dead }))).toEqual([
      ["hetzner default token", "it is refused (401)", expect.stringContaining("HCLOUD_TOKEN")],
      ["cloudflare default claws.example token", expect.stringContaining("refused"), expect.any(String)],
    ]);
  });

  test("whose Cloudflare token may only look, or sees another zone, is told which right is missing", async () => {
    const timid = { value: "c".repeat(40), canEdit: false, status: "active" } as const;
    expect(illOf(await check({ cloudflare: timid }))).toEqual([
      ["cloudflare default claws.example records", "it may only look", expect.stringContaining("DNS edit")],
      ["cloudflare default claws.example certificates", "it may only look", expect.stringContaining("SSL")],
    ]);
    expect(illOf(await check({ zones: ["elsewhere.example"] }))).toEqual([
      [
        "cloudflare default elsewhere.example token",
        "the token sees no zone elsewhere.example",
        expect.stringContaining("CLOUDFLARE_API_TOKEN"),
      ],
    ]);
  });

  const whole = { value: "c".repeat(40), canEdit: true, status: "active" } as const;
  test.each<[string, World, unknown[]]>([
    ["with one token for both is well", { firm: "active" }, []],
    [
      "whose token is not for the second is told that zone",
      { firm: "active", cloudflare: { ...whole, zones: ["claws.example"] } },
      [["cloudflare default firm.example token", "the token sees no zone firm.example"]],
    ],
    [
      "whose second is not delegated yet is told the name servers",
      { firm: "pending" },
      [["cloudflare default firm.example DNS", "it is pending: its names are not answered"]],
    ],
  ])("with a zone of its own and one of a customer's %s", async (_what, world, ill) => {
    const checks = await check({ ...world, zones: ["claws.example", "firm.example"] });
    expect(illOf(checks).map(([name, detail]) => [name, detail])).toEqual(ill);
  });

  test("whose clouds do not answer is not well, and nothing is thrown", async () => {
    const nowhere = { baseUrl: "http://127.0.0.1:9", token: "t", fetch };
    const input = {
      account: "second",
      zones: ["a.example"],
      access: { hetzner: nowhere, cloudflare: nowhere },
    };
    expect(illOf(await checkAccount(input))).toEqual([
      ["hetzner second token", "nobody answers", expect.any(String)],
      ["cloudflare second a.example token", "nobody answers", expect.any(String)],
    ]);
  });
});
