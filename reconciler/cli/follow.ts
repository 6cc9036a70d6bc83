/** Follows the operation that an order to the service leads to, from being queued until it has ended. */
import { parseCellStack } from "../../components/naming.ts";
import type { OperationAnswer } from "../routes/operations.ts";
import { FleetRequestError, unwrap, type FleetClient } from "./client.ts";

export type FollowDeps = {
  client: FleetClient;
  print(line: string): void;
  sleep(ms: number): Promise<void>;
  now(): Date;
};

const POLL_MS = 500;

/** Prints every event as it comes. @throws FleetRequestError when nothing ended within `timeoutMs`. */
export async function followNextOperation(
  deps: FollowDeps,
  input: { slug: string; after: number; kinds: readonly string[]; timeoutMs: number },
): Promise<OperationAnswer> {
  const deadline = deps.now().getTime() + input.timeoutMs;
  let operation: OperationAnswer | undefined;
  let seq = -1;
  while (deps.now().getTime() < deadline) {
    operation ??= await findNext(deps.client, input);
    if (operation) {
      const id = String(operation.id);
      operation = (await unwrap(deps.client.operations[":id"].$get({ param: { id } }))).operation;
      const query = { after: String(seq) };
      const { events } = await unwrap(deps.client.operations[":id"].events.$get({ param: { id }, query }));
      for (const event of events) {
        deps.print(event.message);
        seq = event.seq;
      }
      if (operation.endedAt !== null) return operation;
    }
    await deps.sleep(POLL_MS);
  }
  throw new FleetRequestError(
    0,
    `${input.slug}: nothing ended in time`,
    `look at it later with: fleet show ${input.slug}`,
  );
}

async function findNext(
  client: FleetClient,
  input: { slug: string; after: number; kinds: readonly string[] },
): Promise<OperationAnswer | undefined> {
  const operations = await listOperations(client, input.slug);
  return operations
    .filter((operation) => operation.id > input.after && input.kinds.includes(operation.kind))
    .toSorted((a, b) => a.id - b.id)[0];
}

async function listOperations(client: FleetClient, stack: string): Promise<OperationAnswer[]> {
  const cell = parseCellStack(stack);
  const answer =
    cell === undefined
      ? await unwrap(client.instances[":slug"].$get({ param: { slug: stack } }))
      : await unwrap(client.cells[":cell"].$get({ param: { cell } }));
  return answer.operations;
}
