/**
 * Proves with the real engine that the provider stand-ins fall into the official providers' traps: what each test says is
 * a fault of theirs that components and reconciler must live with. Which faults there are is known from the recordings.
 */
import { Firewall } from "@pulumi/hcloud/firewall.js";
import { Network } from "@pulumi/hcloud/network.js";
import { NetworkSubnet } from "@pulumi/hcloud/networkSubnet.js";
import { Provider as HcloudProvider } from "@pulumi/hcloud/provider.js";
import { Server } from "@pulumi/hcloud/server.js";
import { SshKey } from "@pulumi/hcloud/sshKey.js";
import * as pulumi from "@pulumi/pulumi";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { defaultToken } from "../sandbox/hetzner/hetzner.ts";
import { type Bench, createSteps, readState, startBench } from "../support/provider-bench.ts";
import { findTestEngine } from "../support/engine.ts";

const installed = (await findTestEngine()) !== undefined;
if (!installed) {
  process.stderr.write("skipped: the Pulumi engine is not installed (npm run engine)\n");
}

const keys = [
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIITmzEvsS+wdhXvz/PTNrhUGUSqJOltSM5/3bapZMwwM a",
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBTmzEvsS+wdhXvz/PTNrhUGUSqJOltSM5/3bapZMwwM b",
] as const;

let bench: Bench;

/** A stack with one resource, or a few; the provider is made for it. */
function open(
  name: string,
  make: (opts: pulumi.CustomResourceOptions) => Record<string, unknown>,
): Promise<Stack> {
  return bench.open(name, async () => {
    const token = pulumi.secret(defaultToken);
    const poll = { pollFunction: "constant", pollInterval: "5ms" };
    return make({ provider: new HcloudProvider("hcloud", { token, ...poll }) });
  });
}

const openServer = (
  name: string,
  labels: () => Record<string, string> = () => ({}),
  more: pulumi.CustomResourceOptions = {},
) =>
  open(name, (opts) => ({
    id: new Server(
      "server",
      { name, serverType: "cx23", image: "ubuntu-24.04", location: "nbg1", labels: labels() },
      { ...opts, ...more },
    ).id,
  }));

async function up(stack: Stack): Promise<string[]> {
  const effects = createSteps();
  await stack.up({ onEvent: effects.onEvent });
  return effects.list();
}

async function refresh(stack: Stack): Promise<string[]> {
  const effects = createSteps();
  await stack.refresh({ onEvent: effects.onEvent });
  return effects.list();
}

/** Requests since `from` that match. */
function callsSince(from: number, pattern: RegExp): string[] {
  return bench.hetzner.exchanges
    .slice(from)
    .map(({ method, path }) => `${method} ${path}`)
    .filter((call) => pattern.test(call));
}

const answer = (status: number, code: string, message: string) => ({
  kind: "answer" as const,
  status,
  body: { error: { code, message, details: null } },
  headers: { "content-type": "application/json" },
});

describe.skipIf(!installed)("traps of the official providers", () => {
  beforeAll(async () => {
    bench = await startBench();
  });
  afterAll(() => bench?.close());

  test("deleting a vanished server is an error until a refresh", async () => {
    const stack = await openServer("vanished-server");
    await up(stack);
    await bench.hetzner.project().vanish("server", "vanished-server");
    await expect(stack.destroy()).rejects.toThrow(/deleting urn:.*1 error occurred:\s+\* .*\(not_found/s);
    expect(await refresh(stack)).toEqual(["server delete"]);
  });

  test("deleting a vanished firewall kills the provider of this run, not of the next", async () => {
    const rules = [{ direction: "in", protocol: "icmp", sourceIps: ["0.0.0.0/0"] }];
    const stack = await open("vanished-firewall", (opts) => ({
      id: new Firewall("firewall", { name: "lost", rules }, opts).id,
    }));
    await up(stack);
    await bench.hetzner.project().vanish("firewall", "lost");
    await expect(stack.destroy()).rejects.toThrow(/error reading from server: EOF/);
    expect(await refresh(stack)).toEqual(["firewall delete"]);
  });

  test("deleting a vanished subnet of a living network kills it too", async () => {
    const stack = await open("vanished-subnet", (opts) => {
      const network = new Network("network", { name: "half", ipRange: "10.0.0.0/16" }, opts);
      const networkId = network.id.apply(Number);
      const range = { type: "cloud", networkZone: "eu-central", ipRange: "10.0.1.0/24" };
      return { id: new NetworkSubnet("subnet", { networkId, ...range }, opts).id };
    });
    await up(stack);
    const view = bench.hetzner.project();
    const path = `/networks/${view.network("half").id}/actions/delete_subnet`;
    expect((await view.api("POST", path, { ip_range: "10.0.1.0/24" })).status).toBe(201);
    await view.settled();
    await expect(stack.destroy()).rejects.toThrow(/error reading from server: EOF/);
  });

  test("a server whose creation failed is taken for good by the next run", async () => {
    const stack = await openServer("half-made");
    bench.hetzner.disturbances.add({ kind: "action-error", command: "create_server" });
    await expect(up(stack)).rejects.toThrow(/creating urn:.*Action failed \(action_failed, \d+\)/s);
    expect(await readState(stack)).toContain('"initErrors"');
    const from = bench.hetzner.exchanges.length;
    expect(await up(stack)).toEqual(["server update"]);
    expect(callsSince(from, /^(POST|PUT|DELETE)/)).toEqual([]);
    expect(await readState(stack)).not.toContain('"initErrors"');
  });

  test("emptied rules are reported as done and stay in force", async () => {
    let rules = [{ direction: "in", protocol: "tcp", port: "22", sourceIps: ["0.0.0.0/0"] }];
    const stack = await open("emptied", (opts) => ({
      id: new Firewall("firewall", { name: "emptied", rules }, opts).id,
    }));
    await up(stack);
    rules = [];
    const from = bench.hetzner.exchanges.length;
    expect(await up(stack)).toEqual(["firewall update"]);
    expect(callsSince(from, /set_rules/)).toEqual([]);
    expect(bench.hetzner.project().firewall("emptied").rules).toHaveLength(1);
    expect(await refresh(stack)).toEqual(["firewall update"]);
  });

  test("a key with a fixed name cannot be replaced: the new one comes before the old one goes", async () => {
    let publicKey: string = keys[0];
    const stack = await open("fixed-key", (opts) => ({
      id: new SshKey("key", { name: "fixed", publicKey }, opts).id,
    }));
    await up(stack);
    publicKey = keys[1];
    await expect(up(stack)).rejects.toThrow(/API request failed:.*\(uniqueness_error.*Status code: 409/s);
  });

  test("rate limits are retried by the client, locks are not", async () => {
    const stack = await openServer("retried");
    const limited = answer(429, "rate_limit_exceeded", "limit of 3600 requests per hour reached");
    bench.hetzner.faults.add({ method: "POST", path: "/v1/servers$", times: 2, effect: limited });
    const from = bench.hetzner.exchanges.length;
    await up(stack);
    expect(callsSince(from, /^POST \/v1\/servers$/)).toHaveLength(3);
    const locked = answer(423, "locked", "server is locked");
    bench.hetzner.faults.add({ method: "DELETE", path: "/v1/servers/", effect: locked });
    const later = bench.hetzner.exchanges.length;
    await expect(stack.destroy()).rejects.toThrow(/server is locked \(locked/);
    expect(callsSince(later, /^DELETE/)).toHaveLength(1);
  });

  const refused = answer(503, "unavailable", "unavailable right now");

  test("a failed change leaves the old values in the state, so that the next run makes it again", async () => {
    let labels = { step: "one" };
    const stack = await openServer("failed-change", () => labels);
    await up(stack);
    labels = { step: "two" };
    bench.hetzner.faults.add({ method: "PUT", path: "/v1/servers/", effect: refused });
    await expect(up(stack)).rejects.toThrow(/updating urn:.*unavailable right now \(unavailable/s);
    expect(await readState(stack)).toContain('"initErrors"');
    expect(await up(stack)).toEqual(["server update"]);
    expect(bench.hetzner.project().server("failed-change").labels).toEqual({ step: "two" });
  });

  test("a failed change is an init error like a failed creation: `#initerror` then replaces a sound server", async () => {
    let labels = { step: "one" };
    const stack = await openServer("replaced", () => labels, {
      replaceOnChanges: ["#initerror"],
      deleteBeforeReplace: true,
    });
    await up(stack);
    labels = { step: "two" };
    bench.hetzner.faults.add({ method: "PUT", path: "/v1/servers/", effect: refused });
    await expect(up(stack)).rejects.toThrow(/unavailable right now/);
    expect(await up(stack)).toContain("server replace");
  });
});
