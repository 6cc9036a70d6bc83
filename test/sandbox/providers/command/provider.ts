/** Stand-in for pulumi-resource-command: remote.Command. A native provider, not a bridged one. */
import { randomBytes } from "node:crypto";
import { logicalNameOf, NoSuchToken, tokenOf, type Plugin, type RunContext } from "../bridge/plugin.ts";
import { unknownValue, type Bag } from "../bridge/values.ts";
import { checkCommand, diffCommand } from "./inputs.ts";
import { runCommand, type CommandOutput } from "./remote-command.ts";

export type CommandSettings = {
  /** Factor on the waits between dials. */
  timeScale: number;
};

const token = "command:remote:Command";

export function commandProvider(settings: CommandSettings): Plugin {
  return {
    name: "command",
    version: "1.2.1",
    acceptsSecrets: true,
    supportsAutonaming: false,
    checkConfig: (config) => ({ inputs: config, failures: [] }),
    open: (_config, run) => openRun(settings, run),
  };
}

function openRun({ timeScale }: CommandSettings, context: RunContext): ReturnType<Plugin["open"]> {
  const runText = (urn: string, command: unknown, inputs: Bag, previous: CommandOutput) =>
    typeof command === "string"
      ? runCommand({ urn, command, inputs, previous, timeScale, context })
      : Promise.resolve(previous);

  return {
    check({ urn, news }) {
      requireCommand(urn);
      return checkCommand(news);
    },
    diff: ({ olds, news, ignoreChanges }) => diffCommand(olds, news, ignoreChanges),
    async create({ urn, inputs, preview }) {
      requireCommand(urn);
      if (preview) return { id: "", state: { ...inputs, ...unknownOutput } };
      const output = await runText(urn, inputs["create"], inputs, { stdout: "", stderr: "" });
      return {
        id: `${logicalNameOf(urn)}${randomBytes(4).toString("hex")}`,
        state: { ...inputs, ...output },
      };
    },
    /** It looks at nothing. */
    read: ({ id, state, inputs }) => Promise.resolve({ id, state, inputs }),
    async update({ urn, olds, news, preview }) {
      if (preview) return { ...news, ...unknownOutput };
      return { ...news, ...(await runText(urn, news["update"] ?? news["create"], news, outputOf(olds))) };
    },
    async delete({ urn, state }) {
      await runText(urn, state["delete"], state, outputOf(state));
    },
    invoke(name) {
      throw new NoSuchToken(`no such function: ${name}`);
    },
  };
}

const unknownOutput = { stdout: unknownValue, stderr: unknownValue };

function outputOf({ stdout, stderr }: Bag): CommandOutput {
  return {
    stdout: typeof stdout === "string" ? stdout : "",
    stderr: typeof stderr === "string" ? stderr : "",
  };
}

function requireCommand(urn: string): void {
  if (tokenOf(urn) !== token) throw new NoSuchToken(`no such resource: ${tokenOf(urn)}`);
}
