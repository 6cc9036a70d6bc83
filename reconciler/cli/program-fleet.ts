/** The commands of `fleet` about the whole of it: drift, git, billing, keys, doctor and the like. */
import { Argument, InvalidArgumentError, Option, type Command } from "commander";
import { scopes, type Scope } from "../operators/api-keys.ts";
import { haltCommand, moveBillingCommand } from "./billing.ts";
import { renderCompletion, shells } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { driftCommand, driftDeleteCommand, driftRepairCommand, driftScanCommand } from "./drift.ts";
import type { CommandIo, ExitCode } from "./io.ts";
import { auditCommand, createKeyCommand, keysCommand, revokeKeyCommand } from "./keys.ts";
import { moneyCommand } from "./money.ts";
import { gitAcceptCommand, gitCommand, gitSyncCommand, planCommand, planFormats } from "./plan.ts";
import { plansCommand, stateExportCommand } from "./standing.ts";

export type ProgramDeps = {
  /** Made when a command runs: help needs no service. */
  createIo: () => CommandIo;
  readValue: () => Promise<string>;
  gitEnvironment: () => Record<string, string>;
  finish: (code: ExitCode) => void;
};

export function addFleet(program: Command, deps: ProgramDeps): void {
  addDrift(program, deps);
  addGit(program, deps);
  addBilling(program, deps);
  addKeys(program, deps);
  addOthers(program, deps);
}

function addDrift(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  const drift = program
    .command("drift")
    .description("what another hand changed in the clouds, the gravest first")
    .option("--all", "every finding, not only the first hundred")
    .option("--json", "every finding, for programs")
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
    .option("--no-wait", "do not follow the operation")
    .option("--yes", "do not ask, where a server may be lost")
    .action(async (name, options, command) =>
      finish(await driftRepairCommand(deps.createIo(), name, { ...options, ...command.optsWithGlobals() })),
    );
  drift
    .command("delete <object>")
    .description("delete an object that carries our label and is in no state, as fleet drift names it")
    .option("--yes", "do not ask")
    .action(async (object, options, command) =>
      finish(await driftDeleteCommand(deps.createIo(), object, { ...options, ...command.optsWithGlobals() })),
    );
}

function addGit(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  program
    .command("plan")
    .description("what a change of stacks/ between two commits of this repository would do; changes nothing")
    .option("--base <commit>", "what is (default: the commit that the fleet is at)")
    .option("--head <commit>", "what is merged into it", "HEAD")
    .option("--request <number>", "the request that this is the review of, for CI", toRequest)
    .option(
      "--label <name>",
      "a label that it has; repeatable",
      (name, known: string[]) => [...known, name],
      [],
    )
    .option("--folder <path>", "where the files are in the repository", "stacks")
    .option("--wait <minutes>", "for the previews; the same command again waits on for them", toMinutes, 60)
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
    .action(async (_options, command) =>
      finish(await gitSyncCommand(deps.createIo(), command.optsWithGlobals())),
    );
  git
    .command("accept <commit>")
    .description("apply a refused commit, if it still is the plan that you have seen")
    .requiredOption("--hash <hash>", "of that plan")
    .action(async (commit, options, command) =>
      finish(await gitAcceptCommand(deps.createIo(), commit, { ...options, ...command.optsWithGlobals() })),
    );
}

function toRequest(given: string): number {
  if (!/^[1-9]\d{0,8}$/.test(given)) throw new InvalidArgumentError("A number such as 7.");
  return Number(given);
}

function toMinutes(given: string): number {
  if (!/^[1-9]\d{0,4}$/.test(given)) throw new InvalidArgumentError("Minutes, such as 60.");
  return Number(given);
}

function addBilling(program: Command, deps: ProgramDeps): void {
  const { finish } = deps;
  program
    .command("money")
    .description("revenue, cost of servers and margin by plan; servers that nobody pays for (always 0)")
    .option("--json", "for programs")
    .action(async (options) => finish(await moneyCommand(deps.createIo(), options)));
  program
    .command("billing")
    .description("who bills the fleet")
    .command("move <provider>")
    .description("leave the account of stripe or paddle for another one, or test money for real money")
    .option("--yes", "do not ask")
    .option("--json", "for programs")
    .action(async (provider, options) =>
      finish(await moveBillingCommand(deps.createIo(), provider, options)),
    );
  program
    .command("halt")
    .description("take nothing away from anybody, whatever billing says, until halt --end")
    .addOption(new Option("--reason <text>", "why, for whoever sees what waits").conflicts("end"))
    .option("--end", "let removals go on")
    .option("--json", "for programs")
    .action(async (options) => finish(await haltCommand(deps.createIo(), options)));
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
    .addOption(
      new Option("--scope <scope>", "what it may do; repeatable")
        .choices(scopes)
        .argParser(collectScope)
        .default([])
        .makeOptionMandatory(),
    )
    .option("--days <days>", "good for so long", Number)
    .action(async (name, options, command) =>
      finish(await createKeyCommand(deps.createIo(), name, { ...options, ...command.optsWithGlobals() })),
    );
  keys
    .command("revoke <id>")
    .description("make a key good for nothing")
    .action(async (id, _options, command) =>
      finish(await revokeKeyCommand(deps.createIo(), id, command.optsWithGlobals())),
    );
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
    .description("of an instance or cell.<cell>, as pulumi stack export gives it; secrets are ciphertext")
    .action(async (name) => finish(await stateExportCommand(deps.createIo(), name)));
  program
    .command("completion")
    .description("a script for a shell: source <(fleet completion bash)")
    .addArgument(new Argument("<shell>").choices(shells))
    .action((shell) => void process.stdout.write(`${renderCompletion(program, shell)}\n`));
}
