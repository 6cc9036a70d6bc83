/** One reading of one machine: over SSH where its cell says, by a script that is shipped with each reading. */
import { remoteScripts } from "../../cloud-init/files.ts";
import { nodeCommand } from "../../cloud-init/remote-command.ts";
import { cellSecretsSchema, cellSettingsSchema, instanceSecretsSchema } from "../../infra/config.ts";
import { instanceOutputsSchema } from "../../infra/outputs.ts";
import { open, sealContext } from "../../infra/seal.ts";
import type { Located } from "../db/health.ts";
import type { MachineAddress, RunOnMachine } from "./machine-ssh.ts";
import { toReading, vitalsSchema, type Reading } from "./vitals.ts";

const timeoutMs = 20_000;
const probeCommand = nodeCommand(remoteScripts.probe);

/** undefined while there is no machine to go to. @throws Error when the secrets do not open. */
export function locate(masterKey: string, row: Located): MachineAddress | undefined {
  const settings = cellSettingsSchema.parse(row.cellSettings);
  const outputs = instanceOutputsSchema.safeParse(row.outputs);
  const host = settings.reach === "public" ? outputs.data?.ipv4 : row.privateIp;
  if (!outputs.success || host === undefined || host === null) return undefined;
  const secrets = instanceSecretsSchema.parse(open(masterKey, row.secrets, sealContext.instance(row.id)));
  const { sshPrivateKey } = cellSecretsSchema.parse(
    open(masterKey, row.cellSecrets, sealContext.cell(row.cell)),
  );
  return { host, port: settings.sshPort, hostKey: secrets.hostKeyPublic, privateKey: sshPrivateKey };
}

export async function probe(
  run: RunOnMachine,
  address: MachineAddress,
  signal: AbortSignal,
): Promise<Reading> {
  const answer = await run(address, probeCommand, { timeoutMs, signal });
  // One that lets us in and ends nothing cannot be asked to restart anything either.
  if (answer.kind !== "ran") return { kind: "ill", trouble: "unreachable", detail: answer.reason };
  const vitals = vitalsSchema.safeParse(parseJson(answer.stdout));
  if (vitals.success) return toReading(vitals.data);
  // It lets us in and cannot run a script: out of memory, disk or processes, or without its Node.
  const said = answer.stderr.trim().split("\n").at(-1) ?? "";
  return {
    kind: "ill",
    trouble: "gateway-down",
    detail: `no reading, exit code ${answer.code}: ${said.slice(0, 200)}`,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
