/** Signing in and out. */
import { Hono } from "hono";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { z } from "zod";
import { insertAudit } from "../db/api-keys.ts";
import { refuseForeign } from "../routes/browser-session.ts";
import { createRateLimit, type RateRules } from "../routes/rate-limit.ts";
import { foreignForm, sessionCookie, type VisitorEnv } from "./guard.ts";
import { SignInPage, type SignInProblem } from "./sign-in-page.tsx";
import type { Sessions } from "./sessions.ts";

export type SignInDeps = { sql: Sql; clock: { now(): Date }; log: Logger; sessions: Sessions };

/** Wrong keys of everybody together: enough for mistakes, too few to guess. Whoever has a right one is never kept waiting. */
const wrongKeys: RateRules = { burst: 20, perSecond: 0.2 };

const home = "/console";
/** Of the console alone: nobody is sent elsewhere by a link. */
const nextSchema = z
  .string()
  .max(2000)
  .regex(/^\/console(?:[/?][\x21-\x7e]*)?$/)
  .catch(home);
const formSchema = z.object({ key: z.string().max(400), next: nextSchema });

export function createSignInRoutes({ sql, clock, log, sessions }: SignInDeps) {
  const mistakes = createRateLimit(wrongKeys);
  return new Hono<VisitorEnv>()
    .get("/sign-in", async (c) => {
      const next = nextSchema.parse(c.req.query("next") ?? home);
      const problem = c.req.query("ended") === undefined ? {} : { problem: "ended" as const };
      return await c.html(<SignInPage next={next} {...problem} />);
    })
    .post("/sign-in", refuseForeign(foreignForm), async (c) => {
      const form = formSchema.safeParse(await c.req.parseBody());
      const { key, next } = form.success ? form.data : { key: "", next: home };
      const begun = await sessions.begin(key.trim());
      if (begun.kind === "begun") {
        const { name, keyId } = begun.operator;
        const requestId = c.get("requestId");
        const { path, method } = c.req;
        await insertAudit(sql, {
          at: clock.now(),
          actor: name,
          keyId,
          method,
          route: path,
          path,
          status: 303,
          requestId,
        });
        sessionCookie.keep(c, begun.token, begun.maxAgeSeconds);
        return c.redirect(next, 303);
      }
      const seconds = mistakes.take("", clock.now().getTime());
      log.warn({ why: begun.kind, requestId: c.get("requestId") }, "console: sign-in refused");
      const problem: SignInProblem = seconds > 0 ? "slow" : begun.kind;
      if (seconds > 0) c.header("retry-after", String(seconds));
      return await c.html(<SignInPage next={next} problem={problem} />, seconds > 0 ? 429 : 401);
    });
}
