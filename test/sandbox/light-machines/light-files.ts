/** A customer's files on a machine without processes: one text, which is packed, unpacked and compared as the real ones are. */
import { createHash } from "node:crypto";
import { customerFiles } from "../../../cloud-init/customer-files.ts";
import {
  failed,
  gatewayRuns,
  ok,
  type LightMachine,
  type Script,
  type ScriptResult,
} from "./light-machine.ts";

/** What an assistant that was used for some weeks takes. */
const usualBytes = 2e9;

const whileStopped =
  (script: (machine: LightMachine, stdin: string) => ScriptResult): Script =>
  async (machine, stdin) =>
    gatewayRuns(machine)
      ? failed(1, "the gateway runs: what it writes would be lost")
      : script(machine, stdin);

export const fileScripts: readonly (readonly [string, Script])[] = [
  [customerFiles.measure, async ({ disk }) => ok(`${disk.usedBytes ?? usualBytes}\n`)],
  [customerFiles.stopGateway, async (machine) => ((machine.stopped = true), ok(""))],
  [customerFiles.pack, whileStopped(({ disk }) => ok(disk.files))],
  [customerFiles.unpack, whileStopped(({ disk }, stdin) => ((disk.files = stdin), ok("")))],
  [
    customerFiles.digest,
    whileStopped(({ disk }) => ok(`${createHash("sha256").update(disk.files).digest("hex")}\n`)),
  ],
  [customerFiles.startGateway, async (machine) => ((machine.stopped = false), ok(""))],
];
