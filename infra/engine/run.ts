/** `npm run pulumi -- <args>`: the native CLI with the right engine, backend and providers in its environment. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { loadEnvironmentFile } from "../environment-file.ts";
import { withEngine } from "./environment.ts";
import { findEngine } from "./install.ts";
import { readPins } from "./pins.ts";
import { createTools } from "./tools.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The process environment wins over the file, and both PATHs count. */
function loadEnvironment(environment: Environment): Environment {
  const written = loadEnvironmentFile(environment);
  const path = [written["PATH"], environment["PATH"]].filter(Boolean).join(delimiter);
  return { ...written, ...environment, PATH: path };
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

const environment = loadEnvironment(process.env);
const engine = await findEngine(createTools(environment), readPins());
if (!engine) fail("the Pulumi engine is not installed; run: npm run engine");
if (environment["PULUMI_BACKEND_URL"] === undefined && environment["DATABASE_URL"] === undefined) {
  fail(
    "neither PULUMI_BACKEND_URL nor DATABASE_URL is set: where are the states? See docs/operations.md, section 2.",
  );
}

/**
 * The CLI keeps a salt in the file of the stack's configuration, and would write one into `stacks/` for every customer
 * that is looked at. Nothing of ours is read from there, so a run gets a file of its own that is thrown away.
 */
function scratchConfig(args: readonly string[], folder: string): Environment {
  const runs = new Set(["preview", "up", "update", "refresh", "destroy", "watch"]);
  const ours = runs.has(args[0] ?? "") && !args.some((arg) => arg.startsWith("--config-file"));
  return ours ? { PULUMI_OPTION_CONFIG_FILE: join(folder, "Pulumi.stack.yaml") } : {};
}

const args = process.argv.slice(2);
const scratch = mkdtempSync(join(tmpdir(), "clawfleet-cli-"));
const child = spawn(join(engine.binFolder, "pulumi"), args, {
  stdio: "inherit",
  env: withEngine({ ...environment, ...scratchConfig(args, scratch) }, engine.binFolder, process.execPath),
});
// A terminal sends Ctrl-C to both; only signals meant for us alone have to be passed on.
for (const signal of ["SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
process.on("SIGINT", () => undefined);
child.once("error", (error) => fail(`pulumi cannot be started: ${error.message}`));
child.once("close", (code) => {
  rmSync(scratch, { recursive: true, force: true });
  process.exitCode = code ?? 1;
});
