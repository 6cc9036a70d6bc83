/** Who is signed in to the console. A session is made with an API key, has its rights, and ends with it at the latest. */
import type { Sql } from "postgres";
import { deleteSession, findSession, insertSession, touchSession } from "../db/console-sessions.ts";
import { scopes, type ApiKeys, type Operator } from "../operators/api-keys.ts";
import { toCsrf } from "../routes/browser-session.ts";
import { createToken, hashSecret } from "../secrets.ts";

export type Session = {
  operator: Operator;
  /** In every form. */
  csrf: string;
};

export type Begun =
  | { kind: "begun"; token: string; operator: Operator; maxAgeSeconds: number }
  /** `shared`: the key of the environment, which is nobody's own. `blind`: a key that may not read. */
  | { kind: "unknown" | "shared" | "blind" };

export type Sessions = {
  begin(key: string): Promise<Begun>;
  /** undefined: it has ended. Counts as use. */
  find(token: string): Promise<Session | undefined>;
  /** As `find`, and is no use: a page that is left open does not keep anybody signed in. */
  lives(token: string): Promise<boolean>;
  end(token: string): Promise<void>;
};

/** A working day, and a long meeting. */
const longestMs = 12 * 3600_000;
const idleMs = 2 * 3600_000;

export function createSessions(deps: { sql: Sql; clock: { now(): Date }; keys: ApiKeys }): Sessions {
  const { sql, clock, keys } = deps;
  const look = async (token: string) => {
    const now = clock.now();
    const idleSince = new Date(now.getTime() - idleMs);
    return await findSession(sql, { tokenHash: hashSecret(token), now, idleSince });
  };
  return {
    async begin(key) {
      const operator = await keys.identify(key);
      if (!operator) return { kind: "unknown" };
      if (operator.keyId === null) return { kind: "shared" };
      if (!operator.scopes.has("read")) return { kind: "blind" };
      const token = createToken();
      const now = clock.now();
      const expiresAt = new Date(now.getTime() + longestMs);
      await insertSession(sql, { tokenHash: hashSecret(token), keyId: operator.keyId, now, expiresAt });
      return { kind: "begun", token, operator, maxAgeSeconds: longestMs / 1000 };
    },
    async find(token) {
      const row = await look(token);
      if (!row) return undefined;
      await touchSession(sql, hashSecret(token), clock.now());
      const held = new Set(scopes.filter((scope) => row.scopes.includes(scope)));
      return { operator: { name: row.name, keyId: row.keyId, scopes: held }, csrf: toCsrf(token) };
    },
    lives: async (token) => (await look(token)) !== undefined,
    end: (token) => deleteSession(sql, hashSecret(token)),
  };
}
