#!/usr/bin/env node
/** `fleet`: the operators' command line, a client of the admin API. */
import { createInterface } from "node:readline/promises";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { CommanderError } from "commander";
import { createFleetClient, FleetRequestError } from "./client.ts";
import { exitCodes, type CommandIo } from "./commands.ts";
import { createProgram } from "./program.ts";
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

function pickGitEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
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
    if (error.status === 401 || error.status === 403) return exitCodes.unauthorized;
    if (error.status === 0) return exitCodes.unreachable;
    return error.status === 400 ? exitCodes.usage : exitCodes.failed;
  }
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  return exitCodes.failed;
}

try {
  const program = createProgram({
    createIo,
    readValue,
    gitEnvironment: pickGitEnvironment,
    finish(code) {
      process.exitCode = code;
    },
  });
  await program.parseAsync();
} catch (error) {
  process.exitCode = toExitCode(error);
}
