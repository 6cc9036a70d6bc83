/** `npm run engine`: installs the Pulumi engine once a machine, says what it does and how long it takes. */
import { ensureEngine } from "./install.ts";
import { readPins } from "./pins.ts";
import { findMissingPlugins } from "./plugins.ts";
import { createTools } from "./tools.ts";

const pins = readPins();
const tools = createTools(process.env, (line) => process.stderr.write(`${line}\n`));

try {
  const engine = await ensureEngine(tools, pins);
  process.stdout.write(`Pulumi ${engine.version} (${engine.way}) in ${engine.binFolder}\n`);
  const missing = findMissingPlugins(process.env, pins);
  if (missing.length > 0) {
    tools.say(
      `not installed: provider plugins ${missing.join(", ")}; the sandbox brings its own, real clouds need them:`,
    );
    for (const plugin of missing) tools.say(`  npm run pulumi -- plugin install resource ${plugin}`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
