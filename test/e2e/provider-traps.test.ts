/**
 * Proves with the real engine that the provider stand-ins have the traps that were measured with the official providers, so
 * that code which survives here survives there. Those of vanished objects, failed calls and retries are in
 * test/integration/sandbox-providers-traps.test.ts. `PROVIDERS=official` is not served here.
 */
import { DnsRecord } from "@pulumi/cloudflare/dnsRecord.js";
import { Provider as CloudflareProvider } from "@pulumi/cloudflare/provider.js";
import { Firewall } from "@pulumi/hcloud/firewall.js";
import { Provider as HcloudProvider } from "@pulumi/hcloud/provider.js";
import { Server, type ServerArgs } from "@pulumi/hcloud/server.js";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { kindOfType, stateResourceSchema, toExpected } from "../../reconciler/drift/objects.ts";
import {
  defaultToken as cloudflareToken,
  startCloudflare,
  type Cloudflare,
} from "../sandbox/cloudflare/cloudflare.ts";
import { startHetzner, type Hetzner } from "../sandbox/hetzner/hetzner.ts";
import { startProviders, type Providers } from "../sandbox/providers/providers.ts";
import { createCloudChecks, type CloudChecks } from "../support/cloud-checks.ts";
import {
  createEffects,
  findTestEngine,
  startTestEngine,
  type Program,
  type TestEngine,
} from "../support/engine.ts";

const installed = (await findTestEngine()) !== undefined;

let conformity: CloudChecks;
let hetzner: Hetzner;
let cloudflare: Cloudflare;
let providers: Providers;
let engine: TestEngine;

beforeEach(async () => {
  conformity = createCloudChecks();
  const { checks } = conformity;
  hetzner = await startHetzner(checks.hetzner ? { check: checks.hetzner } : {});
  cloudflare = await startCloudflare({ zones: [{ name: "claws.example" }], check: checks.cloudflare });
  providers = await startProviders({
    hcloudEndpoint: hetzner.url,
    cloudflareBaseUrl: cloudflare.url,
    timeScale: 0.01,
  });
  engine = await startTestEngine({
    PULUMI_DEBUG_PROVIDERS: providers.debugProviders,
    HCLOUD_ENDPOINT: hetzner.url,
    CLOUDFLARE_BASE_URL: cloudflare.url,
  });
});
afterEach(async () => {
  await engine.close();
  await providers.close();
  await cloudflare.close();
  await hetzner.close();
  conformity.expectConform([]);
});

/** With the providers in which the resources of a program are made. */
function withProviders(
  make: (opts: { provider: HcloudProvider; cloudflare: CloudflareProvider }) => void,
): Program {
  return async () => {
    const provider = new HcloudProvider("hcloud", {
      token: hetzner.token,
      pollFunction: "constant",
      pollInterval: "10ms",
    });
    make({ provider, cloudflare: new CloudflareProvider("cloudflare", { apiToken: cloudflareToken }) });
    return {};
  };
}

const serverProgram = (change: Partial<ServerArgs> = {}, options = {}) =>
  withProviders(({ provider }) => {
    const args = { name: "one", serverType: "cx23", image: "ubuntu-24.04", location: "nbg1", ...change };
    void new Server("server", args, { provider, ...options });
  });

/** Hetzner's side of a run: method and path of what was not a GET. */
const writes = () =>
  hetzner.exchanges.filter(({ method }) => method !== "GET").map(({ method, path }) => `${method} ${path}`);

describe.skipIf(!installed)("traps of the hcloud provider", () => {
  test("a server whose create action failed is replaced where replaceOnChanges names #initerror", async () => {
    const careful = serverProgram({}, { replaceOnChanges: ["#initerror"], deleteBeforeReplace: true });
    hetzner.disturbances.add({ kind: "action-error", command: "create_server" });
    await expect((await engine.open("s", careful)).up()).rejects.toThrow(/action_failed/);
    const [first] = hetzner.project().servers();
    await (await engine.open("s", careful)).up();
    const [second, ...others] = hetzner.project().servers();
    expect(others).toEqual([]);
    expect(second?.id).not.toBe(first?.id);
  });

  test("a server whose create action failed is in the state without an address, and a scan reads that it is there", async () => {
    hetzner.disturbances.add({ kind: "action-error", command: "create_server" });
    const stack = await engine.open("s", serverProgram());
    await expect(stack.up()).rejects.toThrow(/action_failed/);
    const { deployment } = await stack.exportStack();
    const server = deployment.resources.find(({ type }: { type: string }) => kindOfType(type) === "server");
    const id = String(hetzner.project().servers()[0]?.id);
    expect(toExpected(stateResourceSchema.parse(server))).toMatchObject({
      kind: "server",
      id,
      unread: expect.stringContaining("ipv4Address"),
    });
  });

  test("a server with a name of its own is deleted before it is replaced, an auto-named one after", async () => {
    await (await engine.open("s", serverProgram())).up();
    const before = writes().length;
    await (await engine.open("s", serverProgram({ location: "fsn1" }))).up();
    const order = writes()
      .slice(before)
      .filter((write) => !write.includes("/actions"));
    expect(order.map((write) => write.split(" ")[0])).toEqual(["DELETE", "POST"]);
  });

  test("a protected server is not deleted", async () => {
    const stack = await engine.open("s", serverProgram({ deleteProtection: true, rebuildProtection: true }));
    await stack.up();
    await expect(stack.destroy()).rejects.toThrow(/protected/);
    expect(hetzner.counts().servers).toBe(1);
  });

  test("a token of the wrong length is refused before anything is asked", async () => {
    const program: Program = async () => {
      const provider = new HcloudProvider("hcloud", { token: "short" });
      void new Firewall("firewall", { name: "wall" }, { provider });
      return {};
    };
    await expect((await engine.open("s", program)).up()).rejects.toThrow(
      "must be exactly 64 characters long",
    );
    expect(hetzner.exchanges).toEqual([]);
  });

  test("state holds a digest of the user data and inputs hold the text", async () => {
    const stack = await engine.open("s", serverProgram({ userData: "#cloud-config\n" }));
    await stack.up();
    const text = JSON.stringify(await stack.exportStack());
    expect(text).toContain('"userData":"#cloud-config\\n"');
    expect(text).toMatch(/"userData":"[A-Za-z0-9+/]{27}="/);
    const effects = createEffects();
    await stack.preview({ onEvent: effects.onEvent });
    expect(effects.list()).toEqual([]);
  });
});

describe.skipIf(!installed)("traps of the cloudflare provider", () => {
  const recordProgram = (change = {}, options = {}) =>
    withProviders((given) => {
      const zoneId = cloudflare.zones[0]?.id ?? "";
      const args = {
        zoneId,
        name: "a.claws.example",
        type: "A",
        content: "192.0.2.1",
        ttl: 1,
        proxied: true,
      };
      void new DnsRecord("record", { ...args, ...change }, { provider: given.cloudflare, ...options });
    });

  test("a second record of the same name and content is refused by the API, a forgotten A record is not", async () => {
    cloudflare.addRecord("claws.example", { name: "a.claws.example", type: "A", content: "192.0.2.1" });
    await expect((await engine.open("s", recordProgram())).up()).rejects.toThrow(/81058|identical/i);
    await (await engine.open("s", recordProgram({ content: "192.0.2.2" }))).up();
    expect(cloudflare.recordsNamed("a.claws.example")).toHaveLength(2);
  });

  test("an update sends the whole record, a change of the type replaces it", async () => {
    await (await engine.open("s", recordProgram())).up();
    await (await engine.open("s", recordProgram({ content: "192.0.2.9" }))).up();
    const put = cloudflare.exchanges.findLast(({ method }) => method === "PUT");
    expect(put?.requestBody).toMatchObject({
      name: "a.claws.example",
      type: "A",
      content: "192.0.2.9",
      ttl: 1,
    });
    const effects = createEffects();
    const stack = await engine.open("s", recordProgram({ type: "AAAA", content: "2001:db8::1" }));
    await stack.preview({ onEvent: effects.onEvent });
    expect(effects.list()).toEqual(["record replace"]);
  });

  test("deleting a record that has vanished is an error without a refresh", async () => {
    const stack = await engine.open("s", recordProgram());
    await stack.up();
    cloudflare.removeRecord(cloudflare.recordsNamed("a.claws.example")[0]?.id ?? "");
    await expect(stack.destroy()).rejects.toThrow(/81044|not exist|not found/i);
    await expect(stack.destroy({ refresh: true })).resolves.toHaveProperty("summary.result", "succeeded");
  });

  test("a proxied record with a TTL of its own is refused", async () => {
    await expect((await engine.open("s", recordProgram({ ttl: 300 }))).up()).rejects.toThrow(/ttl/i);
  });
});
