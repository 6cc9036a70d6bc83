/** What runs below a process, as the machine sees it. */
import { readdir, readFile } from "node:fs/promises";

/** Every process below this one, by its command line. */
export async function listDescendants(pid: number): Promise<{ pid: number; command: string }[]> {
  const found: { pid: number; command: string }[] = [];
  const parents = new Set([pid]);
  const all = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const one of all.toSorted((a, b) => a - b)) {
    const stat = await readFile(`/proc/${one}/stat`, "utf8").catch(() => "");
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (!parents.has(parent)) continue;
    parents.add(one);
    const command = await readFile(`/proc/${one}/cmdline`, "utf8").catch(() => "");
    found.push({ pid: one, command: command.replaceAll("\0", " ") });
  }
  return found;
}

/** Those of the processes that still run, by their command line: a number can have a new owner. */
export async function listSurvivors(
  processes: readonly { pid: number; command: string }[],
): Promise<string[]> {
  const now = await Promise.all(
    processes.map(async ({ pid, command }) => {
      const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return text.replaceAll("\0", " ") === command ? command : "";
    }),
  );
  return now.filter((command) => command !== "");
}
