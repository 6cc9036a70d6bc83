/** Disks of lab machines: an overlay over the base image, with what this run puts into every machine between them. */
import { cp, lstat, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { copyDisk } from "../../sandbox/machines/disk.ts";
import { addresses } from "../network/network.ts";
import { mustRun } from "../network/commands.ts";

/** Swap is the host's, and cloud-init counts a refusal as a failed boot; the file and its line in fstab are the machine's. */
const refusedSwapon = "#!/bin/sh\necho 'the lab gives no swap' >&2\n";

export type DiskFolders = { upper: string; work: string; root: string };

export function diskFolders(folder: string): DiskFolders & { disk: string } {
  const disk = join(folder, "disk");
  return { disk, upper: join(disk, "upper"), work: join(disk, "work"), root: join(folder, "root") };
}

/** The image of this run: the lab's authority among the trusted ones, its name server as the first to ask. */
export async function createRunLayer(folder: string, baseImage: string, authority: string): Promise<void> {
  const trusted = "etc/ssl/certs/ca-certificates.crt";
  await mkdir(join(folder, "etc/ssl/certs"), { recursive: true });
  await mkdir(join(folder, "usr/local/share/ca-certificates"), { recursive: true });
  await writeFile(join(folder, "usr/local/share/ca-certificates/lab.crt"), authority);
  await writeFile(join(folder, trusted), (await readFile(join(baseImage, trusted), "utf8")) + authority);
  await mkdir(join(folder, "usr/sbin"), { recursive: true });
  await writeFile(join(folder, "usr/sbin/swapon"), refusedSwapon, { mode: 0o755 });
  // Where systemd-resolved is, it is a link of its own, and cloud-init tells it whom to ask.
  const resolver = await lstat(join(baseImage, "etc/resolv.conf"));
  if (!resolver.isSymbolicLink())
    await writeFile(join(folder, "etc/resolv.conf"), `nameserver ${addresses.names}\n`);
}

/** A wiped disk, or a copy of a snapshot. */
export async function createDisk(folder: string, snapshot?: string): Promise<void> {
  const { disk, upper, work, root } = diskFolders(folder);
  await rm(disk, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  if (snapshot !== undefined) return copyDisk(snapshot, disk);
  await mkdir(upper, { recursive: true });
  await mkdir(work, { recursive: true });
}

export async function writeSeed(folder: string, files: Record<string, string>): Promise<void> {
  const seed = join(diskFolders(folder).upper, "var/lib/cloud/seed/nocloud");
  await mkdir(seed, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(seed, name), text, { mode: 0o600 });
}

/** Bottom first. */
export async function mountDisk(folder: string, layers: readonly string[]): Promise<string> {
  const { upper, work, root } = diskFolders(folder);
  const lower = layers.toReversed().join(":");
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
  await mustRun("mount", "-t", "overlay", "overlay", "-o", options, root);
  return root;
}

export async function unmountDisk(folder: string): Promise<void> {
  await mustRun("umount", "-l", diskFolders(folder).root).catch(() => undefined);
}

export async function saveSnapshot(folder: string, target: string): Promise<void> {
  await mkdir(target, { recursive: true });
  await cp(join(diskFolders(folder).disk, "upper"), join(target, "upper"), {
    recursive: true,
    verbatimSymlinks: true,
  });
}
