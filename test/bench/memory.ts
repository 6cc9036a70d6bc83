/** Memory of the runners that this process has started, from Linux' own accounts. */
import { readdir, readFile } from "node:fs/promises";

type Process = { pid: number; parent: number; group: number };

/** MB that would be free without them: what several processes share counts once. @throws where there is no /proc. */
export async function measureRunners(): Promise<{ idleMb: number; groupMb: number; runners: number }> {
  const processes = await listProcesses();
  const runners = processes.filter(({ pid, parent, group }) => parent === process.pid && group === pid);
  const groups = new Set(runners.map(({ group }) => group));
  const members = processes.filter(({ group }) => groups.has(group));
  const sizes = new Map<number, number>();
  for (const { pid } of members) sizes.set(pid, await readMb(pid));
  const sum = (all: readonly Process[]) => all.reduce((total, { pid }) => total + (sizes.get(pid) ?? 0), 0);
  const count = Math.max(1, runners.length);
  return { idleMb: sum(runners) / count, groupMb: sum(members) / count, runners: runners.length };
}

async function listProcesses(): Promise<Process[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: Process[] = [];
  for (const pid of pids) {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
    // The name in brackets may hold anything.
    const [, parent, group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    if (parent !== undefined && group !== undefined)
      found.push({ pid, parent: Number(parent), group: Number(group) });
  }
  return found;
}

async function readMb(pid: number): Promise<number> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  return Number(/^Pss:\s+(\d+) kB/m.exec(rollup)?.[1] ?? 0) / 1024;
}
