/** Rows of `clawfleet.console_sessions`: one statement a function. */
import type { Query } from "./database.ts";

export type NewSession = { tokenHash: Buffer; keyId: string; now: Date; expiresAt: Date };

/** Those whose time is over go on this occasion. */
export async function insertSession(sql: Query, session: NewSession): Promise<void> {
  const { tokenHash, keyId, now, expiresAt } = session;
  await sql`delete from clawfleet.console_sessions where expires_at < ${now}`;
  await sql`
    insert into clawfleet.console_sessions (token_hash, key_id, begun_at, seen_at, expires_at)
    values (${tokenHash}, ${keyId}, ${now}, ${now}, ${expiresAt})`;
}

export type SessionRow = { keyId: string; name: string; scopes: string[]; expiresAt: Date };

/** Only while it counts: not expired, used since `idleSince`, and its key neither revoked nor expired. */
export async function findSession(
  sql: Query,
  { tokenHash, now, idleSince }: { tokenHash: Buffer; now: Date; idleSince: Date },
): Promise<SessionRow | undefined> {
  const [row] = await sql<SessionRow[]>`
    select k.id as "keyId", k.name, k.scopes, s.expires_at as "expiresAt"
    from clawfleet.console_sessions s join clawfleet.api_keys k on k.id = s.key_id
    where s.token_hash = ${tokenHash} and s.expires_at > ${now} and s.seen_at > ${idleSince}
      and k.revoked_at is null and (k.expires_at is null or k.expires_at > ${now})`;
  return row;
}

/** To the minute: more would be a write for every page. */
export async function touchSession(sql: Query, tokenHash: Buffer, now: Date): Promise<void> {
  await sql`
    update clawfleet.console_sessions set seen_at = ${now}
    where token_hash = ${tokenHash} and seen_at < ${now}::timestamptz - interval '1 minute'`;
}

export async function deleteSession(sql: Query, tokenHash: Buffer): Promise<void> {
  await sql`delete from clawfleet.console_sessions where token_hash = ${tokenHash}`;
}
