/** The real reconciler as a child process of the sandbox, started as an operator starts it. */
import { fork, type ChildProcess } from "node:child_process";
import { createWriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

export type ServiceProcess = {
  /** Where it listens; empty for a worker that does not. */
  url: string;
  pid: number;
  /** Its environment, completed with where its database and states are: what `fleet` and the native CLI need. */
  env: Record<string, string>;
  isAlive(): boolean;
  /** As Ctrl-C would. */
  interrupt(): void;
  /** Resolves to the exit code, however it ended. */
  ended: Promise<number>;
  /** SIGTERM, and SIGKILL after `graceMs`. Resolves to the exit code. */
  stop(graceMs?: number): Promise<number>;
  /** As a crash would. */
  kill(): Promise<void>;
};

type Ready = { type: "ready"; url?: string; environment: Record<string, string> };

const entry = fileURLToPath(new URL("../../reconciler/main.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));
const defaultGraceMs = 30_000;
const readyTimeoutMs = 120_000;

/** @throws when it ends before it is ready, or is not ready in time, with the last lines that it wrote. */
export async function startServiceProcess(
  env: Record<string, string>,
  logFile: string,
  args: readonly string[] = ["start"],
): Promise<ServiceProcess> {
  const child = fork(entry, args, {
    cwd: root,
    env,
    execArgv: ["--import", "tsx"],
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const log = createWriteStream(logFile, { flags: "a" });
  let tail = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      log.write(text);
      tail = (tail + text).slice(-2000);
    });
  }
  const ended = new Promise<number>((resolve) => {
    child.once("close", (code, signal) => {
      log.end();
      resolve(code ?? (signal === "SIGKILL" ? 137 : 1));
    });
  });
  const ready = await Promise.race([waitForReady(child), ended, tooLate(readyTimeoutMs)]);
  if (ready === undefined) {
    child.kill("SIGKILL");
    throw new Error(`the service was not ready within ${readyTimeoutMs} ms:\n${tail}`);
  }
  if (typeof ready === "number")
    throw new Error(`the service ended with ${ready} before it was ready:\n${tail}`);
  return {
    url: ready.url ?? "",
    pid: child.pid ?? 0,
    env: { ...env, ...ready.environment },
    isAlive: () => child.exitCode === null && child.signalCode === null,
    interrupt: () => void child.kill("SIGINT"),
    ended,
    async stop(graceMs = defaultGraceMs) {
      child.kill("SIGTERM");
      const patience = new AbortController();
      const late = sleep(graceMs, undefined, { signal: patience.signal }).then(
        () => void child.kill("SIGKILL"),
        () => undefined,
      );
      const code = await ended;
      patience.abort();
      await late;
      return code;
    },
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function waitForReady(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve) => {
    child.on("message", (message) => {
      const said = message as Partial<Ready>;
      if (said.type === "ready") resolve(message as Ready);
    });
  });
}

function tooLate(timeoutMs: number): Promise<undefined> {
  return sleep(timeoutMs, undefined, { ref: false });
}
