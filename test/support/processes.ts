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
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name in brackets may hold anything; after it come state, parent and group.
  const [state, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (state === undefined || state === "" || state === "Z") return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return { pid, parent: Number(parent), group: Number(group), command: command.replaceAll("\0", " ").trim() };
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
