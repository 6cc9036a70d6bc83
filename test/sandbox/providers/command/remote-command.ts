/** Runs the command of a `remote.Command`: environment, output lines for the person who waits, errors. */
import { messageOf, type RunContext } from "../bridge/plugin.ts";
import { bagOf, isAbsent, withoutSecrets, type Bag } from "../bridge/values.ts";
import { DialError, EnvironmentRefused, runOverSsh, type Environment } from "./ssh.ts";
import { describeDialError, describeExit, quote } from "./words.ts";

export type CommandOutput = { stdout: string; stderr: string };

export type CommandRun = {
  urn: string;
  command: string;
  /** As they came, secrets wrapped. */
  inputs: Bag;
  /** Of the run before. */
  previous: CommandOutput;
  timeScale: number;
  context: RunContext;
};

/** @throws with the exit, the command and everything that it said. */
export async function runCommand(run: CommandRun): Promise<CommandOutput> {
  const inputs = bagOf(withoutSecrets(run.inputs));
  const connection = bagOf(inputs["connection"]);
  const lines = createLineLog(run, inputs["logging"]);
  const result = await runOverSsh({
    connection,
    command: run.command,
    stdin: typeof inputs["stdin"] === "string" ? inputs["stdin"] : undefined,
    environment: toEnvironment(inputs["environment"]),
    optionalEnvironment: inputs["addPreviousOutputInEnv"] === false ? {} : previousOutput(run.previous),
    onOutput: (stream, text) => lines.take(stream, text),
    onRefused: (name) => run.context.log("warning", run.urn, describeRefusal(name)),
    onRetry: (dials, limit) =>
      run.context.status(run.urn, `Dial ${dials}/${limit === -1 ? "inf" : limit} failed: retrying`),
    timeScale: run.timeScale,
    signal: run.context.signal,
  }).catch((error: unknown) => {
    throw reword(run, connection, error);
  });
  lines.end();
  const failure = describeExit(result.code, result.signal);
  if (failure !== undefined) {
    throw new Error(`${failure}: running ${quote(run.command)}:\n${result.combined}`);
  }
  return { stdout: result.stdout.replace(/\n$/, ""), stderr: result.stderr.replace(/\n$/, "") };
}

function reword(run: CommandRun, connection: Bag, error: unknown): Error {
  if (error instanceof EnvironmentRefused) {
    run.context.log("error", run.urn, describeRefusal(error.variable));
    return error;
  }
  if (!(error instanceof DialError)) return new Error(messageOf(error), { cause: error });
  const reason = describeDialError(
    error.reason,
    `${String(connection["host"])}:${String(connection["port"])}`,
  );
  return new Error(`after ${error.attempts} failed attempts: ${reason}`, { cause: error });
}

function describeRefusal(name: string): string {
  return [
    `Unable to set '${name}'. This only works if your SSH server is configured to accept`,
    "\tthese variables via AcceptEnv. Alternatively, if a Bash-like shell runs the command on the remote host, you could",
    "\tprefix the command itself with the variables in the form 'VAR=value command'",
  ].join("\n");
}

/** Nothing is set for what was not said. */
function previousOutput({ stdout, stderr }: CommandOutput): Environment {
  return {
    ...(stdout === "" ? {} : { PULUMI_COMMAND_STDOUT: stdout }),
    ...(stderr === "" ? {} : { PULUMI_COMMAND_STDERR: stderr }),
  };
}

function toEnvironment(value: unknown): Environment {
  const entries = Object.entries(bagOf(value)).filter(([, text]) => !isAbsent(text));
  return Object.fromEntries(entries.map(([name, text]) => [name, String(text)]));
}

const shownStreams: Record<string, readonly string[]> = {
  stdout: ["stdout"],
  stderr: ["stderr"],
  stdoutAndStderr: ["stdout", "stderr"],
  none: [],
};

/** Whole lines as they come, of the streams that `logging` names. */
function createLineLog({ urn, context }: CommandRun, logging: unknown) {
  const shown = shownStreams[String(logging)] ?? ["stdout", "stderr"];
  const rest = { stdout: "", stderr: "" };
  return {
    take(stream: "stdout" | "stderr", text: string): void {
      if (!shown.includes(stream)) return;
      const lines = (rest[stream] + text).split("\n");
      rest[stream] = lines.pop() ?? "";
      for (const line of lines) if (line !== "") context.log("info", urn, line);
    },
    end(): void {
      for (const line of [rest.stdout, rest.stderr]) if (line !== "") context.log("info", urn, line);
    },
  };
}
