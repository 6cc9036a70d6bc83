/**
 * The environment of the engine that attached. A real plugin is its child and inherits it; a server that was there before
 * looks it up, so that what is set for one run (the clouds' addresses) reaches both by the same means.
 */
import { readdir, readFile, readlink } from "node:fs/promises";

export type EngineEnvironment = Readonly<Record<string, string | undefined>>;

/** `address`: what the engine says when it attaches. Empty where there is no /proc. */
export async function readEngineEnvironment(address: string): Promise<EngineEnvironment> {
  const port = Number(address.slice(address.lastIndexOf(":") + 1));
  const socket = await findListeningSocket(port);
  if (socket === undefined) return {};
  for (const pid of await listEngines()) {
    if (await holds(pid, `socket:[${socket}]`)) return await readEnvironment(pid);
  }
  return {};
}

/** Fields 2, 4 and 10: local address, state (0A: listening), inode. Source: proc_pid_net(5). */
async function findListeningSocket(port: number): Promise<string | undefined> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (await readOrEmpty(table)).split("\n")) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(suffix) && fields[3] === "0A") return fields[9];
    }
  }
  return undefined;
}

async function listEngines(): Promise<string[]> {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const names = await Promise.all(pids.map((pid) => readOrEmpty(`/proc/${pid}/comm`)));
  return pids.filter((_, at) => names[at]?.trim() === "pulumi");
}

async function holds(pid: string, target: string): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const files = await readdir(folder).catch(() => []);
  const links = await Promise.all(files.map((file) => readlink(`${folder}/${file}`).catch(() => "")));
  return links.includes(target);
}

async function readEnvironment(pid: string): Promise<EngineEnvironment> {
  const pairs = (await readOrEmpty(`/proc/${pid}/environ`)).split("\0").filter((pair) => pair.includes("="));
  return Object.fromEntries(
    pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
  );
}

/** A process may end while it is looked at. */
async function readOrEmpty(path: string): Promise<string> {
  return await readFile(path, "utf8").catch(() => "");
}
