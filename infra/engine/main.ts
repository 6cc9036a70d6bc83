/** `npm run engine`: installs the Pulumi engine once a machine, says what it does and how long it takes. */
import { ensureEngine } from "./install.ts";
import { readPins } from "./pins.ts";
import { runCommand, type Tools } from "./tools.ts";

const tools: Tools = {
  run: runCommand,
  fetch,
  now: () => Date.now(),
  say: (line) => process.stderr.write(`${line}\n`),
  environment: process.env,
};

try {
  const engine = await ensureEngine(tools, readPins());
  process.stdout.write(`Pulumi ${engine.version} (${engine.way}) in ${engine.binFolder}\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
