/** The runner: a worker's child that runs one stack at a time, so that a run can be killed without the worker. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { engineEnvironment } from "./engine/environment.ts";
import { loadInputs } from "./inputs.ts";
import { runRequestSchema, type RunnerMessage } from "./runner-protocol.ts";
import { driveStack } from "./stack-driver.ts";

function say(message: RunnerMessage): void {
  process.send?.(message);
}

async function handle(message: unknown): Promise<void> {
  const request = runRequestSchema.parse(message);
  const diagnostics: string[] = [];
  let changes: Record<string, number> = {};
  const onEvent = (event: EngineEvent): void => {
    if (event.diagnosticEvent?.severity === "error") diagnostics.push(event.diagnosticEvent.message);
    if (event.summaryEvent) changes = { ...event.summaryEvent.resourceChanges };
    say({ type: "event", id: request.id, event });
  };
  try {
    const inputs = await loadInputs(process.env, request.stack);
    const result = await driveStack({
      ...request,
      inputs,
      environment: engineEnvironment(process.env),
      onEvent,
    });
    say({ type: "done", id: request.id, generation: inputs.generation, ...result });
  } catch (error) {
    const name = error instanceof Error ? error.name : "Error";
    const text = error instanceof Error ? error.message : String(error);
    say({ type: "failed", id: request.id, name, message: text, diagnostics, changes });
  }
}

let busy: Promise<void> = Promise.resolve();
process.on("message", (message) => {
  busy = busy.then(() => handle(message));
});
// Without its worker nobody waits for the result, and the next one takes the stack over.
process.on("disconnect", () => process.exit(0));
// The CLI is in our process group and gets the same signal; it cancels, and the run then ends by itself.
process.on("SIGINT", () => undefined);
say({ type: "ready" });
