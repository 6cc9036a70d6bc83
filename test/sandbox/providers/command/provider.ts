/** Stand-in for pulumi-resource-command: remote.Command. Ids are random hex; reading looks at nothing. */
import { randomBytes } from "node:crypto";
import type { Call, ProviderDefinition, ResourceDefinition } from "../bridge/definition.ts";
import { isBag, type Bag } from "../bridge/values.ts";
import { environmentOf, runOverSsh } from "./ssh.ts";

export type CommandSettings = { timeScale: number };

export function commandProvider(settings: CommandSettings): ProviderDefinition {
  return {
    name: "command",
    version: "1.2.1",
    secretConfig: [],
    resources: [remoteCommand(settings)],
    functions: [],
  };
}

function remoteCommand(settings: CommandSettings): ResourceDefinition {
  async function run(call: Call, command: unknown, inputs: Bag, previous?: Bag): Promise<Bag> {
    if (typeof command !== "string" || command === "") return { ...inputs, stdout: "", stderr: "" };
    const connection = isBag(inputs["connection"]) ? inputs["connection"] : {};
    const log = logger(call, textOf(inputs["logging"]) ?? "stdoutAndStderr");
    const { code, signal, stdout, stderr } = await runOverSsh({
      connection,
      command,
      stdin: typeof inputs["stdin"] === "string" ? inputs["stdin"] : undefined,
      environment: { ...environmentOf(inputs["environment"]), ...previousOutput(inputs, previous) },
      onOutput: log,
      timeScale: settings.timeScale,
    });
    if (code !== 0 || signal !== undefined) {
      const ending =
        signal === undefined ? `Process exited with status ${code}` : `Process exited from signal ${signal}`;
      throw new Error(`${ending}: running ${JSON.stringify(command)}:\n${stderr}`);
    }
    return { ...inputs, stdout: stdout.replace(/\n$/, ""), stderr: stderr.replace(/\n$/, "") };
  }

  return {
    token: "command:remote:Command",
    style: "native",
    properties: {
      connection: { kind: "object", required: true },
      create: { kind: "string" },
      update: { kind: "string" },
      delete: { kind: "string" },
      stdin: { kind: "string" },
      environment: { kind: "object" },
      logging: { kind: "string" },
      addPreviousOutputInEnv: { kind: "boolean", default: true },
      triggers: { kind: "list", replace: true },
      stdout: { kind: "string", output: true },
      stderr: { kind: "string", output: true },
    },
    async create(call, inputs) {
      return { id: randomBytes(16).toString("hex"), state: await run(call, inputs["create"], inputs) };
    },
    read: async (_call, _id, state) => state,
    update: async (call, _id, state, inputs) =>
      run(call, inputs["update"] ?? inputs["create"], inputs, state),
    async delete(call, _id, state) {
      if (state["delete"] !== undefined && state["delete"] !== null)
        await run(call, state["delete"], state, state);
    },
  };
}

function previousOutput(inputs: Bag, previous: Bag | undefined): Record<string, string> {
  if (!previous || inputs["addPreviousOutputInEnv"] === false) return {};
  return {
    PULUMI_COMMAND_STDOUT: textOf(previous["stdout"]) ?? "",
    PULUMI_COMMAND_STDERR: textOf(previous["stderr"]) ?? "",
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** Whole lines as they come, of the streams that `logging` names. */
function logger(call: Call, logging: string): (stream: "stdout" | "stderr", text: string) => void {
  const shown: Record<string, readonly string[]> = {
    stdout: ["stdout"],
    stderr: ["stderr"],
    stdoutAndStderr: ["stdout", "stderr"],
    none: [],
  };
  const streams = shown[logging] ?? ["stdout", "stderr"];
  return (stream, text) => {
    if (!streams.includes(stream)) return;
    for (const line of text.split("\n")) if (line !== "") call.session.log("info", call.urn, line);
  };
}
