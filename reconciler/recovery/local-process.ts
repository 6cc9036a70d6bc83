/** What this machine says of one of its processes, from /proc. */
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { killSession } from "../../infra/process-session.ts";
import type { ProcessFacts } from "./locks.ts";

/** In the environment of every runner, and so of every CLI and plugin that it starts: the worker's name. */
export const runnerMark = "CLAWFLEET_RUNNER";

/** Null: nobody has this number. Without /proc a living process is taken for a stranger's, which is never removed. */
export async function findProcess(pid: number): Promise<ProcessFacts | null> {
  if (!exists(pid)) return null;
  const [stat, environment, startedAt] = await Promise.all([
    readProc(`${pid}/stat`),
    readProc(`${pid}/environ`),
    readBootTime(),
  ]);
  // A zombie holds nothing any more; only its parent has not looked.
  if (stat !== undefined && fieldsOf(stat)[0] === "Z") return null;
  const isOurs = environment?.split("\0").some((entry) => entry.startsWith(`${runnerMark}=`)) ?? false;
  return { startedAt: stat === undefined ? undefined : toStartTime(stat, startedAt), isOurs };
}

/** With everything that its runner started. False when it is still there after `patienceMs`. */
export async function endOrphan(pid: number, patienceMs: number): Promise<boolean> {
  const stat = await readProc(`${pid}/stat`);
  if (stat !== undefined) killSession(Number(fieldsOf(stat)[3]));
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(50)) {
    if ((await findProcess(pid)) === null) return true;
  }
  return false;
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's process cannot be signalled, but it is there.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

async function readProc(name: string): Promise<string | undefined> {
  return await readFile(`/proc/${name}`, "utf8").catch(() => undefined);
}

/** After pid and name, which may hold anything: state, parent, group, session, ... (source: proc_pid_stat(5)). */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

const ticksPerSecond = 100;
const startTimeField = 19;

function toStartTime(stat: string, bootTime: number | undefined): Date | undefined {
  const ticks = Number(fieldsOf(stat)[startTimeField]);
  if (bootTime === undefined || !Number.isFinite(ticks)) return undefined;
  return new Date((bootTime + ticks / ticksPerSecond) * 1000);
}

/** Seconds since the epoch. */
async function readBootTime(): Promise<number | undefined> {
  const line = (await readProc("stat"))?.split("\n").find((one) => one.startsWith("btime "));
  return line === undefined ? undefined : Number(line.slice("btime ".length));
}
