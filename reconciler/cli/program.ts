/** The commands of `fleet` with their options. */
import { Command, InvalidArgumentError, Option } from "commander";
import { scopes, type Scope } from "../operators/api-keys.ts";
import { instanceStatuses } from "../web/order-view.ts";
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
  type CommandIo,
  type ExitCode,
} from "./commands.ts";
import { renderCompletion, shells } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { driftCommand, driftDeleteCommand, driftRepairCommand, driftScanCommand } from "./drift.ts";
import { auditCommand, createKeyCommand, keysCommand, revokeKeyCommand } from "./keys.ts";
import { gitAcceptCommand, gitCommand, gitSyncCommand, planCommand, planFormats } from "./plan.ts";
import {
  logsCommand,
  pauseCommand,
  pausesCommand,
  plansCommand,
  stateExportCommand,
  suspendCommand,
} from "./standing.ts";

export type ProgramDeps = {
  /** Made when a command runs: help needs no service. */
  createIo(): CommandIo;
  readValue(): Promise<string>;
  gitEnvironment(): Record<string, string>;
  finish: (code: ExitCode) => void;
};

export function createProgram(deps: ProgramDeps): Command {
  const { finish } = deps;
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
    .action(async (options) => finish(await listCommand(deps.createIo(), options)));
  program
    .command("show <name>")
    .description("one instance, or cell.<cell>: its operations and the events of the last one")
    .option("--json", "for programs")
    .action(async (name, options) => finish(await showCommand(deps.createIo(), name, options)));
  program
    .command("preview <name>")
    .description("print what Pulumi would change; changes nothing")
    .action(async (name) => finish(await previewCommand(deps.createIo(), name)));
  program
    .command("apply <name>")
    .description("converge an instance, or cell.<cell>, now and follow it")
    .option("--refresh", "read the clouds first and put differences right")
    .action(async (name, options) => finish(await applyCommand(deps.createIo(), name, options)));
  program
    .command("provision <name>")
    .description("give somebody an assistant free of charge")
    .requiredOption("--plan <plan>", "plan id of stacks/plans.yaml")
    .option("--email <address>", "whom it is for")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, options) => finish(await provisionCommand(deps.createIo(), name, options)));
  program
    .command("env <name> <VARIABLE>")
    .description(
      "give the assistant a key of its own, e.g. ANTHROPIC_API_KEY; the value comes on standard input",
    )
    .option("--unset", "take the variable away")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, variable, options) =>
      finish(
        await environmentCommand(deps.createIo(), name, variable, {
          ...options,
          read: () => deps.readValue(),
        }),
      ),
    );
  program
    .command("sign-in <name>")
    .description("a link into the assistant's control page for its customer; works once, for ten minutes")
    .action(async (name) => finish(await signInCommand(deps.createIo(), name)));
  program
    .command("deprovision <name>")
    .description("delete an instance and everything on it, whatever billing says")
    .option("--yes", "do not ask")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, options) => finish(await deprovisionCommand(deps.createIo(), name, options)));
  program
    .command("cells")
    .description("every cell: how it stands with it and what to do, how full it is, who works on it")
    .option("--json", "for programs")
    .action(async (options) => finish(await cellsCommand(deps.createIo(), options)));
  program
    .command("drain <cell>")
    .description("place no new instances in a cell; those that it has stay")
    .action(async (cell) => finish(await drainCommand(deps.createIo(), cell, true)));
  program
    .command("undrain <cell>")
    .description("let a drained cell take new instances again")
    .action(async (cell) => finish(await drainCommand(deps.createIo(), cell, false)));
  addDrift(program, deps);
  addGit(program, deps);
  addStanding(program, deps);
  addKeys(program, deps);
  addOthers(program, deps);
  return program;
}

function addDrift(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  const drift = program
    .command("drift")
    .description("what another hand changed in the clouds")
    .option("--json", "for programs")
    .action(async (options) => finish(await driftCommand(deps.createIo(), options)));
  drift
    .command("scan")
    .description("look now")
    .action(async (_options, command) =>
      finish(await driftScanCommand(deps.createIo(), command.optsWithGlobals())),
    );
  drift
    .command("repair <name>")
    .description("read the clouds and put one instance, or cell.<name>, as it should be")
    .action(async (name) => finish(await driftRepairCommand(deps.createIo(), name)));
  drift
    .command("delete <object>")
    .description("delete an object that carries our label and is in no state, as fleet drift names it")
    .option("--yes", "do not ask")
    .action(async (object, options) => finish(await driftDeleteCommand(deps.createIo(), object, options)));
}

function addGit(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  program
    .command("plan")
    .description("what a change of stacks/ between two commits of this repository would do; changes nothing")
    .requiredOption("--base <commit>", "what is")
    .option("--head <commit>", "what would be", "HEAD")
    .option("--folder <path>", "where the files are in the repository", "stacks")
    .addOption(new Option("--format <format>", "how it is printed").choices(planFormats).default("table"))
    .action(async (options) =>
      finish(await planCommand({ ...deps.createIo(), environment: deps.gitEnvironment() }, options)),
    );
  const git = program
    .command("git")
    .description("which commit the fleet is at, and what became of the last ones")
    .option("--json", "for programs")
    .action(async (options) => finish(await gitCommand(deps.createIo(), options)));
  git
    .command("sync")
    .description("look at the repository now")
    .action(async () => finish(await gitSyncCommand(deps.createIo())));
  git
    .command("accept <commit>")
    .description("apply a refused commit, if it still is the plan that you have seen")
    .requiredOption("--hash <hash>", "of that plan")
    .action(async (commit, options) => finish(await gitAcceptCommand(deps.createIo(), commit, options)));
}

function addStanding(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  program
    .command("suspend <name>")
    .description("stop the gateway and keep the data, whatever billing says")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, options) => finish(await suspendCommand(deps.createIo(), name, true, options)));
  program
    .command("resume <name>")
    .description("take a suspension back")
    .option("--no-wait", "do not follow the operation")
    .action(async (name, options) => finish(await suspendCommand(deps.createIo(), name, false, options)));
  program
    .command("pause [name]")
    .description("change nothing in the clouds, for one instance or (without a name) for all")
    .action(async (name) => finish(await pauseCommand(deps.createIo(), name, true)));
  program
    .command("unpause [name]")
    .description("go on")
    .action(async (name) => finish(await pauseCommand(deps.createIo(), name, false)));
  program
    .command("pauses")
    .description("what is paused")
    .option("--json", "for programs")
    .action(async (options) => finish(await pausesCommand(deps.createIo(), options)));
}

function addKeys(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  const keys = program
    .command("keys")
    .description("API keys; with the key of the environment only")
    .option("--json", "for programs")
    .action(async (options) => finish(await keysCommand(deps.createIo(), options)));
  keys
    .command("create <name>")
    .description("make a key; it is printed this once")
    .requiredOption("--scope <scope>", `one of ${scopes.join(", ")}; repeatable`, collectScope, [])
    .option("--days <days>", "good for so long", Number)
    .action(async (name, options) => finish(await createKeyCommand(deps.createIo(), name, options)));
  keys
    .command("revoke <id>")
    .description("make a key good for nothing")
    .action(async (id) => finish(await revokeKeyCommand(deps.createIo(), id)));
  program
    .command("audit")
    .description("who did what to whom, newest first")
    .option("--actor <name>", "only this key's")
    .option("--limit <count>", "so many, at most 500")
    .option("--json", "for programs")
    .action(async (options) => finish(await auditCommand(deps.createIo(), options)));
}

function collectScope(given: string, known: readonly Scope[]): Scope[] {
  const scope = scopes.find((one) => one === given);
  if (!scope) throw new InvalidArgumentError(`There are ${scopes.join(", ")}.`);
  return [...known, scope];
}

function addOthers(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  program
    .command("logs <name>")
    .description("what the last operation said")
    .option("-f, --follow", "go on with the next ones, until it is interrupted")
    .action(async (name, options) => finish(await logsCommand(deps.createIo(), name, options)));
  program
    .command("doctor")
    .description("look at what an operator would look at first")
    .option("--json", "for programs")
    .action(async (options) => finish(await doctorCommand(deps.createIo(), options)));
  program
    .command("plans")
    .description("what customers may have")
    .option("--json", "for programs")
    .action(async (options) => finish(await plansCommand(deps.createIo(), options)));
  program
    .command("state")
    .description("states of stacks")
    .command("export <name>")
    .description("as pulumi stack export gives it; secrets are ciphertext")
    .action(async (name) => finish(await stateExportCommand(deps.createIo(), name)));
  program
    .command("completion <shell>")
    .description(`a script for ${shells.join(", ")}: source <(fleet completion bash)`)
    .action((given) => {
      const shell = shells.find((one) => one === given);
      if (!shell) throw new InvalidArgumentError(`There are ${shells.join(", ")}.`);
      process.stdout.write(`${renderCompletion(program, shell)}\n`);
    });
}
