#!/usr/bin/env node
/** `fleet`: the operators' command line, a client of the admin API. */
import { randomUUID } from "node:crypto";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { CommanderError } from "commander";
import packageFile from "../../package.json" with { type: "json" };
import { loadEnvironmentFile } from "../../infra/environment-file.ts";
import { isClawfleetError, messageOf } from "../errors.ts";
import { createFleetClient, FleetRequestError } from "./client.ts";
import { exitCodes, type CommandIo, type ExitCode } from "./io.ts";
import { createProgram } from "./program.ts";
import { createPatientFetch } from "./requests.ts";
import { createTerminal } from "./terminal.ts";

const environment = { ...loadEnvironmentFile(process.env), ...process.env };
const terminal = createTerminal(process);

async function readValue(): Promise<string> {
  return process.stdin.isTTY ? ((await terminal.ask("value: ")) ?? "") : await text(process.stdin);
}

function createIo(): CommandIo {
  const url = environment["CLAWFLEET_URL"] ?? "";
  const adminKey = environment["CLAWFLEET_ADMIN_KEY"] ?? "";
  if (url === "" || adminKey === "") {
    const missing = [url === "" ? "CLAWFLEET_URL" : "", adminKey === "" ? "CLAWFLEET_ADMIN_KEY" : ""];
    throw new CommanderError(
      exitCodes.usage,
      "fleet.config",
      `${missing.filter(Boolean).join(" and ")} must be set`,
    );
  }
  const wait = async (ms: number) => {
    await sleep(ms);
  };
  return {
    ...terminal,
    client: createFleetClient({
      url,
      adminKey,
      fetch: createPatientFetch({ fetch, sleep: wait, newKey: randomUUID }),
    }),
    print: (line) => process.stdout.write(`${line}\n`),
    note: (line) => process.stderr.write(`${line}\n`),
    sleep: wait,
    now: () => new Date(),
  };
}

function pickGitEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** The last line says what to do, whatever failed. */
function report(message: string, remedy: string): void {
  process.stderr.write(`${message}\nwhat to do: ${remedy}\n`);
}

function toExitCode(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    // Commander has printed its own message; help and version are no failures.
    if (error.code === "fleet.config") report(error.message, "docs/operations.md, Configuration");
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  }
  if (error instanceof FleetRequestError) {
    report(error.message, error.remedy ?? "fleet --help shows every command");
    if (error.status === 404) return exitCodes.notFound;
    if (error.status === 401 || error.status === 403) return exitCodes.unauthorized;
    if (error.status === 0) return exitCodes.unreachable;
    return error.status === 400 ? exitCodes.usage : exitCodes.failed;
  }
  const message = messageOf(error);
  const remedy = isClawfleetError(error) ? error.remedy : undefined;
  report(message, remedy ?? "fleet <verb> --help says what may be given");
  return exitCodes.failed;
}

/** Whoever reads may stop reading: `fleet list | head`. */
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(exitCodes.ok);
});

try {
  const program = createProgram({
    version: packageFile.version,
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
