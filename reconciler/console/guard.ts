/** Before every page of the console: who asks, whether a form is really theirs, and what they did, written down. */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { Sql } from "postgres";
import { insertAudit } from "../db/api-keys.ts";
import { permanent } from "../errors.ts";
import type { Scope } from "../operators/api-keys.ts";
import { checkCsrf, comesFromElsewhere, createSessionCookie, isLooking } from "../routes/browser-session.ts";
import { slowDown } from "../routes/guard.ts";
import { createRateLimit, type RateRules } from "../routes/rate-limit.ts";
import type { Viewer } from "./frame.tsx";
import { BouncePage } from "./sign-in-page.tsx";
import type { Sessions } from "./sessions.ts";

/** Of somebody who may not be signed in. */
export type VisitorEnv = { Variables: { viewer?: Viewer; requestId: string } };
export type ConsoleEnv = { Variables: { viewer: Viewer; sessionToken: string; requestId: string } };

export type ConsoleGuardDeps = {
  sql: Sql;
  clock: { now(): Date };
  sessions: Sessions;
  /** Of each operator, in this process. */
  rate: RateRules;
};

export const sessionCookie = createSessionCookie("clawfleet");

/** For `refuseForeign`. */
export const foreignForm = "this form was not sent by the console";

/** Signed in, or sent to the sign-in page and back. */
export function requireSession({ sessions, clock, rate }: ConsoleGuardDeps): MiddlewareHandler<ConsoleEnv> {
  const limit = createRateLimit(rate);
  return async function findOperator(c, next) {
    const token = sessionCookie.read(c);
    const session = token === undefined ? undefined : await sessions.find(token);
    if (token === undefined || !session) return await sendToSignIn(c, token !== undefined);
    slowDown(c, limit.take(session.operator.keyId ?? "", clock.now().getTime()));
    c.set("viewer", { ...session, now: clock.now() });
    c.set("sessionToken", token);
    return await next();
  };
}

async function sendToSignIn(c: Context, ended: boolean): Promise<Response> {
  if (!ended && comesFromElsewhere(c)) return await c.html(BouncePage());
  if (c.req.header("accept")?.includes("text/event-stream")) return c.body(null, 401);
  const { pathname, search } = new URL(c.req.url);
  const query = new URLSearchParams({
    ...(c.req.method === "GET" ? { next: pathname + search } : {}),
    ...(ended ? { ended: "1" } : {}),
  });
  return c.redirect(`/console/sign-in?${query.toString()}`, 303);
}

export function requireCsrf(): MiddlewareHandler<ConsoleEnv> {
  return async function compareCsrf(c, next) {
    await checkCsrf(c, c.get("viewer").csrf);
    await next();
  };
}

/** Refusals too; what cannot be written down is not answered as done. */
export function auditForms({ sql, clock }: ConsoleGuardDeps): MiddlewareHandler<ConsoleEnv> {
  return async function writeAudit(c, next) {
    await next();
    if (isLooking(c)) return;
    const { name, keyId } = c.get("viewer").operator;
    await insertAudit(sql, {
      at: clock.now(),
      actor: name,
      keyId,
      method: c.req.method,
      route: matchedRoutes(c).find(({ method }) => method === c.req.method)?.path ?? "",
      path: c.req.path,
      status: c.res.status,
      requestId: c.get("requestId"),
    });
  };
}

/** @throws forbidden unless the operator's key has the scope. */
export function requireScope({ operator }: Viewer, scope: Scope): void {
  if (operator.scopes.has(scope)) return;
  throw permanent(
    "forbidden",
    `the key ${operator.name} may not do this: it needs the scope ${scope}`,
    "sign in with another key, or make one with that scope: fleet keys create",
  );
}
