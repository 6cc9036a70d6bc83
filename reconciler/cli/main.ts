#!/usr/bin/env node
/** `fleet`: the operators' command line, a client of the admin API. */
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, CommanderError, Option } from "commander";
import { instanceStatuses } from "../web/order-view.ts";
import { haltCommand, historyCommand, resumeCommand } from "./billing.ts";
import { cellsCommand, drainCommand } from "./cells.ts";
import { moneyCommand } from "./money.ts";
import { createFleetClient, FleetRequestError } from "./client.ts";
import {
  applyCommand,
  deprovisionCommand,
  environmentCommand,
  exitCodes,
  listCommand,
  previewCommand,
  provisionCommand,
  showCommand,
  signInCommand,
  type CommandIo,
  type ExitCode,
} from "./commands.ts";
import { loadEnvironmentFile } from "../../infra/environment-file.ts";

const environment = { ...loadEnvironmentFile(process.env), ...process.env };

async function ask(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(question)).trim();
  } finally {
    terminal.close();
  }
}

async function readValue(): Promise<string> {
  return process.stdin.isTTY ? ((await ask("value: ")) ?? "") : await text(process.stdin);
}

function createIo(): CommandIo {
  const url = environment["CLAWFLEET_URL"];
  const adminKey = environment["CLAWFLEET_ADMIN_KEY"];
  if (url === undefined || adminKey === undefined) {
    const missing = [
      url === undefined ? "CLAWFLEET_URL" : "",
      adminKey === undefined ? "CLAWFLEET_ADMIN_KEY" : "",
    ];
    throw new CommanderError(
      exitCodes.usage,
      "fleet.config",
      `set ${missing.filter(Boolean).join(" and ")} (docs/operations.md)`,
    );
  }
  return {
    client: createFleetClient({ url, adminKey }),
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
    ask,
    sleep: async (ms) => {
      await sleep(ms);
    },
    now: () => new Date(),
  };
}

function createProgram(finish: (code: ExitCode) => void): Command {
  const program = new Command("fleet")
    .description("Operate a Clawfleet installation.")
    .exitOverride()
    .showHelpAfterError("(fleet --help shows every command)");
  program
    .command("list")
    .description("every instance, one line each")
    .addOption(new Option("--status <status>", "only this status").choices(instanceStatuses))
    .option("--search <text>", "part of the name, the e-mail address or the id")
    .option("--json", "for programs")
    .action(async (options) => finish(await listCommand(createIo(), options)));
  program
    .command("show <name>")
    .description("one instance, or cell.<cell>: its operations and the events of the last one")
    .option("--json", "for programs")
    .action(async (name, options) => finish(await showCommand(createIo(), name, options)));
  program
    .command("preview <name>")
    .description("print what Pulumi would change; changes nothing")
    .action(async (name) => finish(await previewCommand(createIo(), name)));
  program
    .command("apply <name>")
    .description("converge an instance, or cell.<cell>, now and follow it")
    .option("--refresh", "read the clouds first and put differences right")
    .action(async (name, options) => finish(await applyCommand(createIo(), name, options)));
  program
    .command("provision <name>")
    .description("give somebody an assistant free of charge")
    .requiredOption("--plan <plan>", "plan id of stacks/plans.yaml")
    .option("--email <address>", "whom it is for")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, options) => finish(await provisionCommand(createIo(), name, options)));
  program
    .command("env <name> <VARIABLE>")
    .description(
      "give the assistant a key of its own, e.g. ANTHROPIC_API_KEY; the value comes on standard input",
    )
    .option("--unset", "take the variable away")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, variable, options) =>
      finish(await environmentCommand(createIo(), name, variable, { ...options, read: readValue })),
    );
  program
    .command("sign-in <name>")
    .description("a link into the assistant's control page for its customer; works once, for ten minutes")
    .action(async (name) => finish(await signInCommand(createIo(), name)));
  program
    .command("deprovision <name>")
    .description("delete an instance and everything on it, whatever billing says")
    .option("--yes", "do not ask")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, options) => finish(await deprovisionCommand(createIo(), name, options)));
  program
    .command("cells")
    .description("every cell: how it stands with it and what to do, how full it is, who works on it")
    .option("--json", "for programs")
    .action(async (options) => finish(await cellsCommand(createIo(), options)));
  program
    .command("drain <cell>")
    .description("place no new instances in a cell; those that it has stay")
    .action(async (cell) => finish(await drainCommand(createIo(), cell, true)));
  program
    .command("undrain <cell>")
    .description("let a drained cell take new instances again")
    .action(async (cell) => finish(await drainCommand(createIo(), cell, false)));
  program
    .command("history <name>")
    .description("what billing said, what followed, and when it was reached")
    .option("--json", "for programs")
    .action(async (name, options) => finish(await historyCommand(createIo(), name, options)));
  program
    .command("money")
    .description("revenue, cost of servers and margin by plan; servers that nobody pays for (always 0)")
    .option("--json", "for programs")
    .action(async (options) => finish(await moneyCommand(createIo(), options)));
  program
    .command("halt")
    .description("take nothing away from anybody, whatever billing says, until resume")
    .option("--reason <text>", "why, for whoever sees what waits")
    .action(async (options) => finish(await haltCommand(createIo(), options)));
  program
    .command("resume")
    .description("let removals go on again")
    .action(async () => finish(await resumeCommand(createIo())));
  return program;
}

function toExitCode(error: unknown): number {
  if (error instanceof CommanderError) {
    // Commander has printed its own message; help and version are no failures.
    if (error.code === "fleet.config") process.stderr.write(`${error.message}\n`);
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (error instanceof FleetRequestError) {
    process.stderr.write(`${error.message}\n`);
    if (error.remedy !== undefined) process.stderr.write(`what to do: ${error.remedy}\n`);
    if (error.status === 404) return exitCodes.notFound;
    if (error.status === 401) return exitCodes.unauthorized;
    if (error.status === 0) return exitCodes.unreachable;
    return error.status === 400 ? exitCodes.usage : exitCodes.failed;
  }
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return exitCodes.failed;
}

try {
  await createProgram((code) => {
    process.exitCode = code;
  }).parseAsync();
} catch (error) {
  process.exitCode = toExitCode(error);
}
