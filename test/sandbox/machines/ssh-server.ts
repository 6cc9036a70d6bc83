/** sshd of one machine: the host key and the authorized keys are those on its disk; sessions run inside. */
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from "ssh2";
import { pathOnHost } from "./disk.ts";

export type SshServerOptions = {
  host: string;
  port: number;
  disk: string;
  /** The machine as a command prefix. */
  enter: readonly string[];
};

export type SshServer = {
  /** It listens on this port, with the host key that is on the disk now. */
  stillServes(port: number): Promise<boolean>;
  /** What a restart of sshd does: sessions that are open go on. */
  stopListening(): void;
  close(): Promise<void>;
};

const closePatienceMs = 2_000;
const hostKeyFile = "/etc/ssh/ssh_host_ed25519_key";

/** What sshd sets for root on Ubuntu. */
export const sessionEnvironment = {
  HOME: "/root",
  USER: "root",
  LOGNAME: "root",
  SHELL: "/bin/bash",
  LANG: "C.UTF-8",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
};

/** @throws when the disk holds no host key, as sshd does. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const hostKey = await readInside(options.disk, hostKeyFile);
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    connections.add(connection);
    connection.once("close", () => connections.delete(connection));
    connection.on("error", () => undefined);
    connection.on("authentication", (context) => {
      authenticate(context, options.disk).catch(() => context.reject());
    });
    connection.on("session", (accept) => serveSession(accept(), options.enter));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, () => resolve());
  });
  const closed = new Promise<void>((resolve) => server.once("close", () => resolve()));
  let listening = true;
  const stopListening = (): void => {
    listening = false;
    server.close();
  };
  return {
    stillServes: async (port) =>
      listening &&
      port === options.port &&
      (await readInside(options.disk, hostKeyFile).catch(() => "")) === hostKey,
    stopListening,
    async close() {
      stopListening();
      for (const connection of connections) connection.end();
      // A client that never lets go must not keep a machine from being switched off.
      await Promise.race([closed, sleep(closePatienceMs, undefined, { ref: false })]);
    },
  };
}

async function authenticate(context: AuthContext, disk: string): Promise<void> {
  if (context.username !== "root" || context.method !== "publickey") return context.reject(["publickey"]);
  const authorized = await readInside(disk, "/root/.ssh/authorized_keys").catch(() => "");
  const keys = authorized.split("\n").map((line) => ssh2.utils.parseKey(line));
  const offered = context.key.data.toString("base64");
  for (const key of keys) {
    if (key instanceof Error || key.getPublicSSH().toString("base64") !== offered) continue;
    const proven =
      !context.signature || key.verify(context.blob ?? Buffer.alloc(0), context.signature, context.hashAlgo);
    if (proven) return context.accept();
  }
  return context.reject(["publickey"]);
}

function serveSession(session: Session, enter: readonly string[]): void {
  const environment: Record<string, string> = { ...sessionEnvironment };
  // Ubuntu's sshd takes no others (AcceptEnv LANG LC_*).
  session.on("env", (accept, reject, { key, val }) => {
    if (!/^(LANG|LC_\w+)$/.test(key)) return reject?.();
    environment[key] = val;
    return accept?.();
  });
  session.on("exec", (accept, _reject, { command }) => runInside(accept(), command, enter, environment));
}

function runInside(
  channel: ServerChannel,
  command: string,
  enter: readonly string[],
  environment: Record<string, string>,
): void {
  const [program = "", ...args] = enter;
  const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
  // Login shell's rule: the account's shell gets the whole line.
  const line = [...args, "env", "-i", "-C", "/root", ...assignments, "/bin/bash", "-c", command];
  const child = spawn(program, line, { stdio: ["pipe", "pipe", "pipe"] });
  channel.pipe(child.stdin);
  child.stdin.on("error", () => undefined);
  channel.on("error", () => undefined);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  child.once("error", () => channel.close());
  child.once("close", (code, signal) => {
    if (signal) channel.exit(signal.replace(/^SIG/, ""));
    else channel.exit(code ?? 255);
    channel.close();
  });
}

function readInside(disk: string, path: string): Promise<string> {
  return readFile(pathOnHost(disk, path), "utf8");
}
