/** What the service leaves alone for now, under /api/v1/pauses. */
import { Hono } from "hono";
import { z } from "zod";
import { slugSchema } from "../../infra/config.ts";
import type { StandingOperators } from "../operators/standing.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

const scopeParam = z.object({ scope: z.union([z.literal("*"), slugSchema]) });
const done = z.object({ scope: z.string() });

export function createPauseRoutes(standing: StandingOperators) {
  const toSlug = (scope: string) => (scope === "*" ? null : scope);
  return new Hono<OperatorEnv>()
    .get(
      "/",
      access({
        scope: "read",
        summary: "What is paused; * is the whole fleet",
        status: 200,
        answer: z.object({ pauses: z.array(answers.pause) }),
      }),
      async (c) => c.json({ pauses: await standing.listPauses() }),
    )
    .put(
      "/:scope",
      access({
        scope: "operate",
        summary: "Change nothing in the clouds for one instance, or for *",
        status: 200,
        answer: done,
      }),
      validate("param", scopeParam),
      async (c) => {
        const { scope } = c.req.valid("param");
        await standing.pause({ slug: toSlug(scope), actor: c.get("operator").name });
        return c.json({ scope });
      },
    )
    .delete(
      "/:scope",
      access({ scope: "operate", summary: "Go on", status: 200, answer: done }),
      validate("param", scopeParam),
      async (c) => {
        const { scope } = c.req.valid("param");
        await standing.unpause({ slug: toSlug(scope), actor: c.get("operator").name });
        return c.json({ scope });
      },
    );
}
