/** API keys under /api/v1/keys, with the key of the environment alone; and the audit log under /api/v1/audit. */
import { Hono } from "hono";
import type { Sql } from "postgres";
import { z } from "zod";
import { listAudit, type ApiKeyRow } from "../db/api-keys.ts";
import { scopes, type ApiKeys } from "../operators/api-keys.ts";
import { access, type OperatorEnv } from "./access.ts";
import { apiKey, auditEntry } from "./answers.ts";
import { validate } from "./validate.ts";

const dayMs = 86_400_000;
const createBody = z.strictObject({
  name: z.string().regex(/^[\w.@-]{1,60}$/, "1 to 60 letters, digits and _.@-"),
  scopes: z.array(z.enum(scopes)).min(1).max(scopes.length),
  /** Days; without it the key is good until it is revoked. */
  days: z.int().min(1).max(3650).optional(),
});
const idParam = z.object({ id: z.string().regex(/^[a-z0-9]{12}$/, "a key's id") });
const auditQuery = z.object({
  actor: z.string().max(100).optional(),
  before: z.coerce.number().int().positive().max(Number.MAX_SAFE_INTEGER).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});

export function createKeyRoutes(keys: ApiKeys, clock: { now(): Date }) {
  return new Hono<OperatorEnv>()
    .get(
      "/",
      access({
        scope: "root",
        summary: "Every API key, revoked ones too",
        status: 200,
        answer: z.object({ keys: z.array(apiKey) }),
      }),
      async (c) => c.json({ keys: (await keys.list()).map(toAnswer) }),
    )
    .post(
      "/",
      access({
        scope: "root",
        summary: "Make an API key; it is shown this once",
        status: 201,
        answer: z.object({ id: z.string(), key: z.string() }),
        secret: "once",
      }),
      validate("json", createBody),
      async (c) => {
        const { name, scopes: wanted, days } = c.req.valid("json");
        const expiresAt = days === undefined ? null : new Date(clock.now().getTime() + days * dayMs);
        const actor = c.get("operator").name;
        return c.json(await keys.create({ name, scopes: wanted, expiresAt, actor }), 201);
      },
    )
    .delete(
      "/:id",
      access({
        scope: "root",
        summary: "Revoke an API key",
        status: 200,
        answer: z.object({ id: z.string() }),
      }),
      validate("param", idParam),
      async (c) => {
        const { id } = c.req.valid("param");
        await keys.revoke({ id, actor: c.get("operator").name });
        return c.json({ id });
      },
    );
}

function toAnswer(row: ApiKeyRow) {
  return {
    ...row,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}

export function createAuditRoutes(sql: Sql) {
  return new Hono<OperatorEnv>().get(
    "/",
    access({
      scope: "read",
      summary: "Who did what to whom, newest first",
      status: 200,
      answer: z.object({ entries: z.array(auditEntry), next: z.number().nullable() }),
    }),
    validate("query", auditQuery),
    async (c) => {
      const { actor, before, limit } = c.req.valid("query");
      const rows = await listAudit(sql, { actor, before, limit });
      const entries = rows.map((row) => ({ ...row, at: row.at.toISOString() }));
      return c.json({ entries, next: rows.length === limit ? (rows.at(-1)?.id ?? null) : null });
    },
  );
}
