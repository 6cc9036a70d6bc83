/** One installation at a time on a machine: a file that names its owner's process, stale when that is gone. */
import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

export type LockOptions = { waitMs: number; pollMs?: number; onWait?: (owner: number) => void };

/** Runs `work` while holding the lock. @throws when another living process holds it for longer than `waitMs`. */
export async function withLock<T>(file: string, options: LockOptions, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(file), { recursive: true });
  const deadline = Date.now() + options.waitMs;
  let told = false;
  while (!(await take(file))) {
    const owner = await readOwner(file);
    if (owner !== undefined && !isAlive(owner)) {
      await rm(file, { force: true });
      continue;
    }
    if (owner !== undefined && !told) options.onWait?.(owner);
    told ||= owner !== undefined;
    if (Date.now() > deadline)
      throw new Error(`process ${owner ?? "?"} has been installing for too long; remove ${file} if it hangs`);
    await sleep(options.pollMs ?? 500);
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

/** Linked and not opened: the file has its owner's number from its first moment, also when we die right after. */
async function take(file: string): Promise<boolean> {
  const own = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(own, `${process.pid}\n`);
  try {
    await link(own, file);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(own, { force: true });
  }
}

/** undefined when the owner has just let go. */
async function readOwner(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const pid = Number.parseInt(text, 10);
  return Number.isInteger(pid) && pid > 0 ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
