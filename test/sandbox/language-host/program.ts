/** One run of a Pulumi program in a Node process of its own, through the SDK's own entry. */
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";

export type ProgramRun = {
  monitorAddress: string;
  engineAddress: string;
  organization: string;
  project: string;
  stack: string;
  /** Folder of the program; it runs there. */
  workingDirectory: string;
  /** Folder of Pulumi.yaml. */
  rootDirectory: string;
  /** Relative to the working directory; "." takes the package's own entry. */
  entryPoint: string;
  programArguments: readonly string[];
  parallel: number;
  dryRun: boolean;
  config: Readonly<Record<string, string>>;
  secretKeys: readonly string[];
  /** `runtime.options` of Pulumi.yaml. */
  options: Readonly<Record<string, unknown>>;
};

/** `error` is "" after success. `bail`: the program has told the person already, so the engine adds nothing. */
export type ProgramEnd = { error: string; bail: boolean };

export type RunningProgram = { ended: Promise<ProgramEnd>; stop(): void };

/** Source: `nodeJSProcessExitedAfterLoggingUserActionableMessage` of `@pulumi/pulumi/cmd/run`. */
const EXIT_BAIL = 32;

export function startProgram(
  run: ProgramRun,
  environment: Readonly<Record<string, string | undefined>>,
): RunningProgram {
  let entry: string;
  try {
    entry = createRequire(join(run.workingDirectory, "program.js")).resolve("@pulumi/pulumi/cmd/run");
  } catch {
    const error = "It looks like the Pulumi SDK has not been installed. Have you run npm install?";
    return { ended: Promise.resolve({ error, bail: false }), stop: () => undefined };
  }
  const child = spawn(process.execPath, [...nodeArguments(run.options), entry, ...runArguments(run)], {
    cwd: run.workingDirectory,
    env: { ...environment, ...runEnvironment(run) },
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise<ProgramEnd>((resolve) => {
    child.once("error", (error) => resolve({ error: error.message, bail: false }));
    child.once("exit", (code, signal) => resolve(toEnd(code, signal)));
  });
  return { ended, stop: () => void child.kill("SIGTERM") };
}

/** Flags of `@pulumi/pulumi/cmd/run`, then the program and its own arguments. */
export function runArguments(run: ProgramRun): string[] {
  const flags: [name: string, value: string][] = [
    ["monitor", run.monitorAddress],
    ["engine", run.engineAddress],
    ["organization", run.organization],
    ["project", run.project],
    ["root-directory", run.rootDirectory],
    ["stack", run.stack],
    ["pwd", run.workingDirectory],
    ["parallel", String(run.parallel)],
  ];
  return [
    ...flags.filter(([, value]) => value !== "").flatMap(([name, value]) => [`--${name}`, value]),
    ...(run.dryRun ? ["--dry-run"] : []),
    run.entryPoint,
    ...run.programArguments,
  ];
}

export function runEnvironment(run: ProgramRun): Record<string, string> {
  return {
    PULUMI_CONFIG: JSON.stringify(run.config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(run.secretKeys),
    PULUMI_NODEJS_TYPESCRIPT: run.options["typescript"] === false ? "false" : "true",
  };
}

function nodeArguments(options: ProgramRun["options"]): string[] {
  const given = options["nodeargs"];
  return typeof given === "string" ? given.split(/\s+/).filter(Boolean) : [];
}

export function toEnd(code: number | null, signal: string | null): ProgramEnd {
  if (code === 0) return { error: "", bail: false };
  if (code === EXIT_BAIL) return { error: "", bail: true };
  const how = code === null ? `signal ${String(signal)}` : `non-zero exit code: ${code}`;
  return { error: `Program exited with ${how}`, bail: false };
}
