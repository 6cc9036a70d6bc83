/** Follows the operation that an order to the service leads to, from being queued until it has ended. */
import { parseCellStack } from "../../components/naming.ts";
import type { FleetRow } from "../db/fleet.ts";
import type { OperationAnswer, OperationEventAnswer } from "../routes/operations.ts";
import { FleetRequestError, unwrap, type FleetClient } from "./client.ts";
import { findStop, type Standing, type Stop } from "./done.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type FollowOptions } from "./io.ts";
import { describeChanges } from "./table.ts";

/** Of which stack, after which operation, of which kinds. */
export type Awaited = {
  slug: string;
  after: number;
  kinds: readonly string[];
  /** Says why no operation follows any more, of an order that can be done without one. */
  isDone?: (instance: FleetRow) => string | undefined;
};

const pollMs = 500;
const runTimeoutMs = 45 * 60_000;

/** What came of an order. */
type End = { operation: OperationAnswer } | { done: string } | { stop: Stop };

/** Tells of every event as it comes. @throws FleetRequestError when nothing ended within `timeoutMs`. */
async function followToEnd(
  io: CommandIo,
  awaited: Awaited & { timeoutMs: number; onEvent(event: OperationEventAnswer): void },
): Promise<End> {
  const startedMs = io.now().getTime();
  let operation: OperationAnswer | undefined;
  let seq = -1;
  try {
    while (io.now().getTime() < startedMs + awaited.timeoutMs) {
      if (!operation) {
        const next = await findNext(io.client, awaited);
        if (next && !("operation" in next)) return next;
        operation = next?.operation;
      }
      if (operation) {
        const id = String(operation.id);
        operation = (await unwrap(io.client.operations[":id"].$get({ param: { id } }))).operation;
        const query = { after: String(seq) };
        const { events } = await unwrap(io.client.operations[":id"].events.$get({ param: { id }, query }));
        io.progress(null);
        for (const event of events) {
          awaited.onEvent(event);
          seq = event.seq;
        }
        if (operation.endedAt !== null) return { operation };
      }
      const seconds = Math.round((io.now().getTime() - startedMs) / 1000);
      io.progress(
        `${awaited.slug}: ${operation ? `operation ${operation.id} runs` : "queued"}, ${seconds} s`,
      );
      await io.sleep(pollMs);
    }
  } finally {
    io.progress(null);
  }
  throw new FleetRequestError(
    0,
    `${awaited.slug}: nothing ended in time`,
    `look at it later with: fleet show ${awaited.slug}`,
  );
}

async function findNext(
  client: FleetClient,
  { slug, after, kinds, isDone }: Awaited,
): Promise<End | undefined> {
  const { instance, standing, operations } = await readStack(client, slug);
  const [operation] = operations
    .filter(({ id, kind }) => id > after && kinds.includes(kind))
    .toSorted((a, b) => a.id - b.id);
  if (operation) return { operation };
  // The answer's operations were read after the queue and its instance: one that brought it there would be among them.
  const done = instance && isDone?.(instance);
  if (done !== undefined) return { done };
  const stop = findStop(standing);
  return stop && { stop };
}

/** Newest first. `stack`: a slug or `cell.<name>`. */
export async function listOperations(client: FleetClient, stack: string): Promise<OperationAnswer[]> {
  return (await readStack(client, stack)).operations;
}

async function readStack(
  client: FleetClient,
  stack: string,
): Promise<{ instance?: FleetRow; standing: Standing; operations: OperationAnswer[] }> {
  const name = parseCellStack(stack);
  if (name !== undefined) {
    const { cell, idle, operations } = await unwrap(client.cells[":cell"].$get({ param: { cell: name } }));
    const { status, detail } = cell;
    return { standing: { name: stack, idle, status, detail, leftAlone: null }, operations };
  }
  const answer = await unwrap(client.instances[":slug"].$get({ param: { slug: stack } }));
  const { instance, idle, leftAlone, operations } = answer;
  const { status, statusDetail: detail } = instance;
  return { instance, standing: { name: stack, idle, status, detail, leftAlone }, operations };
}

/** What follows from an order, to its end. For programs the operation with its events, in one piece. */
export async function followAndReport(
  io: CommandIo,
  awaited: Awaited,
  { wait, json }: FollowOptions = {},
): Promise<ExitCode> {
  if (wait === false) {
    if (json === true) printJson(io, { name: awaited.slug, after: awaited.after });
    return exitCodes.ok;
  }
  const events: OperationEventAnswer[] = [];
  const end = await followToEnd(io, {
    ...awaited,
    timeoutMs: runTimeoutMs,
    onEvent(event) {
      events.push(event);
      if (json !== true) io.print(event.message);
    },
  });
  if ("done" in end) {
    if (json === true) printJson(io, { name: awaited.slug, after: awaited.after });
    io.note(end.done);
    return exitCodes.ok;
  }
  if ("stop" in end) {
    const { message, remedy } = end.stop;
    if (json === true) printJson(io, { name: awaited.slug, after: awaited.after, error: end.stop });
    io.note(message);
    io.note(`what to do: ${remedy}`);
    return exitCodes.failed;
  }
  const { operation } = end;
  if (json === true) printJson(io, { operation, events });
  const good = operation.outcome === "succeeded" || operation.outcome === "unchanged";
  const changes = describeChanges(operation.changes);
  io.note(`operation ${operation.id} ${operation.outcome ?? "ended"}${changes === "" ? "" : `: ${changes}`}`);
  if (operation.error) {
    io.note(operation.error.message);
    io.note(`what to do: ${operation.error.remedy ?? `fleet show ${awaited.slug} says how it stands`}`);
  } else if (!good) io.note(`what to do: fleet show ${awaited.slug} says how it stands`);
  return good ? exitCodes.ok : exitCodes.failed;
}
