/**
 * Proves with the real engine that the provider stand-ins make, keep, change, re-read and import what the components use.
 * The clouds are simulated; that the official plugins decide the same is held against their recording in test/unit.
 */
import { webcrypto } from "node:crypto";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { getIpRangesOutput } from "@pulumi/cloudflare/getIpRanges.js";
import { getZoneOutput } from "@pulumi/cloudflare/getZone.js";
import { OriginCaCertificate } from "@pulumi/cloudflare/originCaCertificate.js";
import { Provider as CloudflareProvider } from "@pulumi/cloudflare/provider.js";
import { Firewall } from "@pulumi/hcloud/firewall.js";
import { Network } from "@pulumi/hcloud/network.js";
import { NetworkSubnet } from "@pulumi/hcloud/networkSubnet.js";
import { Provider as HcloudProvider } from "@pulumi/hcloud/provider.js";
import { Server } from "@pulumi/hcloud/server.js";
import { ServerNetwork } from "@pulumi/hcloud/serverNetwork.js";
import { SshKey } from "@pulumi/hcloud/sshKey.js";
import * as pulumi from "@pulumi/pulumi";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultToken as cloudflareToken } from "../sandbox/cloudflare/cloudflare.ts";
import { defaultToken as hetznerToken } from "../sandbox/hetzner/hetzner.ts";
import { type Bench, createSteps, startBench, zoneName } from "../support/provider-bench.ts";
import { findTestEngine } from "../support/engine.ts";

const installed = (await findTestEngine()) !== undefined;
if (!installed) process.stderr.write("skipped: the Pulumi engine is not installed (npm run engine)\n");

const publicKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIITmzEvsS+wdhXvz/PTNrhUGUSqJOltSM5/3bapZMwwM test";

type World = {
  labels: Record<string, string>;
  userData: string;
  serverType: string;
  rules: { direction: string; protocol: string; port?: string; sourceIps: string[]; description?: string }[];
  content: string;
  /** Ids of objects that are there already. */
  imports: Record<string, string>;
};

const rule = (port: string) => ({
  direction: "in",
  protocol: "tcp",
  port,
  sourceIps: ["10.9.0.0/16", "0.0.0.0/0", "::/0"],
  description: `port ${port}`,
});

const initial: World = {
  labels: { "managed-by": "test" },
  userData: "#cloud-config\n",
  serverType: "cx23",
  rules: [rule("443"), rule("22"), { direction: "in", protocol: "icmp", sourceIps: ["0.0.0.0/0"] }],
  content: "203.0.113.7",
  imports: {},
};

let world: World = initial;
let csr: string;
let bench: Bench;
let stack: Stack;

async function program(): Promise<Record<string, unknown>> {
  const { labels, imports } = world;
  const hcloud = new HcloudProvider("hcloud", {
    token: pulumi.secret(hetznerToken),
    pollFunction: "constant",
    pollInterval: "5ms",
  });
  const cloudflare = new CloudflareProvider("cloudflare", { apiToken: pulumi.secret(cloudflareToken) });
  const opts = (provider: pulumi.ProviderResource, name: string) => ({
    provider,
    ...(imports[name] === undefined ? {} : { import: imports[name] }),
  });
  const network = new Network(
    "network",
    { name: "net", ipRange: "10.0.0.0/16", labels },
    opts(hcloud, "network"),
  );
  const subnet = new NetworkSubnet(
    "subnet",
    { networkId: network.id.apply(Number), type: "cloud", networkZone: "eu-central", ipRange: "10.0.0.0/24" },
    opts(hcloud, "subnet"),
  );
  const key = new SshKey(
    "key",
    { name: "key", publicKey, labels },
    { ...opts(hcloud, "key"), deleteBeforeReplace: true },
  );
  const firewall = new Firewall(
    "firewall",
    { name: "fw", labels, rules: world.rules },
    opts(hcloud, "firewall"),
  );
  const server = new Server(
    "server",
    {
      name: "server-1",
      serverType: world.serverType,
      image: "ubuntu-24.04",
      location: "nbg1",
      labels,
      ...(imports["server"] === undefined
        ? { sshKeys: [key.id], userData: pulumi.secret(world.userData) }
        : {}),
      firewallIds: [firewall.id.apply(Number)],
      backups: true,
    },
    opts(hcloud, "server"),
  );
  const attachment = new ServerNetwork(
    "attachment",
    imports["attachment"] === undefined
      ? { serverId: server.id.apply(Number), subnetId: subnet.id, ip: "10.0.0.3" }
      : { serverId: server.id.apply(Number), networkId: network.id.apply(Number), ip: "10.0.0.3" },
    { ...opts(hcloud, "attachment"), dependsOn: subnet, deleteBeforeReplace: true },
  );
  const zone = getZoneOutput({ filter: { name: zoneName } }, { provider: cloudflare });
  const record = new DnsRecord(
    "record",
    {
      zoneId: zone.zoneId,
      name: `a.${zoneName}`,
      type: "A",
      content: world.content,
      proxied: true,
      ttl: 1,
      comment: "by test",
    },
    opts(cloudflare, "record"),
  );
  const certificate = new OriginCaCertificate(
    "certificate",
    { csr, hostnames: [`a.${zoneName}`], requestType: "origin-ecc", requestedValidity: 5475 },
    opts(cloudflare, "certificate"),
  );
  const ranges = getIpRangesOutput({}, { provider: cloudflare });
  return {
    ipv4: server.ipv4Address,
    privateIp: attachment.ip,
    ranges: ranges.ipv4Cidrs,
    recordId: record.id,
    expiresOn: certificate.expiresOn,
  };
}

async function createCsr(): Promise<string> {
  const signingAlgorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(signingAlgorithm, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=a",
    keys,
    signingAlgorithm,
  });
  return request.toString("pem");
}

/** Effects of an `up` on the clouds' resources. */
async function up(on = stack): Promise<string[]> {
  const effects = createSteps();
  await on.up({ onEvent: effects.onEvent });
  return effects.list();
}

async function refresh(on = stack): Promise<string[]> {
  const effects = createSteps();
  await on.refresh({ onEvent: effects.onEvent });
  return effects.list();
}

describe.skipIf(!installed)("provider stand-ins on the real engine", () => {
  beforeAll(async () => {
    csr = await createCsr();
    bench = await startBench();
    stack = await bench.open("main", program);
  });
  afterAll(() => bench?.close());

  test("what is up already is not changed, and a refresh finds no difference", async () => {
    expect(await up()).toHaveLength(8);
    expect(await up()).toEqual([]);
    expect(await refresh()).toEqual([]);
    expect(await up()).toEqual([]);
  });

  test("changes go out in place", async () => {
    world = { ...initial, labels: { "managed-by": "else" }, serverType: "cx33", content: "203.0.113.8" };
    expect(await up()).toEqual([
      "firewall update",
      "key update",
      "network update",
      "record update",
      "server update",
    ]);
    expect(await up()).toEqual([]);
    const view = bench.hetzner.project();
    expect(view.server("server-1").labels).toEqual({ "managed-by": "else" });
    expect(bench.cloudflare.recordsNamed(`a.${zoneName}`)[0]?.content).toBe("203.0.113.8");
  });

  test("a refresh sees what another hand did, and the next run puts it back", async () => {
    const view = bench.hetzner.project();
    const { id } = view.server("server-1");
    await view.api("PUT", `/servers/${id}`, { labels: { other: "hand" } });
    const [record] = bench.cloudflare.recordsNamed(`a.${zoneName}`);
    bench.cloudflare.removeRecord(record?.id ?? "");
    expect(await refresh()).toEqual(["record delete", "server update"]);
    expect(await up()).toEqual(["record create", "server update"]);
    expect(view.server("server-1").labels).toEqual({ "managed-by": "else" });
  });

  test("a server with a name given is deleted before its replacement", async () => {
    const before = bench.hetzner.exchanges.length;
    world = { ...world, userData: "#cloud-config\npackages: []\n" };
    expect((await up()).filter((effect) => effect.startsWith("server "))).toEqual([
      "server create-replacement",
      "server delete-replaced",
      "server replace",
    ]);
    const calls = bench.hetzner.exchanges
      .slice(before)
      .map(({ method, path }) => `${method} ${path}`)
      .filter((call) => /^(POST|DELETE) \/v1\/servers(\/\d+)?$/.test(call))
      .map((call) => call.replace(/\d+$/, "ID"));
    expect(calls).toEqual(["DELETE /v1/servers/ID", "POST /v1/servers"]);
    expect(await up()).toEqual([]);
  });

  test("what exists can be imported into another stack, which then changes nothing", async () => {
    const view = bench.hetzner.project();
    const { id: server } = view.server("server-1");
    const { id: network } = view.network("net");
    const [record] = bench.cloudflare.recordsNamed(`a.${zoneName}`);
    const other = await bench.open("imported", program);
    const imports = {
      network: String(network),
      subnet: `${network}-10.0.0.0/24`,
      key: String(view.sshKeys()[0]?.id),
      firewall: String(view.firewall("fw").id),
      server: String(server),
      attachment: `${server}-${network}`,
      record: `${record?.zoneId}/${record?.id}`,
      certificate: bench.cloudflare.certificates()[0]?.id ?? "",
    };
    world = { ...world, imports };
    expect(await up(other)).toEqual(
      Object.keys(imports)
        .map((name) => `${name} import`)
        .toSorted(),
    );
    expect(await up(other)).toEqual([]);
    expect(await refresh(other)).toEqual([]);
  });

  test("everything goes away again", async () => {
    world = { ...world, imports: {} };
    await stack.destroy();
    expect(bench.hetzner.project().counts()).toMatchObject({
      servers: 0,
      firewalls: 0,
      networks: 0,
      sshKeys: 0,
    });
    expect([bench.cloudflare.records(), bench.cloudflare.certificates()]).toEqual([[], []]);
  });
});
