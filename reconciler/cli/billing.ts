/** The verbs of `fleet` about billing. */
import type { HistoryEntry } from "../operators/billing.ts";
import { unwrap } from "./client.ts";
import { confirm } from "./confirm.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type JsonOption } from "./io.ts";
import { describeAge, renderTable, type Column } from "./table.ts";

const columns: Column<HistoryEntry>[] = [
  { title: "WHEN", value: ({ at }) => `${at.slice(0, 19).replace("T", " ")} UTC` },
  { title: "WHAT", value: ({ kind }) => kind },
  { title: "VALUE", value: ({ value }) => value },
  { title: "WHY", value: ({ detail }) => detail ?? "" },
  { title: "SUBSCRIPTION", value: ({ subscription }) => subscription },
];

export async function historyCommand(io: CommandIo, slug: string, options: JsonOption): Promise<ExitCode> {
  const { history } = await unwrap(
    io.client.instances[":slug"].history.$get({ param: { slug }, query: { limit: "1000" } }),
  );
  if (options.json) printJson(io, history);
  else if (history.length > 0) io.print(renderTable(columns, history));
  else io.note(`billing never said anything about ${slug}\nwhat to do: fleet list shows every name`);
  return history.length > 0 ? exitCodes.ok : exitCodes.notFound;
}

/** Begins the stop of every removal, or ends it. */
export async function haltCommand(
  io: CommandIo,
  options: JsonOption & { reason?: string; end?: boolean },
): Promise<ExitCode> {
  if (options.end === true) {
    const { ended } = await unwrap(io.client.halt.$delete());
    if (options.json) printJson(io, { halt: null, ended });
    io.note(ended ? "removals go on with the next sweep" : "nothing was halted");
    return exitCodes.ok;
  }
  const json = options.reason === undefined ? {} : { reason: options.reason };
  const { halt } = await unwrap(io.client.halt.$put({ json }));
  if (options.json) printJson(io, { halt });
  const whose = halt ? ` (${halt.by}, ${describeAge(halt.since, io.now())} ago)` : "";
  io.note(`nothing is taken away from anybody until fleet halt --end${whose}`);
  return exitCodes.ok;
}

/** Leaves the account that bills the fleet by this provider. */
export async function moveBillingCommand(
  io: CommandIo,
  provider: string,
  options: JsonOption & { yes?: boolean },
): Promise<ExitCode> {
  const what = `This leaves the account of ${provider}: nothing is read or sold by it until the key of another one is put in.`;
  const stop = await confirm(io, { what, name: provider, yes: options.yes });
  if (stop !== undefined) return stop;
  const { left } = await unwrap(io.client.billing[":provider"].account.$delete({ param: { provider } }));
  if (options.json) printJson(io, { left });
  io.note(
    `put the key of the new account in and restart every process; customers of ${left} run on meanwhile`,
  );
  return exitCodes.ok;
}
