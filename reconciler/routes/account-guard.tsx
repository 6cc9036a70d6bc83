/** Before a customer's billing page: whether this browser came by a link from a mail, and whether a form is its own. */
import type { Context, MiddlewareHandler } from "hono";
import type { AccountAccess } from "../account/access.ts";
import type { Standing } from "../web/account-page.tsx";
import { BouncePage } from "../web/entry-page.tsx";
import { checkCsrf, comesFromElsewhere, createSessionCookie, toCsrf } from "./browser-session.ts";

export type AccountEnv = { Variables: { standing: Standing } };

export const accountCookie = createSessionCookie("clawfleet-account");

/** undefined: no mail can be sent, and the order's address is all that is asked for. */
export type Access = AccountAccess | undefined;

/** Looks who it is; acting is for `requireEntry`. */
export function findStanding(access: Access): MiddlewareHandler<AccountEnv> {
  return async function findBrowser(c, next) {
    const token = accountCookie.read(c);
    // Back from a payment page the cookie, which is Strict, is not there yet.
    if (access && token === undefined && comesFromElsewhere(c) && !c.req.path.endsWith("/enter"))
      return await c.html(<BouncePage />);
    c.set("standing", await readStanding(access, c.req.param("id") ?? "", token));
    return await next();
  };
}

async function readStanding(access: Access, id: string, token: string | undefined): Promise<Standing> {
  if (!access) return { kind: "open", entry: undefined };
  if (token === undefined || !(await access.has(id, token))) return { kind: "shut" };
  return { kind: "open", entry: { csrf: toCsrf(token) } };
}

/** For what costs money, ends the service or shows a document. `turnAway`: the answer to who has no session. */
export function requireEntry(
  turnAway: (c: Context<AccountEnv>) => Promise<Response>,
): MiddlewareHandler<AccountEnv> {
  return async function checkEntry(c, next) {
    const standing = c.get("standing");
    if (standing.kind === "shut") return await turnAway(c);
    if (standing.entry !== undefined) await checkCsrf(c, standing.entry.csrf);
    return await next();
  };
}
