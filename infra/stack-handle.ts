/** A stack of the Automation API that starts no CLI process for what is known already. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  LocalWorkspace,
  PulumiCommand,
  Stack,
  StackAlreadyExistsError,
  StackNotFoundError,
} from "@pulumi/pulumi/automation/index.js";
import { version } from "@pulumi/pulumi/version.js";

export type StackOptions = {
  stack: string;
  /** Empty; the CLI's project and configuration files are written there. */
  workDir: string;
  program: () => Promise<Record<string, unknown>>;
  environment: Record<string, string>;
};

const execute = promisify(execFile);
export const projectName = "clawfleet";

/**
 * `createOrSelectStack` and the operations of its stack ask for the CLI's version, select the stack, and afterwards ask twice for
 * its outputs and once for its history: five processes around the one that works. Here the version is the installed one, every
 * command names its stack, and outputs and changes come from the engine's events, so these questions are answered on the spot.
 */
export async function openStack(options: StackOptions): Promise<Stack> {
  const workspace = await LocalWorkspace.create({
    workDir: options.workDir,
    program: options.program,
    envVars: options.environment,
    projectSettings: { name: projectName, runtime: { name: "nodejs", options: { typescript: false } } },
    pulumiCommand: pinnedCommand(),
  });
  workspace.selectStack = () => Promise.resolve();
  workspace.stackOutputs = () => Promise.resolve({});
  const stack = await Stack.select(options.stack, workspace);
  stack.history = () => Promise.resolve([]);
  return stack;
}

/** The `pulumi` on PATH. Its own factory starts a process to read the version that infra/engine/ installs and checks. */
export function pinnedCommand(): PulumiCommand {
  return Reflect.construct(PulumiCommand, ["pulumi", version]);
}

/**
 * `existed`: as our own rows have it. A stack that should be there and is not is made, and one that is there already is taken,
 * so a wrong guess costs one process and nothing else.
 */
export async function withStack<T>(stack: Stack, existed: boolean, work: () => Promise<T>): Promise<T> {
  if (!existed) await createStack(stack);
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StackNotFoundError)) throw error;
    await createStack(stack);
    return await work();
  }
}

/**
 * A process of its own: a destroy's `--remove`, and the Automation API's `removeStack`, leave the last state behind as a backup,
 * which is a copy of the customer who left.
 */
export async function removeStack({ name, workspace }: Stack): Promise<void> {
  const args = ["stack", "rm", "--yes", "--remove-backups", "--non-interactive", name];
  await execute(workspace.pulumiCommand.command, args, {
    cwd: workspace.workDir,
    env: { ...process.env, ...workspace.envVars },
  });
}

/** One that is there already is taken. */
export async function createStack({ name, workspace }: Stack): Promise<void> {
  try {
    await workspace.createStack(name);
  } catch (error) {
    if (!(error instanceof StackAlreadyExistsError)) throw error;
  }
}
