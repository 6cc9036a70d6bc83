/** The runner: a worker's child that runs one stack at a time, so that a run can be killed without the worker. */
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { engineEnvironment } from "./engine/environment.ts";
import { loadInputs } from "./inputs.ts";
import { killSession } from "./process-session.ts";
import {
  aliveEveryMs,
  aliveMessage,
  runRequestSchema,
  silenceMs,
  type RunnerWords,
} from "./runner-protocol.ts";
import { driveStack } from "./stack-driver.ts";
import { watchProcesses } from "./started-processes.ts";
import { createWatchdog } from "./watchdog.ts";

function say(message: RunnerWords): void {
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
  const stopWatching = watchProcesses((pid) =>
    say({ type: "process", id: request.id, pid, startedAt: new Date().toISOString() }),
  );
  try {
    const inputs = await loadInputs(process.env, request.stack, "rows");
    const result = await driveStack({
      ...request,
      inputs,
      environment: { ...engineEnvironment(process.env), ...request.environment },
      onEvent,
    });
    say({ type: "done", id: request.id, generation: inputs.generation, ...result });
  } catch (error) {
    const name = error instanceof Error ? error.name : "Error";
    const text = error instanceof Error ? error.message : String(error);
    say({ type: "failed", id: request.id, name, message: text, diagnostics, changes });
  } finally {
    stopWatching();
  }
}

/** The CLI and its plugins too: nobody is left who could say how the run ended. */
function endAtOnce(): never {
  killSession(process.pid);
  process.exit(1);
}

const watchdog = createWatchdog({ tickMs: aliveEveryMs, ticks: silenceMs / aliveEveryMs }, endAtOnce);
let busy: Promise<void> = Promise.resolve();
let runs = 0;

async function run(message: unknown): Promise<void> {
  runs += 1;
  watchdog.start();
  await busy;
  await handle(message).finally(() => {
    runs -= 1;
    if (runs === 0) watchdog.stop();
  });
}

process.on("message", (message) => {
  watchdog.hear();
  if (isAlive(message)) return;
  busy = run(message);
});
// Without its worker nobody waits for the result, and the next one takes the stack over.
process.on("disconnect", () => (runs === 0 ? process.exit(0) : endAtOnce()));
// The CLI is in our process group and gets the same signal; it cancels, and the run then ends by itself.
process.on("SIGINT", () => undefined);
say({ type: "ready" });

function isAlive(message: unknown): boolean {
  return (
    typeof message === "object" && message !== null && "type" in message && message.type === aliveMessage.type
  );
}
