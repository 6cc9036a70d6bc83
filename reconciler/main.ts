/** Composition root: reads the environment, starts the service, listens to signals. */
import { ConfigError, parseConfig } from "./config.ts";
import { isClawfleetError } from "./errors.ts";
import { createLogger, startService, type Service } from "./service.ts";

/** The first signal lets runs end by themselves, within their own deadline; the second interrupts them. */
const hurryMs = 1_000;

function fail(error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${text}\n`);
  if (isClawfleetError(error) && error.remedy !== undefined)
    process.stderr.write(`what to do: ${error.remedy}\n`);
  process.exit(1);
}

const usage = "usage: node --import tsx reconciler/main.ts start\n";
if (process.argv[2] !== "start") {
  process.stderr.write(usage);
  process.exit(2);
}

async function start(): Promise<{ service: Service; drainMs: number }> {
  const config = parseConfig(process.env);
  const started = await startService(config, createLogger(config));
  return { service: started, drainMs: config.convergeDeadlineMs };
}

const { service, drainMs } = await start().catch((error: unknown) =>
  fail(error instanceof ConfigError ? error : error),
);

let stopping = 0;
function onSignal(): void {
  stopping += 1;
  if (stopping > 2) process.exit(130);
  void service.stop(stopping === 1 ? drainMs : hurryMs).then(() => process.exit(0), fail);
}
process.on("SIGTERM", onSignal);
process.on("SIGINT", onSignal);
// A parent that waits for us reads this instead of guessing.
process.send?.({ type: "ready", url: service.url, environment: service.environment });
