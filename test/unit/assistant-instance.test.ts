/**
 * Proves which resources an instance consists of, with exactly which inputs and options, in which order, and that no secret
 * stands in the open. Cannot prove what the engine or the clouds do with them: the tests with the real engine do.
 */
import * as pulumi from "@pulumi/pulumi";
import { beforeAll, describe, expect, it } from "vitest";
import { remoteScripts } from "../../cloud-init/files.ts";
import { bashCommand, nodeCommand } from "../../cloud-init/remote-command.ts";
import { runInstance } from "../../infra/instance.ts";
import type { InstanceInputs } from "../../infra/inputs.ts";
import { instanceCloud } from "../support/instance-cloud.ts";
import { hostKeyPublic, instanceSecrets, makeInstanceInputs } from "../support/instance-inputs.ts";
import { recordPulumi, withoutSecrets, type Recorder } from "../support/pulumi-recorder.ts";

async function record(inputs: InstanceInputs): Promise<Recorder> {
  const recorder = await recordPulumi(instanceCloud);
  await recorder.run(() => runInstance(inputs));
  return recorder;
}

const labels = {
  "managed-by": "clawfleet",
  "clawfleet-instance": "01j9instance",
  "clawfleet-slug": "anna",
  "clawfleet-cell": "eu1",
};
const connection = {
  secret: {
    host: "10.0.0.7",
    port: 22,
    user: "root",
    privateKey: instanceSecrets.sshPrivateKey,
    hostKey: hostKeyPublic,
    dialErrorLimit: 100,
    perDialTimeout: 15,
  },
};
const command = { addPreviousOutputInEnv: false, connection, triggers: ["42"] };
const dnsRecord = {
  zoneId: "0123456789abcdef0123456789abcdef",
  name: "anna.claws.example",
  proxied: true,
  ttl: 1,
  comment: "clawfleet instance 01j9instance",
};
const anyText: unknown = expect.any(String);

type Expected = [type: string, name: string, provider: string, inputs: object];
const expected: Expected[] = [
  [
    "hcloud:index/firewall:Firewall",
    "firewall",
    "hcloud",
    {
      name: "cf-anna",
      labels,
      rules: [
        {
          direction: "in",
          protocol: "tcp",
          port: "443",
          sourceIps: ["173.245.48.0/20", "2400:cb00::/32"],
          description: "https from cloudflare",
        },
      ],
    },
  ],
  [
    "hcloud:index/server:Server",
    "server",
    "hcloud",
    {
      name: "cf-anna",
      serverType: "cx23",
      keepDisk: true,
      location: "nbg1",
      image: "ubuntu-24.04",
      labels,
      sshKeys: ["22"],
      firewallIds: [77],
      backups: false,
      deleteProtection: true,
      rebuildProtection: true,
      userData: { secret: anyText },
    },
  ],
  [
    "hcloud:index/serverNetwork:ServerNetwork",
    "network",
    "hcloud",
    { serverId: 42, subnetId: "11-10.0.0.0/24", ip: "10.0.0.7" },
  ],
  [
    "cloudflare:index/dnsRecord:DnsRecord",
    "record-a",
    "cloudflare",
    { ...dnsRecord, type: "A", content: "192.0.2.1" },
  ],
  [
    "cloudflare:index/dnsRecord:DnsRecord",
    "record-aaaa",
    "cloudflare",
    { ...dnsRecord, type: "AAAA", content: "2001:db8::1" },
  ],
  [
    "command:remote:Command",
    "first-boot",
    "",
    { ...command, create: bashCommand(remoteScripts.waitFirstBoot) },
  ],
  [
    "command:remote:Command",
    "tls-request",
    "",
    {
      ...command,
      create: nodeCommand(remoteScripts.tlsRequest),
      logging: "stderr",
      stdin: '{"host":"anna.claws.example","folder":"/etc/caddy/tls"}',
    },
  ],
  [
    "cloudflare:index/originCaCertificate:OriginCaCertificate",
    "tls-certificate",
    "cloudflare",
    {
      csr: "a certificate request",
      hostnames: ["anna.claws.example"],
      requestType: "origin-ecc",
      requestedValidity: 5475,
    },
  ],
  [
    "command:remote:Command",
    "tls-install",
    "",
    {
      ...command,
      create: nodeCommand(remoteScripts.tlsInstall),
      stdin: '{"certificate":"a certificate","folder":"/etc/caddy/tls"}',
    },
  ],
  [
    "command:remote:Command",
    "configure",
    "",
    {
      ...command,
      create: nodeCommand(remoteScripts.configure),
      stdin: { secret: anyText },
      logging: "stderr",
    },
  ],
  [
    "command:remote:Command",
    "health",
    "",
    { ...command, create: nodeCommand(remoteScripts.health), stdin: { secret: anyText }, logging: "stderr" },
  ],
];

describe("an instance", () => {
  let recorder: Recorder;
  let outputs: ReturnType<typeof runInstance>;

  beforeAll(async () => {
    recorder = await recordPulumi(instanceCloud);
    outputs = await recorder.run(() => runInstance(makeInstanceInputs()));
  });

  it.each(expected)("has one %s called %s with exactly these inputs", (type, name, provider, inputs) => {
    const found = recorder.find(name);
    const seen = { type: found.type, inputs: found.inputs, provider: found.provider, parent: found.parent };
    expect(seen).toEqual({
      type,
      inputs,
      provider,
      parent: "assistant",
    });
  });

  it("has nothing else but itself and its providers", () => {
    const known = new Set(expected.map(([, name]) => name));
    const others = recorder.resources.filter((resource) => !known.has(resource.name));
    expect(others.map(({ type, name, parent }) => [type, name, parent].join(" ")).toSorted()).toEqual([
      "clawfleet:index:AssistantInstance assistant ",
      "pulumi:providers:cloudflare cloudflare ",
      "pulumi:providers:hcloud hcloud ",
    ]);
  });

  it("has names that do not depend on the customer, so that a claimed spare replaces nothing", async () => {
    const other = await record(makeInstanceInputs({ slug: "bert", id: "01j9other" }));
    const names = (of: Recorder) => of.resources.map((resource) => resource.name).toSorted();
    expect(names(other)).toEqual(names(recorder));
  });

  it.each<[name: string, options: object]>([
    ["firewall", {}],
    [
      "server",
      {
        ignoreChanges: ["image", "userData", "sshKeys"],
        replaceOnChanges: ["#initerror"],
        deleteBeforeReplace: true,
      },
    ],
    ["network", { deleteBeforeReplace: true }],
    ["record-a", { deleteBeforeReplace: true }],
    ["record-aaaa", { deleteBeforeReplace: true }],
    ["tls-certificate", {}],
    ["first-boot", { replaceOnChanges: ["triggers[*]"] }],
    ["tls-request", { replaceOnChanges: ["triggers[*]"] }],
    ["tls-install", { replaceOnChanges: ["triggers[*]"] }],
    ["configure", { replaceOnChanges: ["triggers[*]"] }],
    ["health", { replaceOnChanges: ["triggers[*]"] }],
  ])("registers %s with the options that its traps need", (name, options) => {
    expect(recorder.find(name).options).toEqual(options);
  });

  it.each([
    ["server", ["firewall"]],
    ["network", ["server"]],
    ["record-a", ["server"]],
    ["first-boot", ["network", "record-a", "record-aaaa", "server"]],
    ["tls-request", ["first-boot", "server"]],
    ["tls-certificate", ["tls-request"]],
    ["tls-install", ["first-boot", "server", "tls-certificate"]],
    ["configure", ["server", "tls-install"]],
    ["health", ["configure", "server"]],
  ])("makes %s after %j", (name, earlier) => {
    expect(recorder.find(name).dependsOn).toEqual(earlier);
  });

  it("never needs a living machine to be deleted", () => {
    const commands = recorder.resources.filter((resource) => resource.type === "command:remote:Command");
    expect(commands).toHaveLength(5);
    for (const { inputs } of commands) {
      expect(inputs).not.toHaveProperty("delete");
      expect(inputs).not.toHaveProperty("update");
    }
  });

  it("puts no secret into an input in the open, and no customer into user data", () => {
    const open = JSON.stringify(recorder.resources.map((resource) => withoutSecrets(resource.inputs)));
    for (const secret of Object.values(instanceSecrets))
      for (const line of secret.split("\n").filter((part) => part !== "" && !part.startsWith("-----")))
        expect(open).not.toContain(line);
    const { secret: userData } = recorder.find("server").inputs["userData"] as { secret: string };
    expect(userData).toContain("host-key-of-the-machine");
    const others = [
      instanceSecrets.gatewayToken,
      instanceSecrets.anthropicKey,
      "anna",
      "01j9instance",
      "10.0.0.7",
    ];
    for (const other of others) expect(userData).not.toContain(other);
  });

  it("hands the customer's secrets to the machine's commands", () => {
    const stdinOf = (name: string) => (recorder.find(name).inputs["stdin"] as { secret: string }).secret;
    expect(stdinOf("configure")).toContain(instanceSecrets.gatewayToken);
    expect(stdinOf("configure")).toContain(instanceSecrets.anthropicKey);
    expect(JSON.parse(stdinOf("health"))).toMatchObject({
      phase: "running",
      address: "10.0.0.7",
      token: instanceSecrets.gatewayToken,
      timeoutMs: 180_000,
    });
  });

  it("gives the tokens of the account to its providers, as secrets", () => {
    expect(recorder.find("hcloud").inputs).toEqual({
      token: { secret: instanceSecrets.hcloudToken },
      pollFunction: "constant",
      pollInterval: "1s",
    });
    expect(recorder.find("cloudflare").inputs).toEqual({
      apiToken: { secret: instanceSecrets.cloudflareToken },
    });
  });

  it("tells where it stands", async () => {
    const told = await new Promise((resolve) => pulumi.output(outputs).apply(resolve));
    expect(told).toEqual({
      serverId: "42",
      serverType: "cx23",
      location: "nbg1",
      ipv4: "192.0.2.1",
      ipv6: "2001:db8::1",
      privateIp: "10.0.0.7",
      url: "https://anna.claws.example",
      hosts: ["anna.claws.example"],
      openclawVersion: "2026.9.6",
      health: "started 2026.9.6",
    });
  });
});
