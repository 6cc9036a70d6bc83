/**
 * Proves with a real SSH server on loopback that only the machine whose host key is pinned is spoken to and only with our key, and
 * that every end of a command is told from the others: ran, not let in, let in and never heard of again, too much said, stopped.
 */
import { createServer } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runOnMachine, type MachineAddress } from "../../reconciler/health/machine-ssh.ts";
import { createSshKeyPair } from "../../reconciler/ssh-key.ts";
import type { ScriptResult } from "../sandbox/light-machines/light-machine.ts";
import { startLightSshd, type CommandFault, type LightSshd } from "../sandbox/light-machines/light-sshd.ts";

const host = "127.0.0.1";
const machine = createSshKeyPair("machine");
const ours = createSshKeyPair("ours");
const stranger = createSshKeyPair("stranger");
const pinned = machine.public.split(" ").slice(0, 2).join(" ");
const longMs = 60_000;

let sshd: LightSshd;
let port: number;
let ran: string[];
let fault: CommandFault | undefined;
let result: () => Promise<ScriptResult>;

beforeEach(async () => {
  ran = [];
  fault = undefined;
  result = () => Promise.resolve({ code: 0, stdout: "well\n", stderr: "" });
  port = await findFreePort();
  sshd = await startLightSshd({
    host,
    port,
    hostKey: machine.private,
    authorizedKeys: [ours.public],
    takeFault: () => fault,
    run: async (command) => {
      ran.push(command);
      return await result();
    },
  });
});
afterEach(() => sshd.close());

async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}

const run = (change: Partial<MachineAddress> = {}, timeoutMs = longMs, signal?: AbortSignal) =>
  runOnMachine({ host, port, hostKey: machine.public, privateKey: ours.private, ...change }, "how are you?", {
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });

test("a command with what it said and its exit code", async () => {
  expect(await run()).toEqual({ kind: "ran", code: 0, stdout: "well\n", stderr: "" });
  result = () => Promise.resolve({ code: 3, stdout: "", stderr: "ill\n" });
  expect(await run()).toEqual({ kind: "ran", code: 3, stdout: "", stderr: "ill\n" });
});

test.each<[string, () => Partial<MachineAddress>]>([
  ["a machine with another host key", () => ({ hostKey: stranger.public })],
  ["a pinned key of which only a part is right", () => ({ hostKey: pinned.slice(0, -4) })],
  ["no pinned key", () => ({ hostKey: "" })],
  ["a machine that does not know our key", () => ({ privateKey: stranger.private })],
  ["a private key that is none", () => ({ privateKey: "none" })],
])("%s is not spoken to: nothing is run there", async (_what, change) => {
  expect(await run(change())).toMatchObject({ kind: "unreachable" });
  expect(ran).toEqual([]);
});

test("a port where nobody listens", async () => {
  expect(await run({ port: await findFreePort() })).toMatchObject({ kind: "unreachable" });
});

test("a connection that ends while the command runs was let in: it may have been run", async () => {
  fault = { kind: "cut-after" };
  expect(await run()).toMatchObject({ kind: "cut-off" });
  expect(ran).toEqual(["how are you?"]);
});

test("a command without an end was run too", async () => {
  result = () => new Promise(() => undefined);
  expect(await run({}, 2000)).toEqual({ kind: "cut-off", reason: "no end within 2 s" });
});

test("a stop ends it", async () => {
  const stop = new AbortController();
  result = () => {
    stop.abort();
    return new Promise(() => undefined);
  };
  expect(await run({}, longMs, stop.signal)).toEqual({ kind: "cut-off", reason: "stopped" });
  expect(await run({}, longMs, AbortSignal.abort())).toMatchObject({ kind: "unreachable" });
});

test("a machine that talks without end is cut short", async () => {
  result = () => Promise.resolve({ code: 0, stdout: "x".repeat(1_000_000), stderr: "" });
  const answer = await run();
  expect(answer.kind === "ran" && answer.stdout.length).toBe(16 * 1024);
});
