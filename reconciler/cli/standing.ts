/** The verbs of `fleet` about what stands until it is taken back, and about looking. */
import { unwrap } from "./client.ts";
import { exitCodes, followAndReport, type CommandIo, type ExitCode } from "./commands.ts";
import { describeAge, renderTable } from "./table.ts";

export async function suspendCommand(
  io: CommandIo,
  slug: string,
  suspended: boolean,
  options: { wait?: boolean },
): Promise<ExitCode> {
  const path = io.client.instances[":slug"].suspended;
  const request = suspended ? path.$put({ param: { slug } }) : path.$delete({ param: { slug } });
  const { after } = await unwrap(request);
  io.note(suspended ? `${slug} is stopped; its data is kept` : `${slug}: what billing says counts again`);
  if (options.wait === false) return exitCodes.ok;
  return await followAndReport(io, { slug, after, kinds: ["up"] });
}

/** `name` undefined: everybody. */
export async function pauseCommand(
  io: CommandIo,
  name: string | undefined,
  paused: boolean,
): Promise<ExitCode> {
  const param = { scope: name ?? "*" };
  const path = io.client.pauses[":scope"];
  await unwrap(paused ? path.$put({ param }) : path.$delete({ param }));
  const who = name ?? "the fleet";
  io.note(
    paused
      ? `${who} is left as it is: nothing is changed in the clouds, and runs under way come to their end`
      : `${who} is looked after again`,
  );
  return exitCodes.ok;
}

export async function pausesCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { pauses } = await unwrap(io.client.pauses.$get());
  if (options.json) io.print(JSON.stringify(pauses, null, 2));
  else if (pauses.length === 0) io.print("nothing is paused");
  else {
    io.print(
      renderTable(
        [
          { title: "PAUSED", value: ({ scope }) => (scope === "*" ? "the fleet" : scope) },
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
    io.print(JSON.stringify(plans, null, 2));
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

/** Events of the last operation; with `follow` those of the next ones too, until it is interrupted. */
export async function logsCommand(
  io: CommandIo,
  slug: string,
  options: { follow?: boolean },
): Promise<ExitCode> {
  const { operations } = await unwrap(io.client.instances[":slug"].$get({ param: { slug } }));
  let id = operations[0]?.id ?? 0;
  let seq = -1;
  if (id === 0) io.note(`${slug} has no operations yet`);
  for (;;) {
    if (id > 0) seq = await printEvents(io, id, seq);
    if (!options.follow) return exitCodes.ok;
    await io.sleep(followMs);
    const now = await unwrap(io.client.instances[":slug"].$get({ param: { slug } }));
    const next = now.operations.filter((one) => one.id > id).toSorted((a, b) => a.id - b.id)[0];
    if (!next) continue;
    // What was said between the last look and its end.
    if (id > 0) await printEvents(io, id, seq);
    io.note(`operation ${next.id}: ${next.kind}, ${next.reason} by ${next.actor}`);
    [id, seq] = [next.id, -1];
  }
}

async function printEvents(io: CommandIo, id: number, after: number): Promise<number> {
  const query = { after: String(after) };
  const { events } = await unwrap(
    io.client.operations[":id"].events.$get({ param: { id: String(id) }, query }),
  );
  for (const event of events) io.print(`${event.at}  ${event.message}`);
  return events.at(-1)?.seq ?? after;
}

export async function stateExportCommand(io: CommandIo, slug: string): Promise<ExitCode> {
  const state = await unwrap(io.client.instances[":slug"].state.$get({ param: { slug } }));
  io.print(JSON.stringify(state, null, 2));
  return exitCodes.ok;
}
