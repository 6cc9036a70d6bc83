/** One service: its process, its state, its restarts, its journal. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, existsSync, mkdirSync, openSync, closeSync } from "node:fs";
import { uptime } from "node:os";
import { loadUnit, readEnvironmentFile, type Unit } from "./units.ts";

export type ServiceState = "active" | "inactive" | "failed" | "activating" | "deactivating";

export type Service = {
  state(): ServiceState;
  describe(): string;
  /** Resolves to what went wrong, or undefined. */
  start(): Promise<string | undefined>;
  stop(): Promise<void>;
  restart(): Promise<string | undefined>;
  reload(): Promise<string | undefined>;
  /** Resolves to what went wrong, or undefined. */
  kill(signal: string): string | undefined;
  /** On the clock that `uptime` reads; 0 while it does not run. */
  activeSinceMicroseconds(): number;
  /** Times that it was started by itself since somebody started it. */
  restarts(): number;
  /** 0 while there is none. */
  mainPid(): number;
  resetFailed(): void;
  /** daemon-reload: the file as it is now counts from the next start. */
  reloadUnit(): void;
};

export const journalFolder = "/var/log/journal-text";
/** Waits of real units in a world where everything is quicker. */
const restartSpeed = 0.1;

export function createService(first: Unit): Service {
  let unit = first;
  let state: ServiceState = "inactive";
  let child: ChildProcess | undefined;
  let ended: Promise<void> = Promise.resolve();
  let starts = 0;
  let activeSince = 0;
  let retry: NodeJS.Timeout | undefined;
  const journal = (line: string) => {
    mkdirSync(journalFolder, { recursive: true });
    appendFileSync(`${journalFolder}/${unit.name}`, `${new Date().toISOString()} ${line}\n`);
  };

  function start(): string | undefined {
    if (state === "active") return undefined;
    const missing = unit.conditionPaths.find((path) => !existsSync(path));
    if (missing !== undefined) {
      journal(`Condition check resulted in ${unit.name} being skipped: ${missing} does not exist.`);
      return undefined;
    }
    try {
      child = launch(unit);
    } catch (error) {
      state = "failed";
      const reason = error instanceof Error ? error.message : String(error);
      journal(`Failed to start: ${reason}`);
      return reason;
    }
    state = "active";
    activeSince = Math.round(uptime() * 1e6);
    journal(`Started ${unit.name}.`);
    watch(child);
    return undefined;
  }

  function watch(mine: ChildProcess): void {
    ended = new Promise((resolve) => {
      mine.once("error", (error) => {
        journal(`Failed at step EXEC: ${error.message}`);
        onEnd(mine, 203);
        resolve();
      });
      mine.once("exit", (code, signal) => {
        onEnd(mine, code ?? (signal === "SIGTERM" ? 143 : 137));
        resolve();
      });
    });
  }

  function onEnd(mine: ChildProcess, code: number): void {
    if (mine !== child) return;
    child = undefined;
    journal(`Main process exited, status ${code}.`);
    if (state === "deactivating") return;
    const clean = code === 0 || code === 143;
    const again =
      (unit.restart === "always" || (unit.restart === "on-failure" && !clean)) &&
      !unit.restartPreventExitStatus.includes(code) &&
      starts < unit.startLimitBurst;
    state = again ? "activating" : clean ? "inactive" : "failed";
    if (!again) return;
    starts += 1;
    retry = setTimeout(start, unit.restartSec * 1000 * restartSpeed);
  }

  async function stop(): Promise<void> {
    clearTimeout(retry);
    starts = 0;
    const mine = child;
    if (!mine) {
      if (state !== "failed") state = "inactive";
      return;
    }
    state = "deactivating";
    mine.kill("SIGTERM");
    const killer = setTimeout(() => mine.kill("SIGKILL"), unit.timeoutStopSec * 1000);
    await ended;
    clearTimeout(killer);
    state = "inactive";
    journal(`Stopped ${unit.name}.`);
  }

  return {
    state: () => state,
    describe: () => `● ${unit.name}\n   Active: ${state}${child?.pid ? `\n Main PID: ${child.pid}` : ""}\n`,
    start: async () => {
      starts = 0;
      return start();
    },
    stop,
    async restart() {
      await stop();
      return start();
    },
    async reload() {
      if (state !== "active") return `${unit.name} is not active, cannot reload`;
      if (unit.execReload.length === 0) return `Job type reload is not applicable for unit ${unit.name}`;
      return runReload(unit);
    },
    kill(signal) {
      if (!child) return `${unit.name} has no process`;
      child.kill(signal as NodeJS.Signals);
      return undefined;
    },
    restarts: () => starts,
    mainPid: () => child?.pid ?? 0,
    activeSinceMicroseconds: () => (state === "active" ? activeSince : 0),
    resetFailed() {
      starts = 0;
      if (state === "failed") state = "inactive";
    },
    reloadUnit() {
      unit = loadUnit(unit.name);
    },
  };
}

type Identity = { uid: number; gid: number };

/** @throws when user, folder or environment file are missing. */
function launch(unit: Unit): ChildProcess {
  const identity = identityOf(unit);
  makeFolder("/var/lib", unit.stateDirectory, identity);
  makeFolder("/var/cache", unit.cacheDirectory, identity);
  mkdirSync(journalFolder, { recursive: true });
  const log = openSync(`${journalFolder}/${unit.name}`, "a");
  const files = Object.assign({}, ...unit.environmentFiles.map(readEnvironmentFile)) as Record<
    string,
    string
  >;
  // exec, so that signals reach the program and not a shell.
  const line = ["-c", `umask ${unit.umask}; exec "$@"`, "sh", ...unit.execStart];
  try {
    return spawn("/bin/sh", line, {
      cwd: unit.workingDirectory,
      env: { PATH: process.env["PATH"], LANG: "C.UTF-8", ...unit.environment, ...files },
      stdio: ["ignore", log, log],
      ...identity,
    });
  } finally {
    closeSync(log);
  }
}

function runReload(unit: Unit): string | undefined {
  const [program = "", ...args] = unit.execReload;
  try {
    execFileSync(program, args, { stdio: "pipe", encoding: "utf8", ...identityOf(unit) });
    return undefined;
  } catch (error) {
    const { stderr } = error as { stderr?: string };
    return stderr?.trim() || "the reload command failed";
  }
}

function identityOf(unit: Unit): Identity {
  if (unit.user === undefined) return { uid: 0, gid: 0 };
  const uid = Number(execFileSync("id", ["-u", unit.user], { encoding: "utf8", stdio: "pipe" }));
  const group = unit.group === undefined ? ["-g", unit.user] : undefined;
  const gid = group
    ? Number(execFileSync("id", group, { encoding: "utf8", stdio: "pipe" }))
    : Number(execFileSync("getent", ["group", unit.group ?? ""], { encoding: "utf8" }).split(":")[2]);
  return { uid, gid };
}

function makeFolder(
  parent: string,
  wanted: { name: string; mode: string } | undefined,
  { uid, gid }: Identity,
): void {
  if (!wanted) return;
  const path = `${parent}/${wanted.name}`;
  mkdirSync(path, { recursive: true });
  chownSync(path, uid, gid);
  chmodSync(path, Number.parseInt(wanted.mode, 8));
}
