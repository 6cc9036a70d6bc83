/** sshd of a machine without processes: real SSH with the machine's own host key; commands run as functions. */
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type AuthContext, type Connection, type ServerChannel } from "ssh2";
import { text } from "node:stream/consumers";
import type { ScriptResult } from "./light-machine.ts";

/** `cut-after`: the script has done its work, and nobody hears of it. */
export type CommandFault =
  | { kind: "cut-before" }
  | { kind: "cut-after" }
  | { kind: "fail" }
  | { kind: "slow"; ms: number };

export type LightSshdOptions = {
  host: string;
  port: number;
  hostKey: string;
  authorizedKeys: readonly string[];
  run: (command: string, stdin: string) => Promise<ScriptResult>;
  takeFault: () => CommandFault | undefined;
};

export type LightSshd = { close(): Promise<void> };

export async function startLightSshd(options: LightSshdOptions): Promise<LightSshd> {
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [options.hostKey] }, (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
    connection.on("error", () => undefined);
    connection.on("authentication", (context) => authenticate(context, options.authorizedKeys));
    connection.on("session", (accept) => {
      const session = accept();
      session.on("env", (_accept, reject) => reject?.());
      session.on("exec", (take, _reject, { command }) => {
        serveCommand(options, connection, take(), command).catch(() => connection.end());
      });
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => resolve());
  });
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const connection of connections) connection.end();
        // A client that never lets go must not keep a machine from being switched off.
        setTimeout(resolve, 500).unref();
      }),
  };
}

function authenticate(context: AuthContext, authorizedKeys: readonly string[]): void {
  if (context.username !== "root" || context.method !== "publickey") return context.reject(["publickey"]);
  const offered = context.key.data.toString("base64");
  for (const line of authorizedKeys) {
    const key = ssh2.utils.parseKey(line);
    if (key instanceof Error || key.getPublicSSH().toString("base64") !== offered) continue;
    const proven =
      !context.signature || key.verify(context.blob ?? Buffer.alloc(0), context.signature, context.hashAlgo);
    if (proven) return context.accept();
  }
  return context.reject(["publickey"]);
}

async function serveCommand(
  options: LightSshdOptions,
  connection: Connection,
  channel: ServerChannel,
  command: string,
): Promise<void> {
  channel.on("error", () => undefined);
  const fault = options.takeFault();
  if (fault?.kind === "cut-before") return void connection.end();
  const stdin = await text(channel);
  if (fault?.kind === "slow") await sleep(fault.ms);
  const result =
    fault?.kind === "fail"
      ? { code: 1, stdout: "", stderr: "told to fail\n" }
      : await options.run(command, stdin);
  if (fault?.kind === "cut-after") return void connection.end();
  channel.write(result.stdout);
  channel.stderr.write(result.stderr);
  channel.exit(result.code);
  channel.close();
}
