/** Drives one stack through the Automation API, with the fewest CLI processes: one, and one more for a stack that is new. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StackNotFoundError, type EngineEvent, type Stack } from "@pulumi/pulumi/automation/index.js";
import type { ProgramInputs } from "./inputs.ts";
import { runProgram } from "./program.ts";
import type { Recovery, RunKind } from "./runner-protocol.ts";
import { createStack, openStack, removeStack, withStack } from "./stack-handle.ts";
import { inspectStack, recoverStack } from "./stack-recovery.ts";
import { createStackReport } from "./stack-report.ts";

export type DriveInput = {
  kind: RunKind;
  stack: string;
  message: string;
  refresh: boolean;
  replace: readonly string[];
  recovery?: Recovery | undefined;
  inputs: ProgramInputs;
  environment: Record<string, string>;
  onEvent: (event: EngineEvent) => void;
};

export type DriveResult = {
  outputs: Record<string, unknown>;
  changes: Record<string, number>;
  diff?: string;
};

/** @throws what the Automation API throws: CommandError and its kinds. */
export async function driveStack(input: DriveInput): Promise<DriveResult> {
  const workDir = await mkdtemp(join(tmpdir(), "clawfleet-run-"));
  const program = async () =>
    runProgram(input.kind === "destroy" ? toDestroyable(input.inputs) : input.inputs);
  try {
    const stack = await openStack({ ...input, workDir, program });
    return await runKind(stack, input);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/**
 * A phase without a machine describes no resources; what is destroyed is described as it was at rest, without a domain, whose
 * zone may be gone already.
 */
function toDestroyable(inputs: ProgramInputs): ProgramInputs {
  if (inputs.kind === "cell") return inputs;
  const { customDomain: _gone, ...override } = inputs.override;
  return { ...inputs, phase: "suspended", override };
}

async function runKind(stack: Stack, input: DriveInput): Promise<DriveResult> {
  const report = createStackReport();
  const onEvent = (event: EngineEvent): void => {
    report.see(event);
    input.onEvent(event);
  };
  const common = { onEvent, color: "never" as const, message: input.message };
  const { refresh } = input;
  const { converged } = input.inputs;
  switch (input.kind) {
    case "up":
      await withStack(stack, converged, () => stack.up({ ...common, refresh, replace: [...input.replace] }));
      return { outputs: report.outputs(), changes: report.changes() };
    case "preview": {
      const { stdout } = await withStack(stack, converged, () =>
        stack.preview({ ...common, diff: true, refresh }),
      );
      return { outputs: {}, changes: report.changes(), diff: stdout };
    }
    case "refresh":
      await withStack(stack, converged, () => stack.refresh({ ...common, runProgram: true }));
      return { outputs: report.outputs(), changes: report.changes() };
    case "destroy":
      // Without a refresh the plugin dies of a firewall that has vanished, and a vanished server is an error. The
      // program runs too, so that the tokens of today are used and not those that the state remembers.
      await removed(stack, () => stack.destroy({ ...common, refresh: true, runProgram: true }));
      return { outputs: {}, changes: report.changes() };
    case "inspect":
      return { outputs: await inspectStack(stack), changes: {} };
    case "recover":
      await withStack(stack, converged, () => recoverStack(stack, input.recovery, common));
      return { outputs: {}, changes: {} };
  }
}

/**
 * The stack goes with what it described. Of one that is not there a removal may have been cut off after the state and before
 * its history, which only the removal of a stack of that name takes away.
 */
async function removed(stack: Stack, destroy: () => Promise<unknown>): Promise<void> {
  try {
    await destroy();
  } catch (error) {
    if (!(error instanceof StackNotFoundError)) throw error;
    await createStack(stack);
  }
  await removeStack(stack);
}
