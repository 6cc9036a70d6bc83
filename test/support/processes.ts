/** Processes of this machine as /proc shows them: what a service started, and what outlived it. Linux only. */
import { readdir, readFile } from "node:fs/promises";

export type SeenProcess = { pid: number; command: string };
export type ProcessInfo = SeenProcess & { parent: number; group: number };

/** Every process that can be read now; those that end meanwhile are left out. */
export async function listProcesses(): Promise<ProcessInfo[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const all = await Promise.all(pids.toSorted((a, b) => a - b).map(readProcess));
  return all.filter((one) => one !== undefined);
}

async function readProcess(pid: number): Promise<ProcessInfo | undefined> {
  const [state, parent, group] = await readStat(pid);
  if (!isLiving(state)) return undefined;
  return { pid, parent: Number(parent), group: Number(group), command: await readCommand(pid) };
}

/** Every process below this one, by its command line. Numbers say nothing of age: they begin again. */
export async function listDescendants(pid: number): Promise<ProcessInfo[]> {
  return below(await listProcesses(), pid);
}

export function below(all: readonly ProcessInfo[], pid: number): ProcessInfo[] {
  const children = all.filter(({ parent }) => parent === pid);
  return children.flatMap((child) => [child, ...below(all, child.pid)]);
}

/** Those of the processes that still run, by their command line: a number can have a new owner. */
export async function listSurvivors(processes: readonly SeenProcess[]): Promise<string[]> {
  const now = await Promise.all(
    processes.map(async ({ pid, command }) => ((await readCommand(pid)) === command ? command : "")),
  );
  return now.filter((command) => command !== "");
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

/** A zombie is dead: it does nothing any more. */
export async function isRunning(pid: number): Promise<boolean> {
  return isLiving((await readStat(pid))[0]);
}

function isLiving(state: string | undefined): boolean {
  return state !== undefined && state !== "" && state !== "Z";
}

async function readCommand(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.replaceAll("\0", " ").trim();
}

/** State, parent, group and more (source: proc_pid_stat(5)); the name before them, in brackets, may hold anything. */
async function readStat(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
