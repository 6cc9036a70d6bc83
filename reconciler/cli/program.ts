/** The commands of `fleet` with their options: instances and cells; the rest is in program-fleet.ts. */
import { Command, Option } from "commander";
import { rungs, type Rung } from "../health/decide.ts";
import { instanceStatuses } from "../web/order-view.ts";
import { historyCommand } from "./billing.ts";
import { cellsCommand, drainCommand } from "./cells.ts";
import {
  applyCommand,
  deprovisionCommand,
  environmentCommand,
  listCommand,
  previewCommand,
  provisionCommand,
  showCommand,
  signInCommand,
} from "./commands.ts";
import { stepCommand, unlockCommand } from "./machine.ts";
import { addFleet, type ProgramDeps } from "./program-fleet.ts";
import { logsCommand, pauseCommand, pausesCommand, resumeCommand, suspendCommand } from "./standing.ts";

export function createProgram(deps: ProgramDeps & { version: string }): Command {
  const program = new Command("fleet")
    .description("Operate a Clawfleet installation.")
    .version(deps.version)
    .exitOverride()
    .showHelpAfterError("what to do: fleet --help shows every command");
  addLooking(program, deps);
  addInstances(program, deps);
  addStanding(program, deps);
  addMachines(program, deps);
  addCells(program, deps);
  addFleet(program, deps);
  return program;
}

const json = ["--json", "for programs"] as const;
const yes = ["--yes", "do not ask"] as const;
const noWait = ["--no-wait", "do not follow the operation"] as const;

function addLooking(program: Command, { createIo, finish }: ProgramDeps): void {
  program
    .command("list")
    .description("every instance, one line each")
    .addOption(new Option("--status <status>", "only this status").choices(instanceStatuses))
    .option("--search <text>", "part of the name, the e-mail address or the id")
    .option(...json)
    .action(async (options) => finish(await listCommand(createIo(), options)));
  program
    .command("show <name>")
    .description("one instance, or cell.<cell>: its operations and the events of the last one")
    .option(...json)
    .action(async (name, options) => finish(await showCommand(createIo(), name, options)));
  program
    .command("logs <name>")
    .alias("events")
    .description("what the last operation on an instance, or cell.<cell>, said")
    .option("-f, --follow", "go on with the next ones, until it is interrupted")
    .option("--json", "one event a line, for programs")
    .action(async (name, options) => finish(await logsCommand(createIo(), name, options)));
  program
    .command("history <name>")
    .description("what billing said, what followed, and when it was reached")
    .option(...json)
    .action(async (name, options) => finish(await historyCommand(createIo(), name, options)));
}

function addInstances(program: Command, deps: ProgramDeps): void {
  const { createIo, finish } = deps;
  program
    .command("preview <name>")
    .description("print what Pulumi would change; changes nothing")
    .option(...json)
    .action(async (name, options) => finish(await previewCommand(createIo(), name, options)));
  program
    .command("apply <name>")
    .description("converge an instance, or cell.<cell>, now and follow it")
    .option("--refresh", "read the clouds first and put differences right")
    .option(...noWait)
    .option(...json)
    .action(async (name, options) => finish(await applyCommand(createIo(), name, options)));
  program
    .command("provision <name>")
    .description("give somebody an assistant free of charge")
    .requiredOption("--plan <plan>", "plan id of stacks/plans.yaml")
    .option("--email <address>", "whom it is for")
    .option(...noWait)
    .option(...json)
    .action(async (name, options) => finish(await provisionCommand(createIo(), name, options)));
  program
    .command("env <name> <VARIABLE>")
    .description(
      "give the assistant a key of its own, e.g. ANTHROPIC_API_KEY; the value comes on standard input",
    )
    .option("--unset", "take the variable away")
    .option(...noWait)
    .option(...json)
    .action(async (name, variable, options) =>
      finish(
        await environmentCommand(createIo(), name, variable, { ...options, read: () => deps.readValue() }),
      ),
    );
  program
    .command("sign-in <name>")
    .description("a link into the assistant's control page for its customer; works once, for ten minutes")
    .option(...json)
    .action(async (name, options) => finish(await signInCommand(createIo(), name, options)));
  program
    .command("deprovision <name>")
    .description("delete an instance and everything on it, whatever billing says")
    .option("--keep-data", "keep a snapshot of its disk; fleet resume brings it back")
    .option(...yes)
    .option(...noWait)
    .option(...json)
    .action(async (name, options) => finish(await deprovisionCommand(createIo(), name, options)));
}

function addStanding(program: Command, { createIo, finish }: ProgramDeps): void {
  program
    .command("suspend <name>")
    .description("stop the gateway and keep the data, whatever billing says")
    .option(...noWait)
    .option(...json)
    .action(async (name, options) => finish(await suspendCommand(createIo(), name, options)));
  program
    .command("pause [name]")
    .description("change nothing in the clouds, for one instance or (without a name) for all")
    .option(...json)
    .action(async (name, options) => finish(await pauseCommand(createIo(), name, options)));
  program
    .command("resume [name]")
    .description(
      "take back a pause, a suspension or a deprovision --keep-data; without a name the fleet's pause",
    )
    .option(...noWait)
    .option(...json)
    .action(async (name, options) => finish(await resumeCommand(createIo(), name, options)));
  program
    .command("pauses")
    .description("what is paused")
    .option(...json)
    .action(async (options) => finish(await pausesCommand(createIo(), options)));
}

const stepDescriptions: Record<Rung, string> = {
  restart: "restart the gateway",
  reboot: "reset the server at Hetzner, or power it on",
  rebuild: "throw the server away with its disk and make a new one",
};

function addMachines(program: Command, { createIo, finish }: ProgramDeps): void {
  for (const step of rungs) {
    const command = program
      .command(`${step} <name>`)
      .description(stepDescriptions[step])
      .option(...noWait)
      .option(...json)
      .action(async (name, options) => finish(await stepCommand(createIo(), name, step, options)));
    if (step === "rebuild") command.option(...yes);
  }
  program
    .command("unlock <name>")
    .description("remove the lock that a dead run left on an instance's stack, or on cell.<cell>")
    .option(...yes)
    .option(...json)
    .action(async (name, options) => finish(await unlockCommand(createIo(), name, options)));
}

function addCells(program: Command, { createIo, finish }: ProgramDeps): void {
  program
    .command("cells")
    .description("every cell: how it stands with it and what to do, how full it is, who works on it")
    .option(...json)
    .action(async (options) => finish(await cellsCommand(createIo(), options)));
  program
    .command("drain <cell>")
    .description("place no new instances in a cell; those that it has stay")
    .option(...json)
    .action(async (cell, options) => finish(await drainCommand(createIo(), cell, true, options)));
  program
    .command("undrain <cell>")
    .description("let a drained cell take new instances again")
    .option(...json)
    .action(async (cell, options) => finish(await drainCommand(createIo(), cell, false, options)));
}
