/** How a machine that is up is helped: what is ill starts anew. Pure. */
import { remoteScripts } from "./files.ts";
import { bashCommand } from "./remote-command.ts";

export const restartCommands = {
  everything: bashCommand(remoteScripts.restart, "openclaw.service", "caddy.service"),
  /** The gateway goes on: a turn that it is at is not lost. */
  proxy: bashCommand(remoteScripts.restart, "caddy.service"),
} as const;
