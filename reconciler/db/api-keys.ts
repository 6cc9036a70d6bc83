/** Rows of `clawfleet.api_keys`, `clawfleet.audit_log` and `clawfleet.idempotency_keys`: one statement a function. */
import type { Query } from "./database.ts";

export type ApiKeyRow = {
  id: string;
  name: string;
  scopes: string[];
  createdAt: Date;
  createdBy: string;
  expiresAt: Date | null;
  revokedAt: Date | null;
  lastUsedAt: Date | null;
};

const columns = (sql: Query) => sql`
  id, name, scopes, created_at as "createdAt", created_by as "createdBy", expires_at as "expiresAt", revoked_at as "revokedAt",
  last_used_at as "lastUsedAt"`;

/** False when a living key has this name. */
export async function insertApiKey(
  sql: Query,
  key: Pick<ApiKeyRow, "id" | "name" | "scopes" | "createdAt" | "createdBy" | "expiresAt"> & { hash: Buffer },
): Promise<boolean> {
  const rows = await sql`
    insert into clawfleet.api_keys (id, name, hash, scopes, created_at, created_by, expires_at)
    values (${key.id}, ${key.name}, ${key.hash}, ${key.scopes}, ${key.createdAt}, ${key.createdBy}, ${key.expiresAt})
    on conflict (name) where revoked_at is null do nothing
    returning id`;
  return rows.length === 1;
}

export async function findApiKey(
  sql: Query,
  id: string,
): Promise<(ApiKeyRow & { hash: Uint8Array }) | undefined> {
  const [row] = await sql<(ApiKeyRow & { hash: Uint8Array })[]>`
    select ${columns(sql)}, hash from clawfleet.api_keys where id = ${id}`;
  return row;
}

export async function listApiKeys(sql: Query): Promise<ApiKeyRow[]> {
  return await sql<
    ApiKeyRow[]
  >`select ${columns(sql)} from clawfleet.api_keys order by created_at desc limit 1000`;
}

/** False when there is no living key of this id. */
export async function revokeApiKey(sql: Query, id: string, by: string, now: Date): Promise<boolean> {
  const rows = await sql`
    update clawfleet.api_keys set revoked_at = ${now}, revoked_by = ${by}
    where id = ${id} and revoked_at is null returning id`;
  return rows.length === 1;
}

/** To the minute: more would be a write for every request. */
export async function touchApiKey(sql: Query, id: string, now: Date): Promise<void> {
  await sql`
    update clawfleet.api_keys set last_used_at = ${now}
    where id = ${id} and (last_used_at is null or last_used_at < ${now}::timestamptz - interval '1 minute')`;
}

export type AuditEntry = {
  at: Date;
  actor: string;
  keyId: string | null;
  method: string;
  route: string;
  path: string;
  status: number;
  requestId: string;
};

export async function insertAudit(sql: Query, entry: AuditEntry): Promise<void> {
  await sql`
    insert into clawfleet.audit_log (at, actor, key_id, method, route, path, status, request_id)
    values (${entry.at}, ${entry.actor}, ${entry.keyId}, ${entry.method}, ${entry.route}, ${entry.path}, ${entry.status},
      ${entry.requestId})`;
}

/** Newest first, those before `before`. */
export async function listAudit(
  sql: Query,
  page: { before: number | undefined; actor: string | undefined; limit: number },
): Promise<(AuditEntry & { id: number })[]> {
  return await sql<(AuditEntry & { id: number })[]>`
    select id::float8 as id, at, actor, key_id as "keyId", method, route, path, status, request_id as "requestId"
    from clawfleet.audit_log
    where (${page.before ?? null}::bigint is null or id < ${page.before ?? null})
      and (${page.actor ?? null}::text is null or actor = ${page.actor ?? null})
    order by id desc limit ${page.limit}`;
}

export type KeptAnswer = { request: string; status: number | null; body: string | null };

/** undefined: nobody has used the key (for so long that it counts), and it is ours now. */
export async function claimIdempotency(
  sql: Query,
  input: { actor: string; key: string; request: string; now: Date },
): Promise<KeptAnswer | undefined> {
  const { actor, key, request, now } = input;
  // What was begun and never ended is given up after ten minutes.
  await sql`
    delete from clawfleet.idempotency_keys where actor = ${actor} and key = ${key} and (
      created_at < ${now}::timestamptz - interval '1 day'
      or (status is null and created_at < ${now}::timestamptz - interval '10 minutes'))`;
  const ours = await sql`
    insert into clawfleet.idempotency_keys (actor, key, request, created_at) values (${actor}, ${key}, ${request}, ${now})
    on conflict do nothing returning key`;
  if (ours.length === 1) return undefined;
  const [row] = await sql<KeptAnswer[]>`
    select request, status, body from clawfleet.idempotency_keys where actor = ${actor} and key = ${key}`;
  return row ?? { request, status: null, body: null };
}

/** Our own failures are not kept: the same request may be tried again. `body` null: the answer is shown once. */
export async function settleIdempotency(
  sql: Query,
  input: { actor: string; key: string; status: number; body: string | null },
): Promise<void> {
  const { actor, key, status, body } = input;
  if (status >= 500)
    await sql`delete from clawfleet.idempotency_keys where actor = ${actor} and key = ${key}`;
  else
    await sql`
      update clawfleet.idempotency_keys set status = ${status}, body = ${body} where actor = ${actor} and key = ${key}`;
}
