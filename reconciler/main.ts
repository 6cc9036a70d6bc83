/** Composition root: reads command line and environment, starts what is asked for, listens to signals. */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { cellNameSchema } from "../infra/config.ts";
import { parseConfig, parseWorkConfig, type WorkConfig } from "./config.ts";
import { surviveLostConnections } from "./db/database.ts";
import { isClawfleetError, messageOf } from "./errors.ts";
import type { Binding } from "./queue/binding.ts";
import { resealDatabase } from "./reseal.ts";
import { startServer, startWorker, type Service } from "./service.ts";
import { createLogger } from "./service/logger.ts";

const exitCodes = { ok: 0, failed: 1, usage: 2, cutShort: 130 } as const;
/** After the time for the runs: interrupting them, handing back, closing. Then something hangs. */
const patienceMs = 120_000;

function fail(error: unknown): never {
  const text = messageOf(error);
  process.stderr.write(`${text}\n`);
  if (isClawfleetError(error) && error.remedy !== undefined)
    process.stderr.write(`what to do: ${error.remedy}\n`);
  process.exit(exitCodes.failed);
}

/** Lives until a signal or a newer database ends it. */
async function run<Config extends WorkConfig>(
  config: Config,
  start: (config: Config, log: ReturnType<typeof createLogger>) => Promise<Service>,
): Promise<void> {
  const log = createLogger(config);
  surviveLostConnections(process, log);
  const service = await start(config, log);
  const hurry = new AbortController();
  let ending: Promise<void> | undefined;

  function end(code: number): void {
    ending ??= service
      .stop({ graceMs: config.drainMs, hurry: hurry.signal })
      .then(() => process.exit(code), fail);
    setTimeout(leave, config.drainMs + patienceMs).unref();
  }
  function leave(): never {
    service.kill();
    process.exit(exitCodes.cutShort);
  }

  let signals = 0;
  function onSignal(signal: NodeJS.Signals): void {
    signals += 1;
    if (signals > 2) leave();
    log.info({ signal }, signals === 1 ? "draining; once more interrupts the runs" : "interrupting the runs");
    if (signals === 2) hurry.abort();
    end(exitCodes.ok);
  }
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  void service.outdated.then((error) => {
    log.fatal({ err: error, remedy: error.remedy }, "this version has to go; draining");
    process.stderr.write(`${error.message}\n`);
    end(exitCodes.failed);
  });
  // A parent that waits for us reads this instead of guessing.
  process.send?.({ type: "ready", url: service.url, environment: service.environment });
}

function collectCell(name: string, cells: readonly string[]): string[] {
  if (!cellNameSchema.safeParse(name).success)
    throw new InvalidArgumentError("A cell is named by the file stacks/Pulumi.cell.<name>.yaml.");
  return [...cells, name];
}

function toBinding(cells: readonly string[]): Binding {
  return cells.length === 0 ? { kind: "public" } : { kind: "cells", cells: [...new Set(cells)] };
}

const program = new Command("clawfleet")
  .description("The service. Configured by the environment: docs/operations.md, section 2.")
  .exitOverride()
  .showHelpAfterError();
program
  .command("start")
  .description("everything in one process; without DATABASE_URL with a PostgreSQL of its own")
  .action(() => run(parseConfig(process.env), (config, log) => startServer("start", config, log)));
program
  .command("serve")
  .description("HTTP, billing, schedules; runs nothing itself. Needs DATABASE_URL, and a `work` somewhere")
  .action(() => run(parseConfig(process.env, "serve"), (config, log) => startServer("serve", config, log)));
program
  .command("work")
  .description(
    "runs converges. Needs DATABASE_URL; listens on CLAWFLEET_LISTEN for /healthz /readyz /metrics",
  )
  .option(
    "--cell <name>",
    "only this cell, from inside its network; repeatable. Without it: every cell with reach public",
    collectCell,
    [],
  )
  .action(({ cell }: { cell: string[] }) =>
    run(parseWorkConfig(process.env), (config, log) => startWorker(toBinding(cell), config, log)),
  );

program
  .command("reseal")
  .description(
    "seals every secret in the database with CLAWFLEET_NEXT_MASTER_KEY; the service must be stopped (docs/operations.md, Rotation)",
  )
  .action(async () => {
    const lines = await resealDatabase(process.env).catch(fail);
    process.stdout.write(`${lines.join("\n")}\n`);
  });

try {
  await program.parseAsync();
} catch (error) {
  // Commander has printed its own message; help is no failure.
  if (!(error instanceof CommanderError)) fail(error);
  process.exitCode = error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
}
