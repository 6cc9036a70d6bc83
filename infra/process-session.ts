/**
 * Everything that a runner started, found by its session. A runner leads a session of its own; Pulumi's plugins leave its
 * process group (source: sdk/go/common/util/cmdutil/child_unix.go) but not its session.
 */
import { readdirSync, readFileSync } from "node:fs";

/** Kills members and group of a session at once, the leader last: it may be the caller. */
export function killSession(leader: number): void {
  for (const pid of listSession(leader)) if (pid !== leader) signal(pid, "SIGKILL");
  signal(-leader, "SIGKILL");
}

/** Empty where there is no /proc: the process group is all that can be reached then. */
export function listSession(leader: number): number[] {
  return listPids().filter((pid) => readSession(pid) === leader);
}

function listPids(): number[] {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

/** Field 6 of /proc/<pid>/stat; the name in field 2 may hold anything (source: proc_pid_stat(5)). */
function readSession(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]);
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended meanwhile.
  }
}
