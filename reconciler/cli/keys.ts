/** The verbs of `fleet` about API keys and the audit log. */
import type { Scope } from "../operators/api-keys.ts";
import { unwrap } from "./client.ts";
import { exitCodes, printJson, type CommandIo, type ExitCode, type JsonOption } from "./io.ts";
import { describeAge, renderTable } from "./table.ts";

export async function keysCommand(io: CommandIo, options: { json?: boolean }): Promise<ExitCode> {
  const { keys } = await unwrap(io.client.keys.$get());
  if (options.json) {
    printJson(io, keys);
    return exitCodes.ok;
  }
  const now = io.now();
  const columns = [
    { title: "ID", value: (key: Key) => key.id },
    { title: "NAME", value: (key: Key) => key.name },
    { title: "SCOPES", value: (key: Key) => key.scopes.join(", ") },
    { title: "STATE", value: (key: Key) => stateOf(key, now) },
    {
      title: "LAST USED",
      value: (key: Key) => (key.lastUsedAt === null ? "never" : `${describeAge(key.lastUsedAt, now)} ago`),
    },
  ];
  io.print(keys.length === 0 ? "no keys but the one of the environment" : renderTable(columns, keys));
  return exitCodes.ok;
}

type Key = {
  id: string;
  name: string;
  scopes: string[];
  expiresAt: string | null;
  revokedAt: string | null;
  lastUsedAt: string | null;
};

function stateOf({ expiresAt, revokedAt }: Key, now: Date): string {
  if (revokedAt !== null) return "revoked";
  if (expiresAt === null) return "good";
  return Date.parse(expiresAt) <= now.getTime() ? "expired" : `good until ${expiresAt.slice(0, 10)}`;
}

export async function createKeyCommand(
  io: CommandIo,
  name: string,
  options: { scope: Scope[]; days?: number } & JsonOption,
): Promise<ExitCode> {
  const days = options.days === undefined ? {} : { days: options.days };
  const made = await unwrap(io.client.keys.$post({ json: { name, scopes: options.scope, ...days } }));
  io.note(`the key ${name} is shown this once:`);
  if (options.json) printJson(io, made);
  else io.print(made.key);
  return exitCodes.ok;
}

export async function revokeKeyCommand(io: CommandIo, id: string, options: JsonOption): Promise<ExitCode> {
  await unwrap(io.client.keys[":id"].$delete({ param: { id } }));
  if (options.json) printJson(io, { revoked: id });
  io.note(`${id} is good for nothing any more`);
  return exitCodes.ok;
}

export async function auditCommand(
  io: CommandIo,
  options: { actor?: string; limit?: string; json?: boolean },
): Promise<ExitCode> {
  const query = {
    ...(options.actor === undefined ? {} : { actor: options.actor }),
    ...(options.limit === undefined ? {} : { limit: options.limit }),
  };
  const { entries } = await unwrap(io.client.audit.$get({ query }));
  if (options.json) printJson(io, entries);
  else
    io.print(
      renderTable(
        [
          { title: "WHEN", value: ({ at }) => at },
          { title: "WHO", value: ({ actor }) => actor },
          { title: "WHAT", value: ({ method, path }) => `${method} ${path}` },
          { title: "STATUS", value: ({ status }) => String(status), align: "right" },
          { title: "REQUEST", value: ({ requestId }) => requestId },
        ],
        entries,
      ),
    );
  return exitCodes.ok;
}
