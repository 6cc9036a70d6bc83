/** The alternative that is measured against: one stack that holds every customer's objects. No machines, no commands. */
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { Firewall } from "@pulumi/hcloud/firewall.js";
import { Server } from "@pulumi/hcloud/server.js";
import * as pulumi from "@pulumi/pulumi";
import { withEngine } from "../../infra/engine/environment.ts";
import { createProviders } from "../../infra/providers.ts";
import { openStack } from "../../infra/stack-handle.ts";
import { findTestEngine } from "../support/engine.ts";
import { defaultToken as cloudflareToken, startCloudflare } from "../sandbox/cloudflare/cloudflare.ts";
import { defaultToken as hetznerToken, startHetzner } from "../sandbox/hetzner/hetzner.ts";
import { startProviders } from "../sandbox/providers/providers.ts";
import type { Reporter } from "./figures.ts";
import { createSamples } from "./samples.ts";
import type { BenchDatabase } from "./server.ts";

const sizes = [10, 100, 300] as const;
const rounds = 3;
const unlimited = 10_000_000;

/** Seconds to change one customer of so many. Its making is not counted: it saves its state once, at the end. */
export async function measureBigStacks({ say, report }: Reporter, database: BenchDatabase): Promise<void> {
  const hetzner = await startHetzner({ rateLimit: { perHour: unlimited }, maxExchanges: 10 });
  const zone = "big.example";
  const cloudflare = await startCloudflare({
    zones: [{ name: zone, plan: "pro" }],
    rateLimit: unlimited,
  });
  const providers = await startProviders({
    hcloudEndpoint: hetzner.url,
    cloudflareBaseUrl: cloudflare.url,
    timeScale: 0.001,
  });
  const environment = withEngine(
    {
      ...process.env,
      DATABASE_URL: database.url,
      PULUMI_BACKEND_URL: undefined,
      PULUMI_CONFIG_PASSPHRASE: "bench",
      PULUMI_DEBUG_PROVIDERS: providers.debugProviders,
      HCLOUD_ENDPOINT: hetzner.url,
      CLOUDFLARE_BASE_URL: cloudflare.url,
    },
    (await findTestEngine()) ?? "",
    process.execPath,
  );
  const zoneId = cloudflare.zones[0]?.id ?? "";
  const samples = createSamples();
  try {
    for (const size of sizes) {
      let release = "0";
      const stack = await openStack({
        stack: `big-${size}`,
        workDir: await mkdtemp(join(tmpdir(), "big-")),
        program: async () => describeAll(size, zoneId, release),
        environment,
      });
      await stack.workspace.createStack(stack.name);
      stack.workspace.envVars = {
        ...environment,
        PULUMI_EXPERIMENTAL: "true",
        PULUMI_SKIP_CHECKPOINTS: "true",
      };
      await samples.time("create", () => stack.up());
      stack.workspace.envVars = environment;
      for (let round = 1; round <= rounds; round += 1) {
        release = String(round);
        const seconds = await samples.time(`${size}`, () => stack.up());
        say(`one stack of ${size} customers: changed one in ${seconds.toFixed(2)} s`);
      }
      const baseline = samples.median(`${sizes[0]}`);
      report({ case: `big stack ${size}`, value: samples.median(`${size}`), unit: "s", baseline });
    }
  } finally {
    await providers.close();
    await Promise.all([hetzner.close(), cloudflare.close()]);
  }
}

/** `release` is a label of the first customer's server. */
function describeAll(size: number, zoneId: string, release: string): Record<string, unknown> {
  const providers = createProviders({ hcloudToken: hetznerToken, cloudflareToken }, "10ms");
  const parent = new pulumi.ComponentResource("bench:index:Fleet", "fleet", {}, { providers });
  return Object.fromEntries(
    Array.from({ length: size }, (_, at) => [
      `c${at}`,
      describeOne(`c${at}-of-${size}`, at === 0 ? release : "0", zoneId, parent),
    ]),
  );
}

function describeOne(
  name: string,
  release: string,
  zoneId: string,
  parent: pulumi.Resource,
): pulumi.Output<string>[] {
  const rules = [{ direction: "in", protocol: "tcp", port: "443", sourceIps: ["0.0.0.0/0"] }];
  const firewall = new Firewall(`${name}-firewall`, { name, rules }, { parent });
  const server = new Server(
    `${name}-server`,
    {
      name,
      serverType: "cx23",
      location: "nbg1",
      image: "ubuntu-24.04",
      labels: { release },
      firewallIds: [firewall.id.apply(Number)],
    },
    { parent },
  );
  return (["A", "AAAA"] as const).map((type) => {
    const content = type === "A" ? server.ipv4Address : server.ipv6Address;
    const record = { zoneId, name: `${name}.big.example`, type, content, ttl: 1, proxied: true };
    return new DnsRecord(`${name}-${type}`, record, { parent }).id;
  });
}
