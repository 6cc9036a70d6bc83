/** One command on one machine over SSH: its host key is pinned, everything is bounded in time and size. */
import ssh2, { type Client, type ConnectConfig, type ServerHostKeyAlgorithm } from "ssh2";
import { messageOf } from "../errors.ts";

export type MachineAddress = {
  host: string;
  port: number;
  /** `ssh-ed25519 AAAA…`: nobody else is spoken to. */
  hostKey: string;
  privateKey: string;
};

export type MachineAnswer =
  | { kind: "ran"; code: number; stdout: string; stderr: string }
  /** Nobody let us in: the command was not run. */
  | { kind: "unreachable"; reason: string }
  /** It was asked to run the command, and nobody heard of its end. */
  | { kind: "cut-off"; reason: string };

export type RunOnMachine = (
  address: MachineAddress,
  command: string,
  options: { timeoutMs: number; signal?: AbortSignal },
) => Promise<MachineAnswer>;

const dialTimeoutMs = 10_000;
/** A customer's machine says what it likes; more is not kept. */
const maxOutput = 16 * 1024;

/** Resolves in any case, and the connection is gone then. */
export const runOnMachine: RunOnMachine = async (address, command, { timeoutMs, signal }) => {
  const client = new ssh2.Client();
  try {
    return await new Promise<MachineAnswer>((resolve) => {
      let inside = false;
      const fail = (reason: string) => resolve({ kind: inside ? "cut-off" : "unreachable", reason });
      const timer = AbortSignal.timeout(timeoutMs);
      timer.addEventListener("abort", () => fail(`no end within ${timeoutMs / 1000} s`), { once: true });
      signal?.addEventListener("abort", () => fail("stopped"), { once: true });
      if (signal?.aborted) fail("stopped");
      client.once("error", (error) => fail(error.message));
      client.once("close", () => fail("the connection was closed"));
      client.once("ready", () => {
        inside = true;
        execute(client, command, resolve, fail);
      });
      client.connect(toConnection(address));
    });
  } catch (error) {
    // A host key or a private key that cannot be read.
    return { kind: "unreachable", reason: messageOf(error) };
  } finally {
    client.on("error", () => undefined);
    client.destroy();
  }
};

export function toConnection({ host, port, hostKey, privateKey }: MachineAddress): ConnectConfig {
  const [, pinned = ""] = hostKey.trim().split(/\s+/);
  return {
    host,
    port,
    username: "root",
    privateKey,
    readyTimeout: dialTimeoutMs,
    algorithms: { serverHostKey: ["ssh-ed25519" satisfies ServerHostKeyAlgorithm] },
    hostVerifier: (key: Buffer) => key.toString("base64") === pinned,
  };
}

function execute(
  client: Client,
  command: string,
  resolve: (answer: MachineAnswer) => void,
  fail: (reason: string) => void,
): void {
  client.exec(command, (error, channel) => {
    if (error) return fail(error.message);
    let stdout = "";
    let stderr = "";
    let code: number | null = null;
    const take = (have: string, text: string) => (have + text).slice(0, maxOutput);
    channel.setEncoding("utf8").on("data", (text: string) => (stdout = take(stdout, text)));
    channel.stderr.setEncoding("utf8").on("data", (text: string) => (stderr = take(stderr, text)));
    channel.once("exit", (status: number | null) => (code = status));
    channel.once("close", () =>
      code === null ? fail("the command was cut off") : resolve({ kind: "ran", code, stdout, stderr }),
    );
    return channel.end();
  });
}
