/** The effects that the installer needs, so that its tests can replace the outside world. */
import { spawn } from "node:child_process";

export type CommandResult = { code: number; stdout: string; stderr: string };

export type CommandOptions = {
  cwd?: string;
  env?: Readonly<Record<string, string | undefined>>;
  timeoutMs: number;
  /** Sees each line of standard error as it comes. */
  onErrorLine?: (line: string) => void;
};

export type Tools = {
  run(command: string, args: readonly string[], options: CommandOptions): Promise<CommandResult>;
  fetch: typeof fetch;
  now(): number;
  /** One line for the person who waits. */
  say(line: string): void;
  environment: Readonly<Record<string, string | undefined>>;
};

/** The outside world itself. Without `say` nobody is told anything. */
export function createTools(environment: Tools["environment"], say: Tools["say"] = () => undefined): Tools {
  return { run: runCommand, fetch, now: () => Date.now(), say, environment };
}

const MAX_OUTPUT = 1_000_000;

/** Runs to the end or to `timeoutMs`. A command that cannot be started has code 127. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], {
      cwd: options.cwd,
      env: { ...(options.env ?? process.env) },
      stdio: ["ignore", "pipe", "pipe"],
    });
    // Not spawn's own: that one lives on, and the process with it, when the command cannot be started.
    const timeout = setTimeout(() => void child.kill("SIGKILL"), options.timeoutMs);
    let stdout = "";
    let stderr = "";
    let unfinished = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout = (stdout + text).slice(-MAX_OUTPUT);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-MAX_OUTPUT);
      const lines = (unfinished + text).split("\n");
      unfinished = lines.pop() ?? "";
      for (const line of lines) options.onErrorLine?.(line);
    });
    child.once("error", (error) => {
      clearTimeout(timeout);
      resolve({ code: 127, stdout, stderr: error.message });
    });
    child.once("close", (code, signal) => {
      clearTimeout(timeout);
      resolve({ code: code ?? (signal ? 137 : 1), stdout, stderr });
    });
  });
}

/** What `pulumi version` says, without "v"; undefined when it does not run. */
export async function readVersion(tools: Tools, binary: string): Promise<string | undefined> {
  const env = { ...tools.environment, PULUMI_SKIP_UPDATE_CHECK: "true" };
  const { code, stdout } = await tools.run(binary, ["version"], { timeoutMs: 20_000, env });
  return code === 0 ? /^v?(\d+\.\d+\.\d+\S*)/.exec(stdout.trim())?.[1] : undefined;
}
