/**
 * Proves that a light machine takes the product's own remote commands, in their order, and nothing else. It cannot prove what
 * the scripts do on a real machine.
 */
import { beforeEach, expect, test } from "vitest";
import {
  configureDocument,
  healthDocument,
  tlsInstallDocument,
  tlsRequestDocument,
  type ConfigureInput,
} from "../../cloud-init/documents.ts";
import { remoteScripts } from "../../cloud-init/files.ts";
import { bashCommand, nodeCommand } from "../../cloud-init/remote-command.ts";
import { createOriginCa } from "../sandbox/cloudflare/origin-ca.ts";
import { blankDisk, type LightMachine } from "../sandbox/light-machines/light-machine.ts";
import { runRemoteCommand, tokenOf } from "../sandbox/light-machines/light-scripts.ts";
import { machineInput } from "../support/machine-input.ts";

const { host, privateIp } = machineInput;

let machine: LightMachine;
beforeEach(() => {
  machine = { disk: { ...blankDisk("key"), bootedFor: 7 }, addresses: new Set([privateIp]) };
});

const run = (command: string, stdin = "") =>
  runRemoteCommand(machine, command, stdin, new AbortController().signal);
const configure = (change: Partial<ConfigureInput> = {}) =>
  run(nodeCommand(remoteScripts.configure), configureDocument({ ...machineInput, ...change }));
const health = (change: Partial<ConfigureInput> = {}) =>
  run(nodeCommand(remoteScripts.health), healthDocument({ ...machineInput, ...change }, 1000));
const request = () => run(nodeCommand(remoteScripts.tlsRequest), tlsRequestDocument(host));

async function install() {
  const { stdout } = await request();
  const ca = await createOriginCa(() => new Date());
  const certificate = await ca.sign(stdout, [host], new Date(Date.now() + 86_400_000));
  return await run(nodeCommand(remoteScripts.tlsInstall), tlsInstallDocument(certificate));
}

test("all scripts in their order make a machine that says that it started", async () => {
  expect((await run(bashCommand(remoteScripts.waitFirstBoot))).code).toBe(0);
  expect((await install()).code).toBe(0);
  expect((await configure()).code).toBe(0);
  expect(await health()).toMatchObject({ code: 0, stdout: "started 2026.9.6\n" });
  expect(tokenOf(machine.disk)).toBe(machineInput.gatewayToken);
});

test("the same request again is the same text", async () => {
  expect((await request()).stdout).toBe((await request()).stdout);
});

test.each([
  ["a command that is none of the product's", () => run("true"), 127],
  ["a script that was changed on the way", () => run(`${nodeCommand(remoteScripts.health)} `), 127],
  ["a configuration before the certificate", () => configure(), 1],
  ["a health check before the configuration", () => health(), 1],
  ["a document of another shape", () => run(nodeCommand(remoteScripts.configure), "{}"), 1],
])("%s fails", async (_what, attempt, code) => {
  expect((await attempt()).code).toBe(code);
});

test("a certificate for another key is refused", async () => {
  await install();
  machine.disk.key = undefined;
  const certificate = machine.disk.certificate ?? "";
  await request();
  expect((await run(nodeCommand(remoteScripts.tlsInstall), tlsInstallDocument(certificate))).code).toBe(1);
});

test("another token than the configured one is no health", async () => {
  await install();
  await configure();
  expect((await health({ gatewayToken: "u".repeat(64) })).code).toBe(1);
});

test("a suspended machine does not start, and one that still runs is not suspended", async () => {
  await install();
  await configure();
  expect((await health({ phase: "suspended" })).code).toBe(1);
  expect((await configure({ phase: "suspended" })).code).toBe(0);
  expect((await health({ phase: "suspended" })).stdout).toBe("suspended\n");
  expect((await health()).code).toBe(1);
});
