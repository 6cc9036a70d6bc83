/** Drives one stack through the Automation API: the only file that knows how many CLI processes that takes. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { LocalWorkspace, type EngineEvent, type OpMap, type Stack } from "@pulumi/pulumi/automation/index.js";
import type { ProgramInputs } from "./inputs.ts";
import { runProgram } from "./program.ts";
import type { RunKind } from "./runner-protocol.ts";

export type DriveInput = {
  kind: RunKind;
  stack: string;
  message: string;
  refresh: boolean;
  inputs: ProgramInputs;
  environment: Record<string, string>;
  onEvent: (event: EngineEvent) => void;
};

export type DriveResult = {
  outputs: Record<string, unknown>;
  changes: Record<string, number>;
  diff?: string;
};

const execute = promisify(execFile);
const projectName = "clawfleet";

/** @throws what the Automation API throws: CommandError and its kinds. */
export async function driveStack(input: DriveInput): Promise<DriveResult> {
  const workDir = await mkdtemp(join(tmpdir(), "clawfleet-run-"));
  try {
    const stack = await openStack(input, workDir);
    return await runKind(stack, input);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function openStack(input: DriveInput, workDir: string): Promise<Stack> {
  const program = async () =>
    runProgram(input.kind === "destroy" ? toDestroyable(input.inputs) : input.inputs);
  return await LocalWorkspace.createOrSelectStack(
    { stackName: input.stack, projectName, program },
    {
      workDir,
      envVars: input.environment,
      projectSettings: { name: projectName, runtime: { name: "nodejs", options: { typescript: false } } },
    },
  );
}

/** A phase without a machine describes no resources; what is destroyed is described as it was at rest. */
function toDestroyable(inputs: ProgramInputs): ProgramInputs {
  return inputs.kind === "instance" ? { ...inputs, phase: "suspended" } : inputs;
}

async function runKind(stack: Stack, input: DriveInput): Promise<DriveResult> {
  const common = { onEvent: input.onEvent, color: "never" as const, message: input.message };
  switch (input.kind) {
    case "up": {
      const result = await stack.up({ ...common, refresh: input.refresh });
      return { outputs: plainOutputs(result.outputs), changes: plainChanges(result.summary.resourceChanges) };
    }
    case "preview": {
      const result = await stack.preview({ ...common, diff: true, refresh: input.refresh });
      return { outputs: {}, changes: plainChanges(result.changeSummary), diff: result.stdout };
    }
    case "refresh": {
      const result = await stack.refresh({ ...common, runProgram: true });
      return {
        outputs: plainOutputs(await stack.outputs()),
        changes: plainChanges(result.summary.resourceChanges),
      };
    }
    case "destroy": {
      // Without a refresh the plugin dies of a firewall that has vanished, and a vanished server is an error. The
      // program runs too, so that the tokens of today are used and not those that the state remembers.
      const result = await stack.destroy({ ...common, refresh: true, runProgram: true });
      await removeStack(stack, input);
      return { outputs: {}, changes: plainChanges(result.summary.resourceChanges) };
    }
  }
}

/** The Automation API's own leaves the last state behind as a backup: a copy of the customer who left. */
async function removeStack({ workspace }: Stack, input: DriveInput): Promise<void> {
  const args = ["stack", "rm", "--yes", "--remove-backups", "--non-interactive", input.stack];
  await execute(workspace.pulumiCommand.command, args, {
    cwd: workspace.workDir,
    env: { ...process.env, ...input.environment },
  });
}

function plainOutputs(outputs: Record<string, { value: unknown }>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(outputs).map(([name, output]) => [name, output.value]));
}

function plainChanges(changes: OpMap | undefined): Record<string, number> {
  const entries = Object.entries(changes ?? {}).filter(
    (entry): entry is [string, number] => typeof entry[1] === "number",
  );
  return Object.fromEntries(entries);
}
