/**
 * Proves with the real engine how the stand-in for the command provider runs, repeats, replaces and fails a remote
 * command. The SSH server is the test's own and takes LC_* only, as Ubuntu's does; it cannot show what a machine does.
 */
import { spawn } from "node:child_process";
import type { AddressInfo } from "node:net";
import { Command, type CommandArgs } from "@pulumi/command/remote/command.js";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import * as pulumi from "@pulumi/pulumi";
import ssh2 from "ssh2";
import { createSshKeyPair } from "../../reconciler/ssh-key.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bench, createSteps, readState, startBench } from "../support/provider-bench.ts";
import { findTestEngine } from "../support/engine.ts";

const installed = (await findTestEngine()) !== undefined;
if (!installed) {
  process.stderr.write("skipped: the Pulumi engine is not installed (npm run engine)\n");
}

const hostKey = createSshKeyPair("test");
const clientKey = createSshKeyPair("test");
const stranger = createSshKeyPair("test");

type SshServer = { port: number; acceptAll: boolean; commands: string[]; close(): Promise<void> };

/** Runs what it is told with the shell of this machine. */
async function startSshServer(): Promise<SshServer> {
  const state: Omit<SshServer, "port" | "close"> = { acceptAll: false, commands: [] };
  const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
    client.on("error", () => undefined);
    client.on("authentication", (context) => {
      if (context.method !== "publickey") return context.reject(["publickey"]);
      const known = ssh2.utils.parseKey(clientKey.public);
      const same = !(known instanceof Error) && known.getPublicSSH().equals(context.key.data);
      return same ? context.accept() : context.reject(["publickey"]);
    });
    client.on("session", (accept) => {
      const environment: Record<string, string> = {};
      const session = accept();
      session.on("env", (acceptEnv, reject, { key, val }) => {
        if (!state.acceptAll && !key.startsWith("LC_")) return reject?.();
        environment[key] = val;
        return acceptEnv?.();
      });
      session.on("exec", (acceptExec, _reject, { command }) => {
        // The stand-in asks for the environment, since its SSH library hears of no refusal.
        if (command !== "env") state.commands.push(command);
        const channel = acceptExec();
        const child = spawn("/bin/sh", ["-c", command], { env: { PATH: "/usr/bin:/bin", ...environment } });
        channel.pipe(child.stdin);
        child.stdout.pipe(channel, { end: false });
        child.stderr.pipe(channel.stderr, { end: false });
        child.once("close", (code) => {
          channel.exit(code ?? 255);
          channel.close();
        });
      });
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()));
  return Object.assign(state, { port, close });
}

let bench: Bench;
let ssh: SshServer;

type Args = Omit<CommandArgs, "connection">;

const connectionTo = (more: Record<string, unknown> = {}) => ({
  host: "127.0.0.1",
  port: ssh.port,
  privateKey: pulumi.secret(clientKey.private),
  hostKey: hostKey.public,
  dialErrorLimit: 2,
  ...more,
});

function open(name: string, args: () => Args): Promise<Stack> {
  return bench.open(name, async () => {
    const command = new Command("command", { ...args(), connection: connectionTo() });
    return { stdout: command.stdout, stderr: command.stderr };
  });
}

async function up(stack: Stack): Promise<{ effects: string[]; stdout: unknown; events: string }> {
  const effects = createSteps();
  let events = "";
  const { outputs } = await stack.up({
    onEvent(event) {
      effects.onEvent(event);
      events += `${event.diagnosticEvent?.severity ?? ""} ${event.diagnosticEvent?.message ?? ""}\n`;
    },
  });
  return { effects: effects.list(), stdout: outputs["stdout"]?.value, events };
}

describe.skipIf(!installed)("remote.Command", () => {
  beforeAll(async () => {
    ssh = await startSshServer();
    bench = await startBench();
  });
  afterAll(async () => {
    await bench?.close();
    await ssh?.close();
  });

  test("defaults are stored, secrets are not in clear, and the second run does nothing", async () => {
    const args: Args = {
      create: "cat >/dev/null; echo err >&2",
      stdin: pulumi.secret("hidden words"),
      logging: "none",
    };
    const stack = await open("defaults", () => args);
    expect((await up(stack)).effects).toEqual(["command create"]);
    const state = await readState(stack);
    expect(state).toContain('"addPreviousOutputInEnv":true');
    expect(state).not.toContain("OPENSSH PRIVATE KEY");
    expect(state).not.toContain("hidden words");
    const shown = JSON.stringify(await stack.exportStack());
    const defaults = ["perDialTimeout", "user", "root"];
    for (const text of defaults) expect(shown).toContain(text);
    expect((await up(stack)).effects).toEqual([]);
    const effects = createSteps();
    await stack.refresh({ onEvent: effects.onEvent });
    expect(effects.list()).toEqual([]);
  });

  test("a failed command says how it ended, what it was and what it said", async () => {
    const stack = await open("failed", () => ({ create: 'echo "so far"; echo gone wrong >&2; exit 3' }));
    await expect(up(stack)).rejects.toThrow(
      /Process exited with status 3: running "echo \\"so far\\"; echo gone wrong >&2; exit 3":\s+so far\s+gone wrong/,
    );
  });

  test("a changed input runs `update`, or `create` again, with the output of before when the server takes it", async () => {
    const report = 'echo "before: $PULUMI_COMMAND_STDOUT"';
    let args: Args = { create: "echo first", update: report };
    const stack = await open("changed", () => args);
    expect((await up(stack)).stdout).toBe("first");

    args = { ...args, environment: { LC_TEST: "1" } };
    const refused = await up(stack);
    expect([refused.effects, refused.stdout]).toEqual([["command update"], "before: "]);
    expect(refused.events).toMatch(/warning .*Unable to set 'PULUMI_COMMAND_STDOUT'/);

    ssh.acceptAll = true;
    args = { create: report, environment: { LC_TEST: "2" } };
    expect((await up(stack)).stdout).toBe("before: before: ");
    args = { ...args, addPreviousOutputInEnv: false };
    expect((await up(stack)).stdout).toBe("before: ");
    ssh.acceptAll = false;
  });

  test("a changed trigger replaces the resource, and deleting it runs `delete`", async () => {
    let triggers = ["one"];
    const stack = await open("triggers", () => ({ create: "echo made", delete: "echo unmade", triggers }));
    await up(stack);
    triggers = ["two"];
    expect((await up(stack)).effects).toContain("command replace");
    const from = ssh.commands.length;
    await stack.destroy();
    expect(ssh.commands.slice(from)).toEqual(["echo unmade"]);
  });

  test("a variable that the server refuses, a wrong host key, a refused key and a dead host fail", async () => {
    const stack = await bench.open("bad", async () => {
      const commands = [
        new Command("variable", { create: "true", environment: { OTHER: "1" }, connection: connectionTo() }),
        new Command("host-key", { create: "true", connection: connectionTo({ hostKey: stranger.public }) }),
        new Command("key", { create: "true", connection: connectionTo({ privateKey: stranger.private }) }),
        new Command("host", { create: "true", connection: connectionTo({ port: 1 }) }),
      ];
      return { count: commands.length };
    });
    const error: unknown = await up(stack).catch((one: unknown) => one);
    for (const text of [
      'could not set environment variable "OTHER": ssh: setenv failed',
      "after 2 failed attempts: ssh: handshake failed: ssh: unable to authenticate",
      "after 2 failed attempts: dial tcp 127.0.0.1:1: connect: connection refused",
      "host-key",
    ]) {
      expect(String(error)).toContain(text);
    }
    expect(String(error)).toMatch(/\(host-key\):\s+error: after 2 failed attempts: ssh: handshake failed/);
  });
});
