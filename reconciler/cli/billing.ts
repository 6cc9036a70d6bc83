/** The verbs of `fleet` about billing. */
import type { HistoryEntry } from "../operators/billing.ts";
import { unwrap } from "./client.ts";
import { exitCodes, type CommandIo, type ExitCode } from "./commands.ts";
import { renderTable, type Column } from "./table.ts";

const columns: Column<HistoryEntry>[] = [
  { title: "WHEN", value: ({ at }) => `${at.slice(0, 19).replace("T", " ")} UTC` },
  { title: "WHAT", value: ({ kind }) => kind },
  { title: "VALUE", value: ({ value }) => value },
  { title: "WHY", value: ({ detail }) => detail ?? "" },
  { title: "SUBSCRIPTION", value: ({ subscription }) => subscription },
];

export async function historyCommand(
  io: CommandIo,
  slug: string,
  options: { json?: boolean },
): Promise<ExitCode> {
  const { history } = await unwrap(
    io.client.instances[":slug"].history.$get({ param: { slug }, query: { limit: "1000" } }),
  );
  if (options.json) io.print(JSON.stringify(history, null, 2));
  else io.print(history.length === 0 ? `nothing is known of ${slug}` : renderTable(columns, history));
  return exitCodes.ok;
}

export async function haltCommand(io: CommandIo, options: { reason?: string }): Promise<ExitCode> {
  const json = options.reason === undefined ? {} : { reason: options.reason };
  const { halt } = await unwrap(io.client.halt.$put({ json }));
  io.note(`nothing is taken away from anybody until fleet resume (halted by ${halt?.by ?? "nobody"})`);
  return exitCodes.ok;
}

export async function resumeCommand(io: CommandIo): Promise<ExitCode> {
  const { ended } = await unwrap(io.client.halt.$delete());
  io.note(ended ? "removals go on with the next sweep" : "nothing was halted");
  return exitCodes.ok;
}
