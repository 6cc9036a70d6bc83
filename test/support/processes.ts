/** Processes of this machine as /proc shows them: what a service started, and what outlived it. Linux only. */
import { readdir, readFile } from "node:fs/promises";

export type ProcessInfo = { pid: number; parent: number; group: number; command: string };

/** Every process that can be read now; those that end meanwhile are left out. */
export async function listProcesses(): Promise<ProcessInfo[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.toSorted((a, b) => a - b).map(readProcess));
  return all.filter((one) => one !== undefined);
}

async function readProcess(pid: number): Promise<ProcessInfo | undefined> {
  const [state, parent, group] = await readStat(pid);
  if (!isLiving(state)) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return { pid, parent: Number(parent), group: Number(group), command: command.replaceAll("\0", " ").trim() };
}

/** A zombie is dead: it does nothing any more. */
export async function isRunning(pid: number): Promise<boolean> {
  return isLiving((await readStat(pid))[0]);
}

function isLiving(state: string | undefined): boolean {
  return state !== undefined && state !== "" && state !== "Z";
}

/** State, parent, group and more (source: proc_pid_stat(5)); the name before them, in brackets, may hold anything. */
async function readStat(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Every process below this one. */
export async function descendants(pid: number): Promise<ProcessInfo[]> {
  return below(await listProcesses(), pid);
}

export function below(all: readonly ProcessInfo[], pid: number): ProcessInfo[] {
  const children = all.filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child, ...below(all, child.pid)]);
}

/** Processes whose environment holds this text: whoever inherited it, even after their parents died. */
export async function findByEnvironment(text: string): Promise<ProcessInfo[]> {
  const found = await Promise.all(
    (await listProcesses()).map(async (one) => {
      const environment = await readFile(`/proc/${one.pid}/environ`, "utf8").catch(() => "");
      return environment.includes(text) ? one : undefined;
    }),
  );
  return found.filter((one) => one !== undefined);
}
