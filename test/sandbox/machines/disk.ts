/** What a machine keeps: an overlay over this host's own root, and folders that start out empty. Files only, no processes. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCommand } from "../../../infra/engine/tools.ts";

/** Of the host nothing is seen in these; they begin empty, as on a fresh server. */
const ownFolders = [
  "root",
  "home",
  "opt",
  "srv",
  "usr/local",
  "var/lib",
  "var/log",
  "var/cache",
  "etc/systemd/system",
] as const;

export type MachineFolders = {
  folder: string;
  /** Shared with the inside as /run/sandbox/host: seed, sockets. */
  host: string;
  disk: string;
  console: string;
  addresses: string;
};

export function machineFolders(scratch: string, id: number): MachineFolders {
  const folder = join(scratch, `m${id}`);
  return {
    folder,
    host: join(folder, "host"),
    disk: join(folder, "disk"),
    console: join(folder, "console.log"),
    addresses: join(folder, "addresses"),
  };
}

export async function createMachineFolders(folders: MachineFolders, fromDisk?: string): Promise<void> {
  await mkdir(join(folders.folder, "root"), { recursive: true });
  await mkdir(folders.host);
  await writeFile(folders.addresses, "");
  await writeFile(folders.console, "");
  await writeFile(join(folders.folder, "own-folders"), `${ownFolders.join("\n")}\n`);
  await createDisk(folders.disk, fromDisk);
}

export async function createDisk(disk: string, fromDisk?: string): Promise<void> {
  if (fromDisk !== undefined) return copyDisk(fromDisk, disk);
  for (const name of ["upper", "work"]) await mkdir(join(disk, name), { recursive: true });
  for (const name of ownFolders) await mkdir(join(disk, "own", name), { recursive: true });
}

/** `cp -a` and not Node's copy: owners, and the device nodes by which an overlay remembers what was removed. */
export async function copyDisk(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  const { code, stderr } = await runCommand("cp", ["-a", from, to], { timeoutMs: 60_000 });
  if (code !== 0) throw new Error(`the disk could not be copied: ${stderr.trim()}`);
  // The overlay's work folder belongs to a mount; a fresh one starts empty.
  await rm(join(to, "work"), { recursive: true, force: true });
  await mkdir(join(to, "work"));
}

/** Where a file that was written inside lies on this host. */
export function pathOnHost(disk: string, inside: string): string {
  const path = inside.replace(/^\/+/, "");
  const own = ownFolders.find((folder) => path === folder || path.startsWith(`${folder}/`));
  return own === undefined ? join(disk, "upper", path) : join(disk, "own", path);
}
