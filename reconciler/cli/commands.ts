/** The verbs of `fleet`. Each returns its exit code; what it prints goes through `io`. */
import { parseCellStack } from "../../components/naming.ts";
import type { FleetRow } from "../db/fleet.ts";
import type { OperationAnswer } from "../routes/operations.ts";
import type { InstanceStatus } from "../web/order-view.ts";
import type { CellAnswer } from "../operators/cells.ts";
import { unwrap } from "./client.ts";
import { confirm } from "./confirm.ts";
import { isAsOrdered, isGone, isKeptForLater } from "./done.ts";
import { followAndReport } from "./follow.ts";
import { describeHealth } from "./health.ts";
import {
  exitCodes,
  printJson,
  type CommandIo,
  type ExitCode,
  type FollowOptions,
  type JsonOption,
} from "./io.ts";
import { describeAge, describeChanges, renderTable, type Column } from "./table.ts";
import type { Tone } from "./terminal.ts";

const statusTones: Partial<Record<InstanceStatus, Tone>> = {
  ready: "good",
  pending: "busy",
  converging: "busy",
  waiting: "busy",
  parked: "grave",
};
const outcomeTones: Record<string, Tone> = {
  succeeded: "good",
  unchanged: "good",
  failed: "grave",
  interrupted: "busy",
};

const fleetColumns = (now: Date): Column<FleetRow>[] => [
  { title: "NAME", value: (row) => row.slug },
  { title: "STATUS", value: (row) => row.status, tone: (row) => statusTones[row.status] },
  { title: "PHASE", value: (row) => row.phase },
  { title: "PLAN", value: (row) => row.plan },
  { title: "SERVER", value: (row) => `${row.serverType} ${row.location}` },
  { title: "CELL", value: (row) => row.cell ?? "none yet" },
  { title: "PAID BY", value: (row) => row.provider },
  { title: "AGE", value: (row) => describeAge(row.createdAt, now), align: "right" },
  { title: "DETAIL", value: (row) => row.statusDetail ?? "" },
];

const operationColumns = (now: Date): Column<OperationAnswer>[] => [
  { title: "OPERATION", value: (row) => String(row.id), align: "right" },
  { title: "KIND", value: (row) => row.kind },
  { title: "WHY", value: (row) => `${row.reason} by ${row.actor}` },
  { title: "STARTED", value: (row) => `${describeAge(row.startedAt, now)} ago`, align: "right" },
  {
    title: "OUTCOME",
    value: (row) => row.outcome ?? "running",
    tone: (row) => (row.outcome === null ? "busy" : outcomeTones[row.outcome]),
  },
  { title: "CHANGES", value: (row) => describeChanges(row.changes) },
  { title: "ERROR", value: (row) => row.error?.message ?? "" },
];

export async function listCommand(
  io: CommandIo,
  options: { status?: InstanceStatus; search?: string; json?: boolean },
): Promise<ExitCode> {
  const rows: FleetRow[] = [];
  let after: string | undefined;
  do {
    const query = {
      ...(options.status && { status: options.status }),
      ...(options.search && { search: options.search }),
      ...(after && { after }),
      limit: "500",
    };
    const page = await unwrap(io.client.instances.$get({ query }));
    rows.push(...page.instances);
    after = page.next ?? undefined;
  } while (after !== undefined);
  if (options.json) printJson(io, rows);
  else io.print(rows.length === 0 ? "no instances" : renderTable(fleetColumns(io.now()), rows, io.paint));
  return exitCodes.ok;
}

export async function showCommand(
  io: CommandIo,
  slug: string,
  options: { json?: boolean },
): Promise<ExitCode> {
  const cell = parseCellStack(slug);
  if (cell !== undefined) return await showCellCommand(io, cell, options);
  const { instance, operations } = await unwrap(io.client.instances[":slug"].$get({ param: { slug } }));
  const facts: [string, string][] = [
    ["name", instance.slug],
    ["id", instance.id],
    ["address", instance.url ?? "none yet"],
    [
      "status",
      instance.statusDetail === null ? instance.status : `${instance.status}: ${instance.statusDetail}`,
    ],
    ["phase", instance.phase],
    ["plan", `${instance.plan}, ${instance.serverType} in ${instance.location}`],
    ["cell", instance.cell ?? "none yet"],
    ["paid by", `${instance.provider}${instance.email === null ? "" : `, ${instance.email}`}`],
    ...describeHealth(instance.health, io.now()),
    ["generation", `${instance.generation} wanted, ${instance.observedGeneration} reached`],
  ];
  return await printWithOperations(io, { instance, operations }, facts, options);
}

async function showCellCommand(io: CommandIo, name: string, options: { json?: boolean }): Promise<ExitCode> {
  const { cell, operations } = await unwrap(io.client.cells[":cell"].$get({ param: { cell: name } }));
  const facts: [string, string][] = [
    ["cell", cell.name],
    ["status", cell.detail === null ? cell.status : `${cell.status}: ${cell.detail}`],
    ["account", cell.account],
    ["network", `${cell.networkZone} ${cell.reach}`],
    ["zone", cell.zone],
    ["members", `${cell.members} of ${cell.capacity}, ${cell.state}`],
  ];
  return await printWithOperations(io, { cell, operations }, facts, options);
}

async function printWithOperations(
  io: CommandIo,
  answer: { operations: OperationAnswer[]; instance?: FleetRow; cell?: CellAnswer },
  facts: readonly [string, string][],
  options: { json?: boolean },
): Promise<ExitCode> {
  const { operations } = answer;
  const last = operations[0];
  const events = last === undefined ? [] : await readEvents(io, last.id);
  if (options.json) {
    printJson(io, { ...answer, events });
    return exitCodes.ok;
  }
  for (const [name, value] of facts) io.print(`${name.padEnd(12)}${value}`);
  io.print("");
  io.print(
    operations.length === 0
      ? "no operations yet"
      : renderTable(operationColumns(io.now()), operations, io.paint),
  );
  if (last !== undefined && events.length > 0) {
    io.print("");
    io.print(`events of operation ${last.id}:`);
    for (const event of events) io.print(`  ${event.at}  ${event.message}`);
  }
  if (last?.error?.remedy !== undefined) io.print(`\nwhat to do: ${last.error.remedy}`);
  return exitCodes.ok;
}

export async function previewCommand(
  io: CommandIo,
  slug: string,
  options: JsonOption = {},
): Promise<ExitCode> {
  const { after } = await unwrap(io.client.instances[":slug"].preview.$post({ param: { slug } }));
  io.note(`preview of ${slug} is queued`);
  return await followAndReport(io, { slug, after, kinds: ["preview"] }, options);
}

export async function applyCommand(
  io: CommandIo,
  slug: string,
  options: FollowOptions & { refresh?: boolean } = {},
): Promise<ExitCode> {
  const query = options.refresh ? { refresh: "true" as const } : {};
  const cell = parseCellStack(slug);
  const { after } =
    cell === undefined
      ? await unwrap(io.client.instances[":slug"].apply.$post({ param: { slug }, query }))
      : await unwrap(io.client.cells[":cell"].apply.$post({ param: { cell }, query }));
  io.note(`apply of ${slug} is queued`);
  return await followAndReport(io, { slug, after, kinds: ["up", "destroy"] }, options);
}

export async function provisionCommand(
  io: CommandIo,
  slug: string,
  options: FollowOptions & { plan: string; email?: string },
): Promise<ExitCode> {
  const json = { slug, plan: options.plan, ...(options.email === undefined ? {} : { email: options.email }) };
  const { after } = await unwrap(io.client.instances.$post({ json }));
  io.note(`${slug} is provisioned free of charge on plan ${options.plan}`);
  return await followAndReport(io, { slug, after, kinds: ["up"] }, options);
}

/** `read` gives the value from a terminal or a pipe; it is never an argument, which other users of the machine could see. */
export async function environmentCommand(
  io: CommandIo,
  slug: string,
  name: string,
  options: FollowOptions & { unset?: boolean; read: () => Promise<string> },
): Promise<ExitCode> {
  const param = { slug, name };
  const path = io.client.instances[":slug"].environment[":name"];
  const value = options.unset ? "" : (await options.read()).trim();
  if (!options.unset && value === "") {
    io.note(
      "no value came on standard input; nothing is changed\nwhat to do: pipe it in, or take the variable away with --unset",
    );
    return exitCodes.usage;
  }
  const { variables, after } = options.unset
    ? await unwrap(path.$delete({ param }))
    : await unwrap(path.$put({ param, json: { value } }));
  io.note(`${slug} has: ${variables.join(", ") || "no variables of its own"}`);
  return await followAndReport(io, { slug, after, kinds: ["up"], isDone: isKeptForLater }, options);
}

/** Prints the link alone, so that it can be piped into a mail or a browser. */
export async function signInCommand(io: CommandIo, slug: string, options: JsonOption): Promise<ExitCode> {
  const { link } = await unwrap(io.client.instances[":slug"]["sign-in"].$post({ param: { slug } }));
  io.note(`whoever opens this is ${slug}; it works once, for ten minutes`);
  if (options.json) printJson(io, { link });
  else io.print(link);
  return exitCodes.ok;
}

export async function deprovisionCommand(
  io: CommandIo,
  slug: string,
  options: FollowOptions & { yes?: boolean; keepData?: boolean },
): Promise<ExitCode> {
  const keeps = options.keepData === true;
  const what = keeps
    ? `This deletes the server of ${slug}; a snapshot of its disk is kept.`
    : `This deletes the server of ${slug} and everything on it.`;
  const stop = await confirm(io, { what, name: slug, yes: options.yes });
  if (stop !== undefined) return stop;
  const query = keeps ? { keepData: "true" as const } : {};
  const { after } = await unwrap(io.client.instances[":slug"].$delete({ param: { slug }, query }));
  io.note(
    keeps
      ? `${slug} will be deleted, its data kept: fleet resume ${slug} brings it back`
      : `${slug} will be deleted`,
  );
  const isDone = keeps ? isAsOrdered : isGone;
  return await followAndReport(io, { slug, after, kinds: ["destroy"], isDone }, options);
}

async function readEvents(io: CommandIo, id: number) {
  const { events } = await unwrap(
    io.client.operations[":id"].events.$get({ param: { id: String(id) }, query: {} }),
  );
  return events;
}
