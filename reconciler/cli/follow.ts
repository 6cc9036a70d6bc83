/** Follows the operation that an order to the service leads to, from being queued until it has ended. */
import { parseCellStack } from "../../components/naming.ts";
import type { OperationAnswer, OperationEventAnswer } from "../routes/operations.ts";
import { FleetRequestError, unwrap, type FleetClient } from "./client.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type FollowOptions } from "./io.ts";
import { describeChanges } from "./table.ts";

/** Of which stack, after which operation, of which kinds. */
export type Awaited = {
  slug: string;
  after: number;
  kinds: readonly string[];
  /** Of orders that change what is desired: one that is as ordered already leads to no operation. */
  mayBeSettled?: true;
};

const pollMs = 500;
const runTimeoutMs = 45 * 60_000;

/** Tells of every event as it comes. @throws FleetRequestError when nothing ended within `timeoutMs`. */
export async function followNextOperation(
  io: CommandIo,
  awaited: Awaited & { timeoutMs: number; onEvent(event: OperationEventAnswer): void },
): Promise<OperationAnswer> {
  const startedMs = io.now().getTime();
  let operation: OperationAnswer | undefined;
  let seq = -1;
  try {
    while (io.now().getTime() < startedMs + awaited.timeoutMs) {
      operation ??= await findNext(io.client, awaited);
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
        if (operation.endedAt !== null) return operation;
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

async function findNext(client: FleetClient, { slug, after, kinds }: Awaited) {
  return (await listOperations(client, slug))
    .filter((operation) => operation.id > after && kinds.includes(operation.kind))
    .toSorted((a, b) => a.id - b.id)[0];
}

async function isSettled(client: FleetClient, awaited: Awaited): Promise<boolean> {
  const { instance } = await unwrap(client.instances[":slug"].$get({ param: { slug: awaited.slug } }));
  const reached = instance.status === "ready" && instance.observedGeneration === instance.generation;
  return reached && (await findNext(client, awaited)) === undefined;
}

/** Newest first. `stack`: a slug or `cell.<name>`. */
export async function listOperations(client: FleetClient, stack: string): Promise<OperationAnswer[]> {
  const cell = parseCellStack(stack);
  const answer =
    cell === undefined
      ? await unwrap(client.instances[":slug"].$get({ param: { slug: stack } }))
      : await unwrap(client.cells[":cell"].$get({ param: { cell } }));
  return answer.operations;
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
  if (awaited.mayBeSettled === true && (await isSettled(io.client, awaited))) {
    if (json === true) printJson(io, { name: awaited.slug, after: awaited.after });
    io.note(`${awaited.slug} is as ordered already`);
    return exitCodes.ok;
  }
  const events: OperationEventAnswer[] = [];
  const operation = await followNextOperation(io, {
    ...awaited,
    timeoutMs: runTimeoutMs,
    onEvent(event) {
      events.push(event);
      if (json !== true) io.print(event.message);
    },
  });
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
