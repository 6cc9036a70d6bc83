/** The verbs of `fleet` about one machine, and about the lock of a stack. */
import type { Rung } from "../health/decide.ts";
import { unwrap } from "./client.ts";
import { confirm } from "./confirm.ts";
import { followAndReport } from "./follow.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type FollowOptions } from "./io.ts";
import { describeAge } from "./table.ts";

const said: Record<Rung, string> = {
  restart: "the gateway is restarted",
  reboot: "the server is reset at Hetzner",
  rebuild: "the server is thrown away and a new one made",
};

export async function stepCommand(
  io: CommandIo,
  slug: string,
  step: Rung,
  options: FollowOptions & { yes?: boolean },
): Promise<ExitCode> {
  if (step === "rebuild") {
    const what = `This throws the server of ${slug} away with everything on its disk, and makes a new one.`;
    const stop = await confirm(io, { what, name: slug, yes: options.yes });
    if (stop !== undefined) return stop;
  }
  const { after } = await unwrap(io.client.instances[":slug"][step].$post({ param: { slug } }));
  io.note(`${slug}: ${said[step]}`);
  const kinds = step === "rebuild" ? ["up"] : [step];
  return await followAndReport(io, { slug, after, kinds }, options);
}

/** `stack`: a slug or `cell.<name>`. */
export async function unlockCommand(
  io: CommandIo,
  stack: string,
  options: { yes?: boolean; json?: boolean },
): Promise<ExitCode> {
  const path = io.client.stacks[":stack"].locks;
  const { locks } = await unwrap(path.$get({ param: { stack } }));
  if (locks.length === 0) {
    if (options.json === true) printJson(io, { removed: [] });
    else io.print(`nobody holds a lock on ${stack}`);
    return exitCodes.ok;
  }
  for (const { username, hostname, pid, takenAt } of locks)
    io.note(`held by ${username}@${hostname}, process ${pid}, for ${describeAge(takenAt, io.now())}`);
  const what = "Two runs at once on one stack ruin its state: be sure that the owner is dead.";
  const stop = await confirm(io, { what, name: stack, yes: options.yes });
  if (stop !== undefined) return stop;
  const { locks: removed } = await unwrap(path.$delete({ param: { stack } }));
  if (options.json === true) printJson(io, { removed });
  io.note(`${removed.length} removed; fleet apply ${stack} --refresh looks what became of the run`);
  return exitCodes.ok;
}
