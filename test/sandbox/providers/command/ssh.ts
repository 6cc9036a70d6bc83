/** One command over SSH, dialled as the official command provider does. */
import { setTimeout as sleep } from "node:timers/promises";
import ssh2 from "ssh2";
import type { Bag } from "../bridge/values.ts";

export type SshResult = {
  /** undefined: the connection ended before the command did. */
  code: number | undefined;
  signal: string | undefined;
  stdout: string;
  stderr: string;
  /** Both, in the order in which they came. */
  combined: string;
};

export type Environment = Record<string, string>;

export type SshCommand = {
  /** Plain; the provider's defaults stand for what is missing. */
  connection: Bag;
  command: string;
  stdin: string | undefined;
  /** Must be taken by the server. */
  environment: Environment;
  /** Set when the server takes it. */
  optionalEnvironment?: Environment;
  onOutput: (stream: "stdout" | "stderr", text: string) => void;
  /** An optional variable that the server refused. */
  onRefused?: (name: string) => void;
  /** A dial that failed and will be repeated. */
  onRetry?: (dials: number, limit: number) => void;
  /** Factor on the waits between dials. */
  timeScale: number;
  signal?: AbortSignal;
};

/** No way to the machine after all dials. */
export class DialError extends Error {
  readonly attempts: number;
  readonly reason: string;
  constructor(attempts: number, reason: string) {
    super(`after ${attempts} failed attempts: ${reason}`);
    this.attempts = attempts;
    this.reason = reason;
  }
}

export class EnvironmentRefused extends Error {
  readonly variable: string;
  constructor(variable: string) {
    super(`could not set environment variable "${variable}": ssh: setenv failed`);
    this.variable = variable;
  }
}

const defaults = { dialErrorLimit: 10, perDialTimeout: 15, port: 22, user: "root" } as const;
const firstPauseMs = 100;
const longestPauseMs = 5000;

/** @throws DialError after `dialErrorLimit` + 1 dials, EnvironmentRefused. */
export async function runOverSsh(input: SshCommand): Promise<SshResult> {
  const client = await dial(input);
  const stop = () => client.destroy();
  input.signal?.addEventListener("abort", stop, { once: true });
  try {
    const environment = await acceptedEnvironment(client, input);
    return await execute(client, input.command, {
      environment,
      stdin: input.stdin ?? "",
      onOutput: input.onOutput,
    });
  } finally {
    input.signal?.removeEventListener("abort", stop);
    client.end();
  }
}

async function dial({ connection, timeScale, signal, onRetry }: SshCommand): Promise<ssh2.Client> {
  const limit = numberIn(connection, "dialErrorLimit");
  for (let errors = 0; ; errors += 1) {
    signal?.throwIfAborted();
    try {
      return await connect(connection);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (limit >= 0 && errors >= limit) throw new DialError(errors, text);
      onRetry?.(errors + 1, limit);
      const pause = Math.min(longestPauseMs, firstPauseMs * 1.5 ** errors) * timeScale;
      await sleep(pause, undefined, signal ? { signal } : {});
    }
  }
}

function connect(connection: Bag): Promise<ssh2.Client> {
  if (connection["proxy"]) throw new Error("the sandbox's provider knows no proxies");
  const pinned = textIn(connection, "hostKey");
  return new Promise((resolve, reject) => {
    const client = new ssh2.Client();
    client.once("ready", () => resolve(client));
    client.once("error", (error) => {
      client.destroy();
      reject(error);
    });
    client.connect({
      host: textIn(connection, "host") ?? "",
      port: numberIn(connection, "port"),
      username: textIn(connection, "user") ?? defaults.user,
      readyTimeout: numberIn(connection, "perDialTimeout") * 1000,
      ...given("privateKey", textIn(connection, "privateKey")),
      ...given("passphrase", textIn(connection, "privateKeyPassword")),
      ...given("password", textIn(connection, "password")),
      ...given("agent", textIn(connection, "agentSocketPath")),
      ...(pinned === undefined
        ? {}
        : {
            algorithms: { serverHostKey: [algorithmOf(pinned)] },
            hostVerifier: (key: Buffer) => key.toString("base64") === pinned.trim().split(/\s+/)[1],
          }),
    });
  });
}

function textIn(connection: Bag, name: string): string | undefined {
  const value = connection[name];
  return typeof value === "string" ? value : undefined;
}

function numberIn(connection: Bag, name: "dialErrorLimit" | "perDialTimeout" | "port"): number {
  const value = connection[name];
  return typeof value === "number" ? value : defaults[name];
}

function given(name: string, value: string | undefined): Record<string, string> {
  return value === undefined ? {} : { [name]: value };
}

function algorithmOf(publicKey: string): ssh2.ServerHostKeyAlgorithm {
  const name = publicKey.trim().split(/\s+/)[0] ?? "";
  return (name === "ssh-rsa" ? "rsa-sha2-512" : name) as ssh2.ServerHostKeyAlgorithm;
}

/**
 * Go's client learns from the server's answer whether a variable is taken; ssh2 asks for no answer. So a look at the
 * environment of a first, empty command tells.
 */
async function acceptedEnvironment(client: ssh2.Client, input: SshCommand): Promise<Environment> {
  const optional = input.optionalEnvironment ?? {};
  const wanted = { ...optional, ...input.environment };
  const names = Object.keys(wanted);
  if (names.length === 0) return {};
  const probe = await execute(client, "env", { environment: wanted, stdin: "", onOutput: () => undefined });
  const isTaken = (name: string) => `\n${probe.stdout}`.includes(`\n${name}=`);
  const refused = Object.keys(input.environment).find((name) => !isTaken(name));
  if (refused !== undefined) throw new EnvironmentRefused(refused);
  for (const name of Object.keys(optional)) if (!isTaken(name)) input.onRefused?.(name);
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => isTaken(name)));
}

type Execution = {
  environment: Environment;
  stdin: string;
  onOutput: SshCommand["onOutput"];
};

function execute(client: ssh2.Client, command: string, { environment, stdin, onOutput }: Execution) {
  return new Promise<SshResult>((resolve, reject) => {
    client.once("error", reject);
    client.exec(command, { env: environment }, (error, channel) => {
      if (error) return reject(error);
      const result: SshResult = { code: undefined, signal: undefined, stdout: "", stderr: "", combined: "" };
      const take = (stream: "stdout" | "stderr") => (text: string) => {
        result[stream] += text;
        result.combined += text;
        onOutput(stream, text);
      };
      channel.setEncoding("utf8").on("data", take("stdout"));
      channel.stderr.setEncoding("utf8").on("data", take("stderr"));
      channel.on("exit", (code: number | null, signal?: string) => {
        result.code = code ?? undefined;
        result.signal = signal;
      });
      channel.once("close", () => resolve(result));
      channel.end(stdin);
    });
  });
}
