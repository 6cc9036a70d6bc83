/**
 * Proves the table in components/README.md with the real engine: for each argument, what changing it does to each resource
 * of a stack that stands. It shows what a preview decides; that decisions are carried out is proved by converge.test.ts.
 */
import { readFile } from "node:fs/promises";
import * as pulumi from "@pulumi/pulumi";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { createSshKeyPair } from "../../reconciler/ssh-key.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AssistantInstanceArgs } from "../../components/assistant-instance-args.ts";
import { AssistantInstance } from "../../components/assistant-instance.ts";
import { Cell, type CellArgs } from "../../components/cell.ts";
import { cellOutputsSchema, type CellOutputs } from "../../infra/outputs.ts";
import { createProviders } from "../../infra/providers.ts";
import { startSandbox, type Sandbox } from "../sandbox/start.ts";
import { createCloudChecks } from "../support/cloud-checks.ts";
import { createEffects, startTestEngine, type TestEngine } from "../support/engine.ts";
import { findObstacle } from "../support/fleet.ts";

const obstacle = await findObstacle();
const readme = await readFile(new URL("../../components/README.md", import.meta.url), "utf8");

/** Rows of one table of the README: argument to effects, as `resource effect` in alphabetical order. */
function readTable(title: string): Map<string, string[]> {
  const section = readme.split(`\n### ${title}\n`)[1]?.split("\n#")[0] ?? "";
  const rows = [...section.matchAll(/^\| `([^`]+)` +\| ([^|]*?) *\|/gm)];
  return new Map(
    rows.map(([, argument = "", effects = ""]) => [
      argument,
      effects === "none" ? [] : effects.split(", ").toSorted(),
    ]),
  );
}

const key = () => createSshKeyPair("test");
const keys = { host: key(), cell: key(), other: key() };

const conformity = createCloudChecks();
let sandbox: Sandbox;
let cell: CellOutputs;
let engine: TestEngine;

const baseCell: CellArgs = {
  name: "lab",
  networkRange: "10.0.0.0/16",
  subnetRange: "10.0.0.0/24",
  networkZone: "eu-central",
  zone: "claws.example",
  customZones: ["firm.example"],
  sshPublicKey: keys.cell.public,
};

function baseInstance(): AssistantInstanceArgs {
  return {
    id: "itest00000001",
    slug: "edith",
    cell: {
      name: "lab",
      subnetId: cell.subnetId,
      sshKeyId: cell.sshKeyId,
      zoneId: cell.zoneId,
      zone: cell.zoneName,
      reach: "public",
      backendPrivateIp: "10.0.0.2",
      backendPublicIps: ["127.0.0.1/32"],
      sshPort: 2222,
      image: "ubuntu-24.04",
      openclawVersion: "2026.9.6",
      cloudflareRanges: cell.cloudflareRanges,
      dnsTags: false,
    },
    serverType: "cx23",
    location: "nbg1",
    privateIp: "10.0.0.3",
    phase: "running",
    replaceUnfinished: true,
    backups: false,
    protection: false,
    openclawVersion: "2026.9.6",
    gatewayMemoryMb: 2048,
    model: "anthropic/claude-sonnet-4-6",
    denyRuntimeTools: false,
    secrets: {
      hostKeyPrivate: pulumi.secret(keys.host.private),
      hostKeyPublic: keys.host.public,
      sshPrivateKey: pulumi.secret(keys.cell.private),
      gatewayToken: pulumi.secret("a".repeat(64)),
      environment: pulumi.secret({}),
    },
  };
}

type Nested<T> = { [Name in keyof T]?: T[Name] };
const inCell = (cellArgs: Nested<AssistantInstanceArgs["cell"]>) => (args: AssistantInstanceArgs) => ({
  ...args,
  cell: { ...args.cell, ...cellArgs },
});
const inSecrets = (secrets: Nested<AssistantInstanceArgs["secrets"]>) => (args: AssistantInstanceArgs) => ({
  ...args,
  secrets: { ...args.secrets, ...secrets },
});
const inArgs = (changed: Nested<AssistantInstanceArgs>) => (args: AssistantInstanceArgs) => ({
  ...args,
  ...changed,
});

const rule = { description: "game", protocol: "udp" as const, port: "5000", sourceIps: ["192.0.2.0/24"] };

const instanceChanges: Record<string, (args: AssistantInstanceArgs) => AssistantInstanceArgs> = {
  id: inArgs({ id: "itest00000002" }),
  slug: inArgs({ slug: "ethel" }),
  "cell.name": inCell({ name: "eu1" }),
  "cell.subnetId": inCell({ subnetId: "999999-10.0.0.0/24" }),
  "cell.sshKeyId": inCell({ sshKeyId: "999999" }),
  "cell.zoneId": inCell({ zoneId: "0".repeat(32) }),
  "cell.zone": inCell({ zone: "other.example" }),
  "cell.reach": inCell({ reach: "private" }),
  "cell.backendPrivateIp": inCell({ backendPrivateIp: "10.0.0.9" }),
  "cell.backendPublicIps": inCell({ backendPublicIps: ["127.0.0.2/32"] }),
  "cell.sshPort": inCell({ sshPort: 2223 }),
  "cell.image": inCell({ image: "debian-13" }),
  "cell.openclawVersion": inCell({ openclawVersion: "2026.9.7" }),
  "cell.cloudflareRanges": inCell({ cloudflareRanges: ["198.51.100.0/24"] }),
  "cell.originPullCa": inCell({
    originPullCa: "-----BEGIN CERTIFICATE-----\nroot\n-----END CERTIFICATE-----\n",
  }),
  "cell.dnsTags": inCell({ dnsTags: true }),
  serverType: inArgs({ serverType: "cx33" }),
  address: inArgs({ address: "ethel" }),
  customDomain: (args) => ({
    ...args,
    customDomain: {
      name: "ai.firm.example",
      zone: "firm.example",
      zoneId: cell.customZones["firm.example"] ?? "",
    },
  }),
  growDisk: inArgs({ growDisk: true }),
  location: inArgs({ location: "fsn1" }),
  privateIp: inArgs({ privateIp: "10.0.0.4" }),
  phase: inArgs({ phase: "suspended" }),
  replaceUnfinished: inArgs({ replaceUnfinished: false }),
  backups: inArgs({ backups: true }),
  protection: inArgs({ protection: true }),
  extraFirewallRules: inArgs({ extraFirewallRules: [rule] }),
  openclawVersion: inArgs({ openclawVersion: "2026.9.7" }),
  gatewayMemoryMb: inArgs({ gatewayMemoryMb: 3072 }),
  gatewayTasks: inArgs({ gatewayTasks: 1024 }),
  workspace: inArgs({ workspace: { "AGENTS.md": "be kind" } }),
  model: inArgs({ model: "anthropic/claude-opus-5" }),
  denyRuntimeTools: inArgs({ denyRuntimeTools: true }),
  "secrets.hostKeyPrivate": inSecrets({ hostKeyPrivate: pulumi.secret(keys.other.private) }),
  "secrets.hostKeyPublic": inSecrets({ hostKeyPublic: keys.other.public }),
  "secrets.sshPrivateKey": inSecrets({ sshPrivateKey: pulumi.secret(keys.other.private) }),
  "secrets.gatewayToken": inSecrets({ gatewayToken: pulumi.secret("b".repeat(64)) }),
  "secrets.environment": inSecrets({ environment: pulumi.secret({ ANTHROPIC_API_KEY: "x" }) }),
  healthTimeoutMs: inArgs({ healthTimeoutMs: 60_000 }),
};

const cellChanges: Record<string, (args: CellArgs) => CellArgs> = {
  name: (args) => ({ ...args, name: "eu1" }),
  networkRange: (args) => ({ ...args, networkRange: "10.0.0.0/15" }),
  subnetRange: (args) => ({ ...args, subnetRange: "10.0.1.0/24" }),
  networkZone: (args) => ({ ...args, networkZone: "us-east" }),
  zone: (args) => ({ ...args, zone: "other.example" }),
  customZones: (args) => ({ ...args, customZones: [] }),
  sshPublicKey: (args) => ({ ...args, sshPublicKey: keys.other.public }),
};

const credentials = () => ({
  hcloudToken: sandbox.env["HCLOUD_TOKEN"] ?? "",
  cloudflareToken: sandbox.env["CLOUDFLARE_API_TOKEN"] ?? "",
});

const openCell = (args: CellArgs) =>
  engine.open("cell", async () => {
    const made = new Cell("cell", args, { providers: createProviders(credentials(), "10ms") });
    const { networkId, subnetId, sshKeyId, zoneId, zoneName, customZones, cloudflareRanges } = made;
    return { networkId, subnetId, sshKeyId, zoneId, zoneName, customZones, cloudflareRanges };
  });

const openInstance = (args: AssistantInstanceArgs) =>
  engine.open("edith", async () => {
    const providers = createProviders(credentials(), "10ms");
    return { url: new AssistantInstance("assistant", args, { providers }).url };
  });

async function previewEffects(stack: Stack): Promise<string[]> {
  const effects = createEffects();
  await stack.preview({ onEvent: effects.onEvent });
  return effects.list();
}

describe.skipIf(obstacle !== undefined)("effects of a changed argument", () => {
  beforeAll(async () => {
    sandbox = await startSandbox({
      servicePort: 1,
      moreZones: ["other.example", "firm.example"],
      checks: conformity.checks,
    });
    engine = await startTestEngine(sandbox.env);
    const { outputs } = await (await openCell(baseCell)).up();
    const values = Object.entries(outputs).map(([name, { value }]) => [name, value] as const);
    cell = cellOutputsSchema.parse(Object.fromEntries(values));
    await (await openInstance(baseInstance())).up();
  });
  afterAll(async () => {
    await sandbox?.close();
    await engine?.close();
    conformity.expectConform(["hetzner", "cloudflare"]);
  });

  test("the README has a row for every argument, and no other", () => {
    expect([...readTable("AssistantInstance").keys()].toSorted()).toEqual(
      Object.keys(instanceChanges).toSorted(),
    );
    expect([...readTable("Cell").keys()].toSorted()).toEqual(Object.keys(cellChanges).toSorted());
  });

  test("unchanged arguments change nothing", async () => {
    expect(await previewEffects(await openInstance(baseInstance()))).toEqual([]);
    expect(await previewEffects(await openCell(baseCell))).toEqual([]);
  });

  for (const [argument, change] of Object.entries(instanceChanges)) {
    test(`AssistantInstance ${argument}`, async () => {
      const effects = await previewEffects(await openInstance(change(baseInstance())));
      expect(effects).toEqual(readTable("AssistantInstance").get(argument) ?? ["no row"]);
    });
  }

  for (const [argument, change] of Object.entries(cellChanges)) {
    test(`Cell ${argument}`, async () => {
      const effects = await previewEffects(await openCell(change(baseCell)));
      expect(effects).toEqual(readTable("Cell").get(argument) ?? ["no row"]);
    });
  }
});
