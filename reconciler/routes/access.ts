/** What a route of the operators' API needs and answers: held to by the route itself, and read by its document (openapi.ts). */
import type { MiddlewareHandler } from "hono";
import type { z } from "zod";
import { permanent } from "../errors.ts";
import type { Operator, Scope } from "../operators/api-keys.ts";

export type OperatorEnv = { Variables: { operator: Operator; requestId: string } };

export type RouteAbout = {
  /** `root`: the key of the environment alone. */
  scope: Scope | "root";
  /** One line. */
  summary: string;
  /** Of every answer that is no failure. */
  status: 200 | 201 | 202;
  answer: z.ZodType;
  /**
   * The answer holds what opens something, and is kept nowhere. `once`: under an Idempotency-Key it is done once all the same, and
   * who asks again is told so. `anew`: nothing is lost by doing it again, and no such key is heeded.
   */
  secret?: "once" | "anew";
};

const known = new WeakMap<object, RouteAbout>();

export function access(about: RouteAbout): MiddlewareHandler<OperatorEnv> {
  const handler: MiddlewareHandler<OperatorEnv> = async (c, next) => {
    const { scope } = about;
    const { name, keyId, scopes } = c.get("operator");
    const allowed = scope === "root" ? keyId === null : scopes.has(scope);
    if (allowed) return await next();
    throw permanent(
      "forbidden",
      `the key ${name} may not do this: it needs the scope ${scope}`,
      "use another key, or make one with that scope: fleet keys create",
    );
  };
  known.set(handler, about);
  return handler;
}

export function readAbout(handler: object): RouteAbout | undefined {
  return known.get(handler);
}
