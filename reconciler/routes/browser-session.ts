/** What a browser that is signed in carries and proves, whoever it is signed in as. The rows of its session are its owner's. */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Context, MiddlewareHandler } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { permanent } from "../errors.ts";
import { hashSecret } from "../secrets.ts";

export type SessionCookie = {
  keep(c: Context, token: string, maxAgeSeconds: number): void;
  read(c: Context): string | undefined;
  drop(c: Context): void;
};

/** Browsers take `__Host-` over TLS, and from this machine without it; never for another path or a subdomain. */
export function createSessionCookie(name: string): SessionCookie {
  const options = { prefix: "host", secure: true, path: "/" } as const;
  return {
    keep: (c, token, maxAge) =>
      setCookie(c, name, token, { ...options, httpOnly: true, sameSite: "Strict", maxAge }),
    read: (c) => getCookie(c, name, options.prefix),
    drop: (c) => void deleteCookie(c, name, options),
  };
}

/** Every form carries it; it can be told from the cookie alone, and the cookie not from it. */
export function toCsrf(token: string): string {
  return createHmac("sha256", token).update("csrf").digest("base64url");
}

const looking: ReadonlySet<string> = new Set(["GET", "HEAD"]);

export function isLooking(c: Context): boolean {
  return looking.has(c.req.method);
}

/** A form of another site, or of nobody. Every browser of the last years says where a form comes from. */
export function refuseForeign(message: string): MiddlewareHandler {
  return async function refuseForeignForm(c, next) {
    if (isLooking(c) || c.req.header("sec-fetch-site") === "same-origin") return await next();
    throw permanent("forbidden", message);
  };
}

/**
 * The second lock beside the Strict cookie: whoever sends a form has seen a page of this session.
 * @throws ClawfleetError forbidden
 */
export async function checkCsrf(c: Context, expected: string): Promise<void> {
  if (isLooking(c)) return;
  const { csrf } = await c.req.parseBody();
  if (typeof csrf === "string" && isSame(csrf, expected)) return;
  throw permanent("forbidden", "this form is of another session; open the page again");
}

/** A link in a chat or a mail comes without the cookie, which is Strict; the page's own second request has it. */
export function comesFromElsewhere(c: Context): boolean {
  return c.req.method === "GET" && c.req.header("sec-fetch-site") === "cross-site";
}

function isSame(a: string, b: string): boolean {
  return timingSafeEqual(hashSecret(a), hashSecret(b));
}
