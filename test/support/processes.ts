/** Processes as the system sees them: whose child is whose, and who is alive. Linux only. */
import { readdir, readFile } from "node:fs/promises";

export type SeenProcess = { pid: number; command: string };

/** Every process below this one, by its command line. */
export async function descendants(pid: number): Promise<SeenProcess[]> {
  const found: SeenProcess[] = [];
  const parents = new Set([pid]);
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const one of all.toSorted((a, b) => a - b)) {
    if (!parents.has(Number((await readStat(one))[1]))) continue;
    parents.add(one);
    const command = await readFile(`/proc/${one}/cmdline`, "utf8").catch(() => "");
    found.push({ pid: one, command: command.replaceAll("\0", " ") });
  }
  return found;
}

/** A zombie is dead: it does nothing any more. */
export async function isRunning(pid: number): Promise<boolean> {
  const [state] = await readStat(pid);
  return state !== undefined && state !== "" && state !== "Z";
}

/** After pid and name: state, parent, ... (source: proc_pid_stat(5)). */
async function readStat(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
