/** Proves what `fleet` refuses before it asks anybody, and what a shell is told to complete. What the verbs do is e2e/fleet-command.test.ts' matter. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { renderCompletion } from "../../reconciler/cli/completion.ts";
import { confirm } from "../../reconciler/cli/confirm.ts";
import { createProgram } from "../../reconciler/cli/program.ts";

/** `plan` has --format, a state is JSON by itself. */
const ownForm = ["completion", "plan", "state export"];

function make(): { program: Command; said: string[] } {
  const said: string[] = [];
  const program = createProgram({
    version: "1",
    createIo: () => {
      throw new Error("nobody is to be asked");
    },
    readValue: () => Promise.resolve(""),
    gitEnvironment: () => ({}),
    finish: () => undefined,
  });
  const quiet = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: (text) => void said.push(text) });
    for (const one of command.commands) quiet(one);
  };
  quiet(program);
  return { program, said };
}

describe("fleet", () => {
  test.each([
    [["completion", "tcsh"], "Allowed choices are bash, zsh, fish"],
    [["plan", "--request", "seven"], "A number such as 7"],
    [["list", "--status", "odd"], "Allowed choices are"],
    [["keys", "create", "x", "--scope", "root"], "There are read, plan, operate, delete"],
    [["git", "accept", "abc"], "required option '--hash <hash>'"],
  ])("%j is refused in words", async (args, words) => {
    const { program, said } = make();
    await expect(program.parseAsync(args, { from: "user" })).rejects.toMatchObject({ exitCode: 1 });
    expect(said.join("")).toContain(words);
  });

  test("without its settings, or with empty ones, says which", async () => {
    const run = promisify(execFile)(process.execPath, ["reconciler/cli/fleet.js", "list"], {
      env: { CLAWFLEET_URL: "", CLAWFLEET_ADMIN_KEY: "", CLAWFLEET_ENV_FILE: "/dev/null" },
    });
    await expect(run).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringContaining("CLAWFLEET_URL and CLAWFLEET_ADMIN_KEY must be set"),
    });
  });

  test("has --json for every verb but those whose output has a form of its own", () => {
    const { program } = make();
    const hasJson = (command: Command) => command.options.some(({ long }) => long === "--json");
    const lacking = program.commands.flatMap((command) => {
      if (hasJson(command)) return [];
      const below = command.commands.filter((one) => !hasJson(one));
      return command.commands.length === 0
        ? [command.name()]
        : below.map((one) => `${command.name()} ${one.name()}`);
    });
    expect(lacking.toSorted()).toEqual(ownForm);
  });

  test("completes verbs, their aliases and what is below them, in every shell", async () => {
    const { program } = make();
    const bash = renderCompletion(program, "bash");
    const script = `${bash}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _fleet; echo "\${COMPREPLY[@]}"`;
    const complete = async (...words: string[]) =>
      (await promisify(execFile)("bash", ["-c", script, "bash", "fleet", ...words])).stdout.trim().split(" ");
    expect(await complete("ev")).toEqual(["events"]);
    expect(await complete("events", "")).toEqual(await complete("logs", ""));
    expect(await complete("events", "")).toContain("--follow");
    expect(await complete("git", "ac")).toEqual(["accept"]);
    expect(await complete("list", "--status", "pa")).toEqual(["parked"]);
    expect(await complete("list", "--status", "parked", "--js")).toEqual(["--json"]);
    expect(await complete("plan", "--format", "")).toEqual(["table", "markdown", "json"]);
    expect(await complete("keys", "create", "ci", "--scope", "pl")).toEqual(["plan"]);
    expect(await complete("completion", "z")).toEqual(["zsh"]);
    expect(renderCompletion(program, "fish")).toContain('list" -l status -x -a "');
    expect(renderCompletion(program, "zsh")).toContain("bashcompinit");
    expect(renderCompletion(program, "fish")).toContain("__fish_seen_subcommand_from events");
  });
});

describe("before what cannot be taken back", () => {
  const about = { what: "This deletes ada.", name: "ada" };
  async function answer(typed: string | undefined, yes?: boolean) {
    const [asked, noted]: string[][] = [[], []];
    const io = {
      ask: (question: string) => {
        asked?.push(question);
        return Promise.resolve(typed);
      },
      note: (line: string) => void noted?.push(line),
    };
    return { code: await confirm(io, { ...about, yes }), asked, noted: noted?.join() };
  }

  test("its name is typed", async () => {
    expect(await answer("ada")).toEqual({
      code: undefined,
      asked: ["This deletes ada. Type ada to go on: "],
      noted: "",
    });
    for (const typed of ["", "adam", "yes"])
      expect(await answer(typed)).toMatchObject({ code: 2, noted: "nothing is done: that is not ada" });
  });

  test("--yes asks nobody, and without a terminal it is what to give", async () => {
    expect(await answer(undefined, true)).toMatchObject({ code: undefined, asked: [] });
    expect(await answer(undefined)).toMatchObject({ code: 2, noted: expect.stringContaining("add --yes") });
  });
});
