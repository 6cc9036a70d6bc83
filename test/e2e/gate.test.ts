/**
 * Proves with the real engine that a run goes through the gate by its environment alone: the clouds see it, the state does
 * not, and another address in the next run is no change. It cannot prove that the official plugins read those variables; the
 * stand-ins take them from the engine's environment as a plugin inherits them.
 */
import { Provider as HcloudProvider } from "@pulumi/hcloud/provider.js";
import { SshKey } from "@pulumi/hcloud/sshKey.js";
import { Provider as CloudflareProvider } from "@pulumi/cloudflare/provider.js";
import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGate, type Gate } from "../../reconciler/gate/gate.ts";
import { defaultToken as cloudflareToken } from "../sandbox/cloudflare/cloudflare.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { findTestEngine } from "../support/engine.ts";
import { createTestLog } from "../support/log.ts";
import { readState, startBench, zoneName, type Bench } from "../support/provider-bench.ts";

const engine = await findTestEngine();
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIITmzEvsS+wdhXvz/PTNrhUGUSqJOltSM5/3bapZMwwM";

let bench: Bench;
let database: TestDatabase;
let gate: Gate;

describe.skipIf(engine === undefined)("a run through the gate", () => {
  beforeAll(async () => {
    bench = await startBench();
    database = await createTestDatabase();
    const tokens = { hcloudToken: bench.hetzner.token, cloudflareToken };
    gate = await createGate({
      masterKey: "ab".repeat(32),
      sql: database.sql,
      log: createTestLog().log,
      random: () => 0.5,
      clouds: { hetzner: bench.hetzner.url, cloudflare: bench.cloudflare.url },
      accounts: { default: tokens },
      onHealed: () => undefined,
    });
  });
  afterAll(async () => {
    await gate?.close();
    await database?.close();
    await bench?.close();
  });

  async function program() {
    const hcloud = new HcloudProvider("hcloud", { token: bench.hetzner.token });
    const cloudflare = new CloudflareProvider("cloudflare", { apiToken: cloudflareToken });
    const sshKey = new SshKey("key", { name: "key", publicKey: key }, { provider: hcloud });
    const zoneId = bench.cloudflare.zones[0]?.id ?? "";
    const record = { zoneId, name: `a.${zoneName}`, type: "A", content: "192.0.2.1", ttl: 1 };
    const dns = new DnsRecord("record", record, { provider: cloudflare });
    return { key: sshKey.id, record: dns.id };
  }

  test("asks both clouds, leaves no trace in the state, and the next pass changes nothing", async () => {
    const stack = await bench.open("gated", program);
    const first = gate.openPass({ account: "default", reason: "paid" });
    Object.assign(stack.workspace.envVars, first.environment);
    const made = await stack.up();
    expect(made.summary.resourceChanges).toEqual({ create: 5 });
    expect(first.wellSeen().toSorted()).toEqual(["cloudflare", "hetzner"]);
    first.close();
    expect(await readState(stack)).not.toContain(new URL(first.environment.HCLOUD_ENDPOINT).host);

    const second = gate.openPass({ account: "default", reason: "resync" });
    Object.assign(stack.workspace.envVars, second.environment);
    const asked = bench.hetzner.exchanges.length;
    const again = await stack.up({ refresh: true });
    expect(again.summary.resourceChanges).toEqual({ same: 5 });
    expect(bench.hetzner.exchanges.length, "a reading, through the second pass").toBeGreaterThan(asked);
    expect(second.wellSeen().toSorted()).toEqual(["cloudflare", "hetzner"]);
    second.close();
    // Nobody gets through with a pass of a run that is over.
    await expect(stack.refresh()).rejects.toThrow(/404/);
  });
});
