/** Before what cannot be taken back: its name is typed, or `--yes` was given. */
import { exitCodes, type CommandIo, type ExitCode } from "./io.ts";

/** undefined: go on. */
export async function confirm(
  io: Pick<CommandIo, "ask" | "note">,
  about: { what: string; name: string; yes: boolean | undefined },
): Promise<ExitCode | undefined> {
  if (about.yes === true) return undefined;
  const typed = await io.ask(`${about.what} Type ${about.name} to go on: `);
  if (typed === about.name) return undefined;
  io.note(
    typed === undefined
      ? "nothing is done: there is no terminal to ask on\nwhat to do: add --yes to go on without being asked"
      : `nothing is done: that is not ${about.name}`,
  );
  return exitCodes.usage;
}
