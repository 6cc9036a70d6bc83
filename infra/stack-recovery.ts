/** Repairs a stack's state after a run that ended badly; what is to be done has been decided by who asks. */
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { stackStateSchema, type Recovery } from "./runner-protocol.ts";

type RunOptions = { color: "never"; message: string };

/** Names and ids only: what the Automation API exports has its secrets in clear. */
export async function inspectStack(stack: Stack): Promise<Record<string, unknown>> {
  const { deployment } = await stack.exportStack();
  return { state: stackStateSchema.parse(deployment ?? {}) };
}

/**
 * Adopts with `pulumi import`, one process for all objects. The refresh's own `--import-pending-creates` marks the pending
 * create as an import that nothing in engine 3.259.0 carries out, and drops it (cmd/pulumi/operations/refresh.go).
 * @throws what the Automation API throws.
 */
export async function recoverStack(
  stack: Stack,
  recovery: Recovery | undefined,
  options: RunOptions,
): Promise<void> {
  if (recovery === undefined) throw new TypeError("a run of kind recover needs to be told what to recover");
  if (recovery.cancel) await stack.cancel();
  // With the program, so that the tokens of today are used and not those that the state remembers.
  if (recovery.clear) await stack.refresh({ ...options, clearPendingCreates: true, runProgram: true });
  if (recovery.adopt.length === 0) return;
  const urns = new Map<string, string>();
  const nameOf = (urn: string) => {
    const known = urns.get(urn) ?? `r${urns.size}`;
    urns.set(urn, known);
    return known;
  };
  const resources = recovery.adopt.map(({ type, name, id, parentUrn, providerUrn }) => ({
    type,
    name,
    id,
    parent: nameOf(parentUrn),
    provider: nameOf(providerUrn),
  }));
  const nameTable = Object.fromEntries([...urns].map(([urn, name]) => [name, urn]));
  await stack.import({ ...options, resources, nameTable, protect: false, generateCode: false });
}
