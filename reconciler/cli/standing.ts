/** The verbs of `fleet` about what stands until it is taken back, and about looking. */
import { FleetRequestError, unwrap } from "./client.ts";
import { isAsOrdered } from "./done.ts";
import { followAndReport, listOperations } from "./follow.ts";
import {
  exitCodes,
  printJson,
  type CommandIo,
  type ExitCode,
  type FollowOptions,
  type JsonOption,
} from "./io.ts";
import { describeAge, renderTable } from "./table.ts";

/** Of a pause. */
const everybody = "*";

export async function suspendCommand(io: CommandIo, slug: string, options: FollowOptions): Promise<ExitCode> {
  const { after } = await unwrap(io.client.instances[":slug"].suspended.$put({ param: { slug } }));
  io.note(`${slug} is stopped; its data is kept`);
  return await followAndReport(io, { slug, after, kinds: ["up"], isDone: isAsOrdered }, options);
}

/** `name` undefined: everybody. */
export async function pauseCommand(
  io: CommandIo,
  name: string | undefined,
  options: JsonOption,
): Promise<ExitCode> {
  const { scope } = await unwrap(io.client.pauses[":scope"].$put({ param: { scope: name ?? everybody } }));
  if (options.json) printJson(io, { paused: scope });
  const who = name ?? "the fleet";
  io.note(`${who} is left as it is: nothing is changed in the clouds, and runs under way come to their end`);
  return exitCodes.ok;
}

/** Takes back what was ordered for one name, a pause and a suspension; without a name the pause of the fleet. */
export async function resumeCommand(
  io: CommandIo,
  name: string | undefined,
  options: FollowOptions,
): Promise<ExitCode> {
  const scope = name ?? everybody;
  const { pauses } = await unwrap(io.client.pauses.$get());
  const paused = pauses.some((pause) => pause.scope === scope);
  const allPaused = pauses.some((pause) => pause.scope === everybody);
  if (paused || name === undefined) {
    await unwrap(io.client.pauses[":scope"].$delete({ param: { scope } }));
    io.note(`${name ?? "the fleet"} is looked after again`);
  }
  const suspended = name === undefined ? undefined : await withdraw(io, name, paused && !allPaused);
  if (name === undefined || suspended === undefined) {
    if (options.json) printJson(io, { resumed: scope });
    return exitCodes.ok;
  }
  io.note(`${name}: what billing says counts again`);
  return await followAndReport(
    io,
    { slug: name, after: suspended, kinds: ["up"], isDone: isAsOrdered },
    options,
  );
}

/** undefined: `onlyPaused` is possible, and so it was. */
async function withdraw(io: CommandIo, slug: string, onlyPaused: boolean): Promise<number | undefined> {
  try {
    const path = io.client.instances[":slug"].suspended;
    return (await unwrap(path.$delete({ param: { slug } }))).after;
  } catch (error) {
    if (onlyPaused && error instanceof FleetRequestError && error.status === 409) return undefined;
    throw error;
  }
}

export async function pausesCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { pauses } = await unwrap(io.client.pauses.$get());
  if (options.json) printJson(io, pauses);
  else if (pauses.length === 0) io.print("nothing is paused");
  else {
    io.print(
      renderTable(
        [
          { title: "PAUSED", value: ({ scope }) => (scope === everybody ? "the fleet" : scope) },
          { title: "BY", value: ({ actor }) => actor },
          { title: "SINCE", value: ({ since }) => `${describeAge(since, io.now())} ago` },
        ],
        pauses,
      ),
    );
  }
  return exitCodes.ok;
}

export async function plansCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { plans } = await unwrap(io.client.catalogue.$get());
  if (options.json) {
    printJson(io, plans);
    return exitCodes.ok;
  }
  const rows = Object.entries(plans).map(([id, plan]) => ({ id, ...plan }));
  io.print(
    renderTable(
      [
        { title: "PLAN", value: ({ id }) => id },
        { title: "NAME", value: ({ name }) => name },
        { title: "SERVERS", value: ({ serverTypes }) => serverTypes.join(", ") },
        { title: "LOCATIONS", value: ({ locations }) => locations.join(", ") },
        { title: "OFFERED", value: ({ offered }) => (offered ? "yes" : "no") },
      ],
      rows,
    ),
  );
  return exitCodes.ok;
}

const followMs = 1000;

/** Events of the last operation; with `follow` those of the next ones too, until it is interrupted. `--json`: one a line. */
export async function logsCommand(
  io: CommandIo,
  stack: string,
  options: JsonOption & { follow?: boolean },
): Promise<ExitCode> {
  const operations = await listOperations(io.client, stack);
  let id = operations[0]?.id ?? 0;
  let seq = -1;
  if (id === 0) io.note(`${stack} has no operations yet`);
  for (;;) {
    if (id > 0) seq = await printEvents(io, id, seq, options);
    if (!options.follow) return exitCodes.ok;
    await io.sleep(followMs);
    const now = await listOperations(io.client, stack);
    const next = now.filter((one) => one.id > id).toSorted((a, b) => a.id - b.id)[0];
    if (!next) continue;
    // What was said between the last look and its end.
    if (id > 0) await printEvents(io, id, seq, options);
    io.note(`operation ${next.id}: ${next.kind}, ${next.reason} by ${next.actor}`);
    [id, seq] = [next.id, -1];
  }
}

async function printEvents(io: CommandIo, id: number, after: number, { json }: JsonOption): Promise<number> {
  const query = { after: String(after) };
  const { events } = await unwrap(
    io.client.operations[":id"].events.$get({ param: { id: String(id) }, query }),
  );
  for (const event of events)
    io.print(
      json === true
        ? JSON.stringify({ operation: id, ...event })
        : `${io.paint(event.at, "quiet")}  ${event.message}`,
    );
  return events.at(-1)?.seq ?? after;
}

/** `stack`: a slug or `cell.<name>`. */
export async function stateExportCommand(io: CommandIo, stack: string): Promise<ExitCode> {
  printJson(io, await unwrap(io.client.stacks[":stack"].state.$get({ param: { stack } })));
  return exitCodes.ok;
}
