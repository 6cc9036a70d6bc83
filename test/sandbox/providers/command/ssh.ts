/** One command over SSH, dialled as the official command provider does. */
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import { isBag, type Bag } from "../bridge/values.ts";

export type SshResult = { code: number; signal: string | undefined; stdout: string; stderr: string };

export type SshCommand = {
  connection: Bag;
  command: string;
  stdin: string | undefined;
  environment: Record<string, string>;
  onOutput(stream: "stdout" | "stderr", text: string): void;
  timeScale: number;
};

const defaultDialErrors = 10;
const defaultDialSeconds = 15;

/** @throws after `dialErrorLimit` + 1 dials, or when the server refuses an environment variable. */
export async function runOverSsh(input: SshCommand): Promise<SshResult> {
  const client = await dial(input.connection, input.timeScale);
  try {
    return await execute(client, input);
  } finally {
    client.end();
  }
}

async function dial(connection: Bag, timeScale: number): Promise<ssh2.Client> {
  const limit =
    typeof connection["dialErrorLimit"] === "number" ? connection["dialErrorLimit"] : defaultDialErrors;
  for (let errors = 0; ; errors += 1) {
    try {
      return await connect(connection);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (limit >= 0 && errors >= limit) {
        throw new Error(`after ${errors + 1} failed attempts: ${text}`, { cause: error });
      }
      await sleep(Math.min(5000, 100 * 1.5 ** errors) * timeScale);
    }
  }
}

function connect(connection: Bag): Promise<ssh2.Client> {
  const text = (name: string) => (typeof connection[name] === "string" ? connection[name] : undefined);
  const pinned = text("hostKey");
  const seconds =
    typeof connection["perDialTimeout"] === "number" ? connection["perDialTimeout"] : defaultDialSeconds;
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.once("ready", () => resolve(client));
    client.once("error", (error) => {
      client.destroy();
      reject(error);
    });
    client.connect({
      host: text("host") ?? "",
      port: typeof connection["port"] === "number" ? connection["port"] : 22,
      username: text("user") ?? "root",
      readyTimeout: seconds * 1000,
      ...(text("privateKey") === undefined ? {} : { privateKey: text("privateKey") ?? "" }),
      ...(text("password") === undefined ? {} : { password: text("password") ?? "" }),
      ...(pinned === undefined
        ? {}
        : {
            algorithms: { serverHostKey: [algorithmOf(pinned)] },
            hostVerifier: (key: Buffer) => key.toString("base64") === pinned.trim().split(/\s+/)[1],
          }),
    });
  });
}

function algorithmOf(publicKey: string): ssh2.ServerHostKeyAlgorithm {
  const name = publicKey.trim().split(/\s+/)[0] ?? "";
  return (name === "ssh-rsa" ? "rsa-sha2-512" : name) as ssh2.ServerHostKeyAlgorithm;
}

function execute(client: ssh2.Client, input: SshCommand): Promise<SshResult> {
  return new Promise((resolve, reject) => {
    client.once("error", reject);
    client.exec(input.command, { env: input.environment }, (error, channel) => {
      if (error) return reject(error);
      let stdout = "";
      let stderr = "";
      let code = 0;
      let signal: string | undefined;
      channel.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
        input.onOutput("stdout", text);
      });
      channel.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
        input.onOutput("stderr", text);
      });
      channel.on("exit", (exitCode: number | null, exitSignal?: string) => {
        code = exitCode ?? 255;
        signal = exitSignal;
      });
      channel.once("close", () => resolve({ code, signal, stdout, stderr }));
      channel.end(input.stdin ?? "");
    });
  });
}

export function environmentOf(value: unknown): Record<string, string> {
  return isBag(value)
    ? Object.fromEntries(Object.entries(value).map(([name, text]) => [name, String(text)]))
    : {};
}
