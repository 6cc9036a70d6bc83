/**
 * Proves with Pulumi's mocks which resources an instance and a cell register, under which names, with which inputs and
 * options, and what of it is secret. What an engine makes of them is shown in test/e2e.
 */
import * as pulumi from "@pulumi/pulumi";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AssistantInstance } from "../../components/assistant-instance.ts";
import type { AssistantInstanceArgs } from "../../components/assistant-instance-args.ts";
import { Cell } from "../../components/cell.ts";

type Registered = { type: string; name: string; inputs: Record<string, unknown> };

let registered: Registered[];

/** Known outputs of what a provider would compute. */
const computed: Record<string, Record<string, unknown>> = {
  "hcloud:index/server:Server": { ipv4Address: "203.0.113.5", ipv6Address: "2001:db8::1" },
  "cloudflare:index/originCaCertificate:OriginCaCertificate": { certificate: "CERTIFICATE" },
  "command:remote:Command": { stdout: "started 2026.9.6\n", stderr: "" },
};

/** `` `${output}` `` compiles and is always wrong. */
function refuseStringifiedOutputs(value: unknown): void {
  if (JSON.stringify(value ?? null).includes("Calling [toString]")) {
    throw new Error(`an output was put into a string: ${JSON.stringify(value)}`);
  }
}

beforeEach(async () => {
  registered = [];
  await pulumi.runtime.setMocks(
    {
      newResource({ type, name, inputs }) {
        refuseStringifiedOutputs(inputs);
        registered.push({ type, name, inputs });
        return { id: `${registered.length + 1000}`, state: { ...inputs, ...computed[type] } };
      },
      call: ({ token }) =>
        token.includes("getZone")
          ? { zoneId: "0".repeat(32), name: "example.com" }
          : { ipv4Cidrs: ["198.51.100.0/24"], ipv6Cidrs: ["2001:db8:1::/48"] },
    },
    "clawfleet",
    "bob",
    false,
  );
});

// What is still on its way would reach the next test's mocks.
afterEach(() => pulumi.runtime.disconnect());

const args: AssistantInstanceArgs = {
  id: "iabcdefghijkl",
  slug: "bob",
  cell: {
    name: "eu1",
    subnetId: "7-10.0.0.0/24",
    sshKeyId: "77",
    zoneId: "0".repeat(32),
    zone: "example.com",
    reach: "private",
    backendPrivateIp: "10.0.0.2",
    backendPublicIps: [],
    sshPort: 22,
    image: "ubuntu-24.04",
    openclawVersion: "2026.9.6",
    cloudflareRanges: ["198.51.100.0/24"],
    dnsTags: true,
  },
  serverType: "cx23",
  location: "nbg1",
  privateIp: "10.0.0.3",
  phase: "running",
  backups: true,
  protection: true,
  openclawVersion: "2026.9.6",
  gatewayMemoryMb: 2048,
  model: "anthropic/claude-sonnet-4-6",
  denyRuntimeTools: false,
  secrets: {
    hostKeyPrivate: pulumi.secret("HOST-KEY-PRIVATE"),
    hostKeyPublic: "ssh-ed25519 AAAA bob",
    sshPrivateKey: pulumi.secret("CELL-KEY-PRIVATE"),
    gatewayToken: pulumi.secret("T".repeat(64)),
    environment: pulumi.secret({ ANTHROPIC_API_KEY: "MODEL-KEY" }),
  },
};

/** How a secret travels to the engine: a record with this signature. */
const secretSignature = "4dabf18193072939515e22adb298388d";

/** The value of an input that must be secret. */
function reveal(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !(secretSignature in value) || !("value" in value)) {
    throw new Error(`this input is in clear: ${JSON.stringify(value)}`);
  }
  return value.value;
}

async function settle<T>(output: pulumi.Output<T>): Promise<T> {
  return await new Promise((resolve) => output.apply((value) => resolve(value)));
}

async function makeInstance(change: Partial<AssistantInstanceArgs> = {}) {
  const instance = new AssistantInstance("assistant", { ...args, ...change }, {});
  await settle(instance.health);
  await settle(instance.privateIp);
  return instance;
}

function find(type: string, name: string): Record<string, unknown> {
  const one = registered.find((resource) => resource.type.endsWith(type) && resource.name === name);
  if (!one) throw new Error(`${type} ${name} was not registered`);
  return one.inputs;
}

describe("an instance", () => {
  test("consists of these resources, under constant names", async () => {
    await makeInstance();
    expect(registered.map(({ type, name }) => `${type.split(":").at(-1)} ${name}`).toSorted()).toEqual([
      "AssistantInstance assistant",
      "Command configure",
      "Command first-boot",
      "Command health",
      "Command tls-install",
      "Command tls-request",
      "DnsRecord record-a",
      "DnsRecord record-aaaa",
      "Firewall firewall",
      "OriginCaCertificate tls-certificate",
      "Server server",
      "ServerNetwork network",
    ]);
  });

  test("orders the server of its plan, in its firewall, with labels that lead back to it", async () => {
    await makeInstance();
    const { userData, firewallIds, ...rest } = find("Server", "server");
    expect(rest).toEqual({
      name: "cf-bob",
      serverType: "cx23",
      location: "nbg1",
      image: "ubuntu-24.04",
      labels: {
        "managed-by": "clawfleet",
        "clawfleet-instance": "iabcdefghijkl",
        "clawfleet-slug": "bob",
        "clawfleet-cell": "eu1",
      },
      sshKeys: ["77"],
      backups: true,
      deleteProtection: true,
      rebuildProtection: true,
    });
    expect(firewallIds).toHaveLength(1);
    expect(reveal(userData)).toContain("HOST-KEY-PRIVATE");
  });

  test("puts nothing of the customer into user data", async () => {
    await makeInstance();
    const userData = reveal(find("Server", "server")["userData"]);
    for (const secret of ["T".repeat(64), "MODEL-KEY", "CELL-KEY-PRIVATE", "cf-bob", "example.com"]) {
      expect(userData).not.toContain(secret);
    }
  });

  test("names the host in DNS, proxied, with the automatic TTL, a comment and tags where the zone has them", async () => {
    await makeInstance();
    expect(find("DnsRecord", "record-a")).toEqual({
      zoneId: "0".repeat(32),
      name: "bob.example.com",
      type: "A",
      content: "203.0.113.5",
      proxied: true,
      ttl: 1,
      comment: "clawfleet instance iabcdefghijkl",
      tags: ["clawfleet:iabcdefghijkl"],
    });
    expect(find("DnsRecord", "record-aaaa")).toMatchObject({ type: "AAAA", content: "2001:db8::1" });
  });

  test("is attached to the cell's network under its own address", async () => {
    await makeInstance();
    expect(find("ServerNetwork", "network")).toMatchObject({ subnetId: "7-10.0.0.0/24", ip: "10.0.0.3" });
  });

  test.each([
    ["private", [], "10.0.0.3"],
    ["public", ["203.0.113.9/32"], "203.0.113.5"],
  ] as const)("with reach %s SSH goes to %s%s", async (reach, backendPublicIps, host) => {
    await makeInstance({ cell: { ...args.cell, reach, backendPublicIps } });
    for (const name of ["first-boot", "tls-request", "tls-install", "configure", "health"]) {
      const command = find("Command", name);
      expect(reveal(command["connection"])).toMatchObject({
        host,
        port: 22,
        user: "root",
        hostKey: "ssh-ed25519 AAAA bob",
      });
      expect(command).not.toHaveProperty("delete");
    }
    const ssh = JSON.stringify(find("Firewall", "firewall")["rules"]).includes("ssh from the backend");
    expect(ssh).toBe(reach === "public");
  });

  test("brings the customer's secrets over standard input only", async () => {
    await makeInstance();
    const configure = find("Command", "configure");
    expect(reveal(configure["stdin"])).toContain("MODEL-KEY");
    expect(JSON.stringify({ ...configure, stdin: "" })).not.toContain("MODEL-KEY");
    const others = registered.filter(({ name }) => name !== "configure" && name !== "health");
    expect(JSON.stringify(others)).not.toContain("MODEL-KEY");
    expect(JSON.stringify(others)).not.toContain("T".repeat(64));
  });

  test("signs what the machine printed, and never asks for a key", async () => {
    await makeInstance();
    expect(find("OriginCaCertificate", "tls-certificate")).toEqual({
      csr: "started 2026.9.6\n",
      hostnames: ["bob.example.com"],
      requestType: "origin-ecc",
      requestedValidity: 5475,
    });
  });

  test("tells its address, its server and what the gateway said", async () => {
    const instance = await makeInstance();
    expect(await settle(instance.url)).toBe("https://bob.example.com");
    expect(await settle(instance.ipv4)).toBe("203.0.113.5");
    expect(await settle(instance.health)).toBe("started 2026.9.6");
  });

  test.each([
    ["slug", { slug: "Bob!" }],
    ["serverType", { serverType: "huge" }],
    ["cell.backendPublicIps", { cell: { ...args.cell, reach: "public" as const } }],
    ["cell.cloudflareRanges", { cell: { ...args.cell, cloudflareRanges: [] } }],
  ])("refuses a wrong %s by its path", (path, change) => {
    expect(() => new AssistantInstance("assistant", { ...args, ...change }, {})).toThrow(path);
  });
});

describe("a cell", () => {
  test("consists of network, subnet and key, and looks up zone and Cloudflare's ranges", async () => {
    const cell = new Cell(
      "cell",
      {
        name: "eu1",
        networkRange: "10.0.0.0/16",
        subnetRange: "10.0.0.0/24",
        networkZone: "eu-central",
        zone: "example.com",
        sshPublicKey: "ssh-ed25519 AAAA cell\n",
      },
      {},
    );
    expect(await settle(cell.cloudflareRanges)).toEqual(["198.51.100.0/24", "2001:db8:1::/48"]);
    expect(await settle(cell.zoneId)).toBe("0".repeat(32));
    await settle(cell.sshKeyId);
    await settle(cell.subnetId);
    const labels = { "managed-by": "clawfleet", "clawfleet-cell": "eu1" };
    expect(find("Network", "network")).toEqual({ name: "cf-cell-eu1", ipRange: "10.0.0.0/16", labels });
    expect(find("NetworkSubnet", "subnet")).toMatchObject({ type: "cloud", ipRange: "10.0.0.0/24" });
    expect(find("SshKey", "ssh-key")).toEqual({
      name: "cf-cell-eu1",
      publicKey: "ssh-ed25519 AAAA cell",
      labels,
    });
  });
});
