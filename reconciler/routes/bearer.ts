/** Bearer-key guard of the admin API. Keys are compared as hashes, in constant time. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { ClawfleetError } from "../errors.ts";

export function requireBearer(key: string): MiddlewareHandler {
  const expected = digest(key);
  return async function requireBearerKey(c, next) {
    const given = /^Bearer (.+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    if (given === undefined || !timingSafeEqual(digest(given), expected)) {
      c.header("www-authenticate", "Bearer");
      throw new ClawfleetError({
        code: "unauthorized",
        message: given === undefined ? "an admin key is needed" : "this admin key is not valid",
        remedy: "send it as: Authorization: Bearer <CLAWFLEET_ADMIN_KEY>",
        retry: { kind: "permanent" },
      });
    }
    await next();
  };
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
