/** Says on one line of JSON whether runs can work here: where the engine is and what is missing. A worker asks it. */
import { findEngine } from "./install.ts";
import { readPins } from "./pins.ts";
import { findMissingPlugins } from "./plugins.ts";
import { createTools } from "./tools.ts";

const pins = readPins();
const engine = await findEngine(createTools(process.env), pins);
/** Served by a process that runs already, for whoever works on a provider. */
const attached = (process.env["PULUMI_DEBUG_PROVIDERS"] ?? "").split(",").map((one) => one.split(":")[0]);
const missing = findMissingPlugins(process.env, pins).filter(
  (plugin) => !attached.includes(plugin.split(" ")[0]),
);
const problems = [
  ...(engine ? [] : [`the Pulumi engine ${pins.engine} is not installed; run: npm run engine`]),
  ...missing.map(
    (plugin) =>
      `the provider plugin ${plugin} is missing; run: npm run pulumi -- plugin install resource ${plugin}`,
  ),
];
process.stdout.write(`${JSON.stringify({ binFolder: engine?.binFolder ?? null, problems })}\n`);
