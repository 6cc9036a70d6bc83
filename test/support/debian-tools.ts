/** Programs of Debian that judge our files, where this host has them or apt can bring them; nothing is installed. */
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { findCacheRoot } from "../../infra/engine/cache.ts";
import { withLock } from "../../infra/engine/lock.ts";
import { runCommand, type CommandResult } from "../../infra/engine/tools.ts";

export type DebianTool = {
  (...args: string[]): Promise<CommandResult>;
  /** Started by another command, which is given its words. */
  within(wrapper: readonly string[], ...args: string[]): Promise<CommandResult>;
};

const timeoutMs = 120_000;
/** Fetches into the folder that it runs in; without lists only root can have them made. */
const fetchScript = `
apt-get -q download "$@" || { [ "$(id -u)" = 0 ] && apt-get -q update && apt-get -q download "$@"; } || exit 1
for archive in *.deb; do dpkg-deb -x "$archive" . || exit 1; done`;

/** `path` is the program's inside the packages. undefined, and a line on standard error, where there is none. */
export async function findDebianTool(
  path: string,
  packages: readonly string[],
): Promise<DebianTool | undefined> {
  if (await exists(join("/", path))) return toTool(join("/", path), {});
  const root = join(findCacheRoot(process.env), "debian-tools");
  const folder = join(root, packages[0] ?? "");
  const lock = { waitMs: timeoutMs };
  const problem = await withLock(`${folder}.lock`, lock, () => fetchOnce(folder, packages));
  if (problem !== undefined) {
    process.stderr.write(`skipped: /${path} is not installed, and apt cannot fetch it: ${problem}\n`);
    return undefined;
  }
  return toTool(join(folder, path), { LD_LIBRARY_PATH: await libraryFolders(folder) });
}

function toTool(command: string, more: Record<string, string>): DebianTool {
  const env = { ...process.env, ...more };
  const within: DebianTool["within"] = ([first = command, ...rest], ...args) =>
    runCommand(first, [...rest, ...(rest.length > 0 ? [command] : []), ...args], { timeoutMs, env });
  return Object.assign((...args: string[]) => runCommand(command, args, { timeoutMs, env }), { within });
}

async function fetchOnce(folder: string, packages: readonly string[]): Promise<string | undefined> {
  if (await exists(folder)) return undefined;
  await mkdir(dirname(folder), { recursive: true });
  const unfinished = await mkdtemp(`${folder}.`);
  const args = ["-c", fetchScript, "fetch", ...packages];
  const { code, stderr } = await runCommand("/bin/sh", args, { cwd: unfinished, timeoutMs });
  if (code === 0) await rename(unfinished, folder);
  else await rm(unfinished, { recursive: true, force: true });
  return code === 0 ? undefined : (stderr.trim().split("\n").at(-1) ?? "");
}

async function libraryFolders(folder: string): Promise<string> {
  const { stdout } = await runCommand("find", [folder, "-name", "*.so.*", "-printf", "%h\n"], { timeoutMs });
  return [...new Set(stdout.trim().split("\n"))].join(":");
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
