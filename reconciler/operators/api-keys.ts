/** API keys: made once, shown once, kept as a hash. */
import { randomBytes, timingSafeEqual } from "node:crypto";
import type { Sql } from "postgres";
import {
  findApiKey,
  insertApiKey,
  listApiKeys,
  revokeApiKey,
  touchApiKey,
  type ApiKeyRow,
} from "../db/api-keys.ts";
import { permanent } from "../errors.ts";
import { hashSecret } from "../secrets.ts";

/** `read` looks, `plan` asks what a change of stacks/ would do (for CI), `operate` changes, `delete` takes away what cannot be had back. None holds another. */
export const scopes = ["read", "plan", "operate", "delete"] as const;
export type Scope = (typeof scopes)[number];

export type Operator = {
  name: string;
  /** Null for the key of the environment, which may do everything. */
  keyId: string | null;
  scopes: ReadonlySet<Scope>;
};

/** Tells secret scanners whose it is. */
const prefix = "cfk";
const shape = /^cfk_([a-z0-9]{12})_[\w-]{43}$/;

export type ApiKeys = {
  create(input: {
    name: string;
    scopes: readonly Scope[];
    expiresAt: Date | null;
    actor: string;
  }): Promise<{ id: string; key: string }>;
  list(): Promise<ApiKeyRow[]>;
  /** @throws not_found */
  revoke(input: { id: string; actor: string }): Promise<void>;
  /** undefined: not valid, for whatever reason. */
  identify(given: string): Promise<Operator | undefined>;
};

export function createApiKeys(deps: { sql: Sql; clock: { now(): Date }; rootKey: string }): ApiKeys {
  const { sql, clock } = deps;
  const root: Operator = { name: "admin", keyId: null, scopes: new Set(scopes) };
  const rootHash = hashSecret(deps.rootKey);
  return {
    async create({ name, scopes: wanted, expiresAt, actor }) {
      const id = randomBytes(6).toString("hex");
      const key = `${prefix}_${id}_${randomBytes(32).toString("base64url")}`;
      const row = {
        id,
        name,
        scopes: [...new Set(wanted)],
        createdAt: clock.now(),
        createdBy: actor,
        expiresAt,
      };
      if (await insertApiKey(sql, { ...row, hash: hashSecret(key) })) return { id, key };
      throw permanent("conflict", `there is a key named ${name}`, "revoke it first, or choose another name");
    },
    list: () => listApiKeys(sql),
    async revoke({ id, actor }) {
      if (await revokeApiKey(sql, id, actor, clock.now())) return;
      throw permanent("not_found", `there is no living key ${id}`, "fleet keys shows every one");
    },
    async identify(given) {
      if (timingSafeEqual(hashSecret(given), rootHash)) return root;
      const id = shape.exec(given)?.[1];
      const row = id === undefined ? undefined : await findApiKey(sql, id);
      if (!row || !timingSafeEqual(hashSecret(given), row.hash)) return undefined;
      const now = clock.now();
      if (row.revokedAt !== null || (row.expiresAt !== null && row.expiresAt <= now)) return undefined;
      await touchApiKey(sql, row.id, now);
      return {
        name: row.name,
        keyId: row.id,
        scopes: new Set(scopes.filter((one) => row.scopes.includes(one))),
      };
    },
  };
}
