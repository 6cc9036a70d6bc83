/** Processes as the system sees them: whose child is whose, and who is alive. Linux only. */
import { readdir, readFile } from "node:fs/promises";

export type SeenProcess = { pid: number; command: string };

/** Every process below this one, by its command line, parents first. Numbers say nothing of age: they begin again. */
export async function listDescendants(pid: number): Promise<SeenProcess[]> {
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(all.map(async (one) => Number((await readStat(one))[1])));
  const found: SeenProcess[] = [];
  for (let generation = [pid]; generation.length > 0;) {
    generation = all.filter((_, index) => generation.includes(parents[index] ?? 0));
    for (const one of generation) found.push({ pid: one, command: await readCommand(one) });
  }
  return found;
}

/** Those of the processes that still run, by their command line: a number can have a new owner. */
export async function listSurvivors(processes: readonly SeenProcess[]): Promise<string[]> {
  const now = await Promise.all(
    processes.map(async ({ pid, command }) => ((await readCommand(pid)) === command ? command : "")),
  );
  return now.filter((command) => command !== "");
}

/** A zombie is dead: it does nothing any more. */
export async function isRunning(pid: number): Promise<boolean> {
  const [state] = await readStat(pid);
  return state !== undefined && state !== "" && state !== "Z";
}

async function readCommand(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.replaceAll("\0", " ");
}

/** After pid and name: state, parent, ... (source: proc_pid_stat(5)). */
async function readStat(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
