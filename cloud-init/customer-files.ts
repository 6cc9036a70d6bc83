/** How a customer's files are carried from one machine to another. Pure. */
import { remoteScripts } from "./files.ts";
import { bashCommand } from "./remote-command.ts";

const toCommand = (verb: string) => bashCommand(remoteScripts.customerFiles, verb);

export const customerFiles = {
  /** Says how many bytes they take on the disk. */
  measure: toCommand("measure"),
  stopGateway: toCommand("stop"),
  /** To standard output; refused while the gateway runs, as all that follow. */
  pack: toCommand("pack"),
  /** From standard input, in the place of what is there. */
  unpack: toCommand("unpack"),
  /** Says a hash that is the same where the same files are. */
  digest: toCommand("digest"),
  /** Unless the customer is suspended. */
  startGateway: toCommand("start"),
} as const;

export const waitFirstBootCommand = bashCommand(remoteScripts.waitFirstBoot);
