/**
 * Proves that a change of one argument reaches exactly the resources that it should, that impossible arguments are refused
 * before anything is made, and that the recorder under these tests sees an output used as text. Cannot prove whether a
 * changed input means "in place" or "replace": the tests with the real engine do.
 */
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import type { AssistantInstanceArgs, InstanceCell } from "../../components/assistant-instance-args.ts";
import { AssistantInstance } from "../../components/assistant-instance.ts";
import { recordsPerInstance } from "../../components/naming.ts";
import { runInstance, toInstanceArgs } from "../../infra/instance.ts";
import type { InstanceInputs } from "../../infra/inputs.ts";
import { instanceCloud } from "../support/instance-cloud.ts";
import { makeInstanceInputs } from "../support/instance-inputs.ts";
import { recordPulumi, withoutSecrets, type Recorded } from "../support/pulumi-recorder.ts";

function usual(): AssistantInstanceArgs {
  return toInstanceArgs(makeInstanceInputs());
}

async function inputsOf(args: AssistantInstanceArgs): Promise<Map<string, Recorded["inputs"]>> {
  const recorder = await recordPulumi(instanceCloud);
  await recorder.run(() => new AssistantInstance("assistant", args, {}));
  return new Map(recorder.resources.map(({ name, inputs }) => [name, inputs]));
}

const commands = ["first-boot", "tls-request", "tls-install", "configure", "health"];
const records = ["record-a", "record-aaaa"];
const configuring = ["configure", "health"];
const rule = { description: "game", protocol: "udp", port: "5000", sourceIps: ["192.0.2.0/24"] } as const;

type Change = [what: string, change: Partial<AssistantInstanceArgs>, touched: string[]];
const changes: Change[] = [
  ["nothing", {}, []],
  ["id", { id: "01j9other" }, ["firewall", "server", ...records]],
  [
    "slug",
    { slug: "bert" },
    ["firewall", "server", ...records, "tls-request", "tls-certificate", ...configuring],
  ],
  ["serverType", { serverType: "cx33" }, ["server"]],
  ["location", { location: "hel1" }, ["server"]],
  ["privateIp", { privateIp: "10.0.0.8" }, ["network", ...commands]],
  ["phase", { phase: "suspended" }, configuring],
  ["backups", { backups: true }, ["server"]],
  ["protection", { protection: false }, ["server"]],
  [
    "extraFirewallRules",
    { extraFirewallRules: [{ ...rule, sourceIps: [...rule.sourceIps] }] },
    ["firewall", ...configuring],
  ],
  ["openclawVersion", { openclawVersion: "2026.10.1" }, configuring],
  ["gatewayMemoryMb", { gatewayMemoryMb: 4096 }, configuring],
  ["gatewayTasks", { gatewayTasks: 1024 }, configuring],
  ["workspace", { workspace: { "AGENTS.md": "be kind" } }, configuring],
  ["model", { model: "other/model" }, configuring],
  ["denyRuntimeTools", { denyRuntimeTools: true }, configuring],
  ["healthTimeoutMs", { healthTimeoutMs: 5000 }, ["health"]],
];

type CellChange = [what: string, change: Partial<InstanceCell>, touched: string[]];
const cellChanges: CellChange[] = [
  ["name", { name: "eu2" }, ["firewall", "server"]],
  ["subnetId", { subnetId: "12-10.0.0.0/24" }, ["network"]],
  ["sshKeyId", { sshKeyId: "23" }, ["server"]],
  ["zoneId", { zoneId: "f".repeat(32) }, records],
  ["zone", { zone: "other.example" }, [...records, "tls-request", "tls-certificate", ...configuring]],
  ["reach", { reach: "public", backendPublicIps: ["198.51.100.1/32"] }, ["firewall", "server", ...commands]],
  ["backendPublicIps of a private cell", { backendPublicIps: ["198.51.100.1/32"] }, []],
  ["sshPort", { sshPort: 2222 }, ["server", ...commands]],
  ["image", { image: "debian-13" }, ["server"]],
  ["openclawVersion", { openclawVersion: "2026.10.1" }, ["server"]],
  ["cloudflareRanges", { cloudflareRanges: ["104.16.0.0/13"] }, ["firewall"]],
  ["dnsTags", { dnsTags: true }, records],
];

type SecretChange = [what: string, change: Partial<AssistantInstanceArgs["secrets"]>, touched: string[]];
const secretChanges: SecretChange[] = [
  ["hostKeyPrivate", { hostKeyPrivate: "another" }, ["server"]],
  ["hostKeyPublic", { hostKeyPublic: "ssh-ed25519 another" }, ["server", ...commands]],
  ["sshPrivateKey", { sshPrivateKey: "another" }, commands],
  ["gatewayToken", { gatewayToken: "another-token-another-token-another" }, configuring],
  ["environment", { environment: { TELEGRAM_BOT_TOKEN: "another" } }, configuring],
];

describe("a change", () => {
  let before: Map<string, Recorded["inputs"]>;
  beforeAll(async () => {
    before = await inputsOf(usual());
  });

  async function touchedBy(args: AssistantInstanceArgs): Promise<string[]> {
    const after = await inputsOf(args);
    expect([...after.keys()].toSorted()).toEqual([...before.keys()].toSorted());
    return [...after].filter(([name, inputs]) => !same(inputs, before.get(name))).map(([name]) => name);
  }

  it.each(changes)("of %s reaches what it must and nothing else", async (_what, change, touched) => {
    expect((await touchedBy({ ...usual(), ...change })).toSorted()).toEqual(touched.toSorted());
  });

  it.each(cellChanges)(
    "of the cell's %s reaches what it must and nothing else",
    async (_what, change, touched) => {
      const args = usual();
      const changed = await touchedBy({ ...args, cell: { ...args.cell, ...change } });
      expect(changed.toSorted()).toEqual(touched.toSorted());
    },
  );

  it.each(secretChanges)("of %s reaches what it must and nothing else", async (_what, change, touched) => {
    const args = usual();
    const changed = await touchedBy({ ...args, secrets: { ...args.secrets, ...change } });
    expect(changed.toSorted()).toEqual(touched.toSorted());
  });
});

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

describe("a secret that a caller hands over in the open", () => {
  it("is a secret all the same in every input that holds it", async () => {
    const inputs = await inputsOf({
      ...usual(),
      secrets: {
        hostKeyPrivate: "open-host-key",
        hostKeyPublic: "ssh-ed25519 public",
        sshPrivateKey: "open-ssh-key",
        gatewayToken: "open-gateway-token",
        environment: { KEY: "open-customer-key" },
      },
    });
    const whole = JSON.stringify([...inputs.values()]);
    const open = JSON.stringify([...inputs.values()].map(withoutSecrets));
    const secrets = ["open-host-key", "open-ssh-key", "open-gateway-token", "open-customer-key"];
    expect(secrets.filter((secret) => !whole.includes(secret))).toEqual([]);
    expect(secrets.filter((secret) => open.includes(secret))).toEqual([]);
  });
});

describe("a cell that is reached in public", () => {
  it("opens SSH to the backend alone and dials the server's own address", async () => {
    const args = usual();
    const cell: InstanceCell = {
      ...args.cell,
      reach: "public",
      backendPublicIps: ["198.51.100.1/32"],
      sshPort: 2222,
      dnsTags: true,
    };
    const inputs = await inputsOf({ ...args, cell });
    expect(inputs.get("firewall")?.["rules"]).toMatchObject([
      { port: "443" },
      { port: "2222", sourceIps: ["198.51.100.1/32"] },
    ]);
    expect(inputs.get("health")?.["connection"]).toMatchObject({ secret: { host: "192.0.2.1", port: 2222 } });
    expect(inputs.get("record-a")?.["tags"]).toEqual(["clawfleet:01j9instance"]);
  });
});

describe("arguments that cannot be", () => {
  const { cell } = makeInstanceInputs();
  it.each<[string, Partial<InstanceInputs>, string[]]>([
    ["a slug that is no name", { slug: "Anna" }, ["slug"]],
    ["a server type that is none", { placement: { serverType: "huge", location: "nbg1" } }, ["serverType"]],
    [
      "SSH in public for nobody",
      { cell: { ...cell, settings: { ...cell.settings, reach: "public" } } },
      ["cell.backendPublicIps"],
    ],
    [
      "no ranges of Cloudflare",
      { cell: { ...cell, outputs: { ...cell.outputs, cloudflareRanges: [] } } },
      ["cell.cloudflareRanges"],
    ],
    [
      "two mistakes at once",
      { slug: "-", placement: { serverType: "", location: "nbg1" } },
      ["slug", "serverType"],
    ],
  ])("are refused with their path before anything is made: %s", async (_what, change, paths) => {
    const recorder = await recordPulumi(instanceCloud);
    const error = await recorder.run(() => {
      try {
        return new AssistantInstance("assistant", toInstanceArgs(makeInstanceInputs(change)), {});
      } catch (thrown) {
        return thrown;
      }
    });
    expect(error).toBeInstanceOf(pulumi.InputPropertiesError);
    const { errors, message } = error as pulumi.InputPropertiesError;
    expect(errors?.map(({ propertyPath }) => propertyPath)).toEqual(paths);
    for (const path of paths) expect(message).toContain(`${path}: `);
    expect(recorder.resources.map(({ name }) => name)).toEqual(["assistant"]);
  });
});

describe("the recorder", () => {
  it.each(["secret", "output"] as const)("rejects an input that holds a %s as text", async (kind) => {
    const recorder = await recordPulumi(instanceCloud);
    const text = pulumi[kind]("x");
    // oxlint-disable-next-line typescript/no-base-to-string -- the very mistake that has to be seen
    const args = { ...usual(), model: `model ${String(text)}` };
    await expect(recorder.run(() => new AssistantInstance("assistant", args, {}))).rejects.toThrow(
      "inputs of configure hold an output as text",
    );
  });
});

describe("an instance that was ready once", () => {
  it("keeps its server when the provider reports a failed change as a failed creation", async () => {
    const recorder = await recordPulumi(instanceCloud);
    await recorder.run(() => runInstance(makeInstanceInputs({ established: true })));
    expect(recorder.find("server").options).toMatchObject({ deleteBeforeReplace: true });
    expect(recorder.find("server").options.replaceOnChanges ?? []).toEqual([]);
  });
});

it("takes as many records of its zone as placement counts for it", async () => {
  const recorder = await recordPulumi(instanceCloud);
  await recorder.run(() => new AssistantInstance("assistant", usual(), {}));
  expect(recorder.resources.filter(({ type }) => type.includes("DnsRecord"))).toHaveLength(
    recordsPerInstance,
  );
});
