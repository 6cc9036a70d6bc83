/**
 * Proves whose word counts when plan, placement, override and cell say different things, and that every secret leaves the
 * inputs as a Pulumi secret. Cannot prove what the component makes of its arguments: assistant-instance.test.ts does.
 */
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import type { AssistantInstanceArgs } from "../../components/assistant-instance-args.ts";
import { cellSettingsSchema, type CellSettings } from "../../infra/config.ts";
import { toInstanceArgs } from "../../infra/instance.ts";
import type { InstanceInputs } from "../../infra/inputs.ts";
import { hostKeyPublic, instanceSecrets, makeInstanceInputs, makePlan } from "../support/instance-inputs.ts";

function withSettings(change: Partial<CellSettings>): Partial<InstanceInputs> {
  const { cell } = makeInstanceInputs();
  return { cell: { ...cell, settings: { ...cell.settings, ...change } } };
}

describe("toInstanceArgs", () => {
  it("finds the zone of a customer's own domain among those that the cell has looked up", () => {
    const { cell } = makeInstanceInputs();
    const outputs = { ...cell.outputs, customZones: { "firm.example": "f1", "ai.firm.example": "f2" } };
    const domainIn = (customDomain: string) =>
      toInstanceArgs(makeInstanceInputs({ cell: { ...cell, outputs }, override: { customDomain } }))
        .customDomain;
    expect(domainIn("help.firm.example")).toEqual({
      name: "help.firm.example",
      zone: "firm.example",
      zoneId: "f1",
    });
    expect(domainIn("ai.firm.example")).toMatchObject({ zone: "ai.firm.example", zoneId: "f2" });
    expect(() => domainIn("notfirm.example")).toThrow(
      "the domain notfirm.example of anna is in no zone that the cell eu1 has looked up (firm.example, ai.firm.example)",
    );
  });

  it("gives every argument its value", () => {
    const { secrets, ...args } = toInstanceArgs(makeInstanceInputs());
    expect(args).toEqual({
      id: "01j9instance",
      slug: "anna",
      cell: {
        name: "eu1",
        subnetId: "11-10.0.0.0/24",
        sshKeyId: "22",
        zoneId: "0123456789abcdef0123456789abcdef",
        zone: "claws.example",
        reach: "private",
        backendPrivateIp: "10.0.0.2",
        backendPublicIps: [],
        sshPort: 22,
        image: "ubuntu-24.04",
        openclawVersion: "2026.9.6",
        cloudflareRanges: ["173.245.48.0/20", "2400:cb00::/32"],
        dnsTags: false,
      },
      serverType: "cx23",
      location: "nbg1",
      privateIp: "10.0.0.7",
      replaceUnfinished: true,
      phase: "running",
      growDisk: false,
      backups: false,
      protection: true,
      extraFirewallRules: [],
      openclawVersion: "2026.9.6",
      gatewayMemoryMb: 2048,
      gatewayTasks: 512,
      workspace: {},
      model: "anthropic/claude-sonnet-4-6",
      denyRuntimeTools: false,
    });
    expect(secrets.hostKeyPublic).toBe(hostKeyPublic);
  });

  const rule = { description: "game", protocol: "udp" as const, port: "5000", sourceIps: ["192.0.2.0/24"] };
  it.each<[string, Partial<InstanceInputs>, Partial<AssistantInstanceArgs>]>([
    [
      "the placement beats the plan's first choice",
      { placement: { serverType: "cx33", location: "hel1" } },
      { serverType: "cx33", location: "hel1" },
    ],
    [
      "an override beats the placement in what it names",
      { override: { serverType: "cx43" } },
      { serverType: "cx43", location: "nbg1" },
    ],
    [
      "an override may name the location alone",
      { override: { location: "sin" } },
      { serverType: "cx23", location: "sin" },
    ],
    [
      "the cell says which release",
      withSettings({ openclawVersion: "2026.10.2" }),
      { openclawVersion: "2026.10.2" },
    ],
    [
      "an override's release beats the cell's",
      { override: { openclawVersion: "2026.8.1" } },
      { openclawVersion: "2026.8.1" },
    ],
    [
      "an override's firewall rules are added",
      { override: { extraFirewallRules: [rule] } },
      { extraFirewallRules: [rule] },
    ],
    [
      "the plan decides what it alone knows",
      {
        plan: makePlan({
          backups: true,
          protection: false,
          gatewayMemoryMb: 4096,
          model: "other/model",
          denyRuntimeTools: true,
        }),
      },
      {
        backups: true,
        protection: false,
        gatewayMemoryMb: 4096,
        model: "other/model",
        denyRuntimeTools: true,
      },
    ],
    ["a suspended instance keeps its machine", { phase: "suspended" }, { phase: "suspended" }],
  ])("%s", (_what, change, expected) => {
    expect(toInstanceArgs(makeInstanceInputs(change))).toMatchObject(expected);
  });

  it("installs a new machine with the cell's release whatever the override says, so that spares are alike", () => {
    const args = toInstanceArgs(makeInstanceInputs({ override: { openclawVersion: "2026.8.1" } }));
    expect(args.cell.openclawVersion).toBe("2026.9.6");
  });

  it("hands on how the cell is reached", () => {
    const change = {
      reach: "public",
      backendPublicIps: ["192.0.2.9/32"],
      sshPort: 2222,
      image: "12345",
      dnsTags: true,
    } as const;
    const args = toInstanceArgs(
      makeInstanceInputs(withSettings({ ...change, backendPublicIps: ["192.0.2.9/32"] })),
    );
    expect(args.cell).toMatchObject(change);
  });

  it("takes the zone from what the cell's stack found, not from what was asked for", () => {
    const { cell } = makeInstanceInputs();
    const settings = cellSettingsSchema.parse({ zone: "renamed.example" });
    expect(toInstanceArgs(makeInstanceInputs({ cell: { ...cell, settings } })).cell.zone).toBe(
      "claws.example",
    );
  });

  it.each(["archived", "gone"] as const)(
    "has none for an instance that is %s: its stack is destroyed",
    (phase) => {
      expect(() => toInstanceArgs(makeInstanceInputs({ phase }))).toThrow(
        new RangeError(`anna is ${phase}: its stack is destroyed, not updated`),
      );
    },
  );

  it("marks every secret as one", async () => {
    const { secrets } = toInstanceArgs(makeInstanceInputs());
    const found = await Promise.all(
      [secrets.hostKeyPrivate, secrets.sshPrivateKey, secrets.gatewayToken, secrets.environment].map(
        async (input) => {
          const output: pulumi.Output<unknown> = pulumi.output<unknown>(input);
          const value = await new Promise((resolve) => output.apply(resolve));
          return { secret: await pulumi.isSecret(output), value };
        },
      ),
    );
    expect(found).toEqual([
      { secret: true, value: instanceSecrets.hostKeyPrivate },
      { secret: true, value: instanceSecrets.sshPrivateKey },
      { secret: true, value: instanceSecrets.gatewayToken },
      { secret: true, value: { ANTHROPIC_API_KEY: instanceSecrets.anthropicKey } },
    ]);
  });

  it("shows no secret outside of a Pulumi secret", () => {
    const { secrets, ...args } = toInstanceArgs(makeInstanceInputs());
    const text = JSON.stringify({ ...args, hostKeyPublic: secrets.hostKeyPublic });
    for (const secret of Object.values(instanceSecrets))
      expect(text).not.toContain(secret.trim().split("\n").at(1) ?? secret);
  });
});
