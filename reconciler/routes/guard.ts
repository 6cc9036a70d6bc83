/** Before every route of the operators' API: who asks, how often, whether they asked the same before; and what they did, written down. */
import { createHash } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { Sql } from "postgres";
import { claimIdempotency, insertAudit, settleIdempotency } from "../db/api-keys.ts";
import { ClawfleetError, permanent } from "../errors.ts";
import type { ApiKeys } from "../operators/api-keys.ts";
import { readAbout, type OperatorEnv, type RouteAbout } from "./access.ts";
import { createRateLimit, type RateRules } from "./rate-limit.ts";

export type GuardDeps = {
  sql: Sql;
  clock: { now(): Date };
  keys: ApiKeys;
  rate: RateRules;
};

/** Wrong keys of everybody together: enough for mistakes, too few to guess. */
const wrongKeys: RateRules = { burst: 60, perSecond: 1 };

export function identify({ keys, clock, rate }: GuardDeps): MiddlewareHandler<OperatorEnv> {
  const limit = createRateLimit(rate);
  const mistakes = createRateLimit(wrongKeys);
  return async function identifyOperator(c, next) {
    const given = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    const operator = given === undefined ? undefined : await keys.identify(given);
    if (!operator) {
      slowDown(c, mistakes.take("", clock.now().getTime()));
      c.header("www-authenticate", "Bearer");
      throw permanent(
        "unauthorized",
        given === undefined ? "a key is needed" : "this key is not valid",
        "send it as: Authorization: Bearer <key>; fleet reads it from CLAWFLEET_ADMIN_KEY",
      );
    }
    slowDown(c, limit.take(operator.keyId ?? "", clock.now().getTime()));
    c.set("operator", operator);
    await next();
  };
}

/** @throws rate_limited unless it is 0. */
export function slowDown(c: Context, seconds: number): void {
  if (seconds === 0) return;
  c.header("retry-after", String(seconds));
  throw new ClawfleetError({
    code: "rate_limited",
    message: `too many requests; go on in ${seconds} s`,
    retry: { kind: "retryable" },
  });
}

const looking: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/** After the answer, whatever it was. What cannot be written down is not answered as done. */
export function audit({ sql, clock }: GuardDeps): MiddlewareHandler<OperatorEnv> {
  return async function writeAudit(c, next) {
    await next();
    if (looking.has(c.req.method)) return;
    const { name, keyId } = c.get("operator");
    await insertAudit(sql, {
      at: clock.now(),
      actor: name,
      keyId,
      method: c.req.method,
      route: matchedRoutes(c).find(({ handler }) => readAbout(handler))?.path ?? "",
      path: c.req.path,
      status: c.res.status,
      requestId: c.get("requestId"),
    });
  };
}

const keyShape = /^[\x21-\x7e]{1,200}$/;

function findAbout(c: Context): RouteAbout | undefined {
  return matchedRoutes(c)
    .map(({ handler }) => readAbout(handler))
    .find((about) => about !== undefined);
}

/** A request with an Idempotency-Key is done once; the same again gets the same answer for a day. */
export function idempotent({ sql, clock }: GuardDeps): MiddlewareHandler<OperatorEnv> {
  return async function answerOnce(c, next) {
    const key = c.req.header("idempotency-key");
    const secret = findAbout(c)?.secret;
    if (key === undefined || looking.has(c.req.method) || secret === "anew") return await next();
    if (!keyShape.test(key))
      throw permanent("input_invalid", "an Idempotency-Key is 1 to 200 visible ASCII characters");
    const actor = c.get("operator").keyId ?? "admin";
    const body = await c.req.raw.clone().text();
    const parts = JSON.stringify([c.req.method, c.req.url.replace(/^https?:\/\/[^/]+/, ""), body]);
    const request = createHash("sha256").update(parts).digest("hex");
    const kept = await claimIdempotency(sql, { actor, key, request, now: clock.now() });
    if (kept) return replay(kept, request);
    await next();
    const answer = secret === "once" && c.res.ok ? null : await c.res.clone().text();
    await settleIdempotency(sql, { actor, key, status: c.res.status, body: answer });
    return undefined;
  };
}

function replay(
  kept: { request: string; status: number | null; body: string | null },
  request: string,
): Response {
  if (kept.request !== request)
    throw permanent("input_invalid", "this Idempotency-Key was used for another request");
  if (kept.status === null) {
    throw new ClawfleetError({
      code: "conflict",
      message: "the same request is being done",
      remedy: "ask again in a moment",
      retry: { kind: "retryable" },
    });
  }
  if (kept.body === null)
    throw permanent(
      "conflict",
      "this was done under the same Idempotency-Key, and what it made was shown that once",
      "fleet keys lists it: revoke it where its answer was lost, and make another one",
    );
  return new Response(kept.body, {
    status: kept.status,
    headers: { "content-type": "application/json", "idempotent-replayed": "true" },
  });
}
