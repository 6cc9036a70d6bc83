/** Under /api/v1: the stop of every removal, and what happened to one name. */
import { Hono } from "hono";
import { z } from "zod";
import { slugSchema } from "../../infra/config.ts";
import type { BillingOperators } from "../operators/billing.ts";
import { validate } from "./validate.ts";

const haltBody = z.strictObject({ reason: z.string().min(1).max(300).optional() });
const slugParam = z.object({ slug: slugSchema });
const historyQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(200) });

export function createBillingRoutes(deps: BillingOperators, actor: string) {
  return new Hono()
    .get("/halt", async (c) => c.json({ halt: await deps.readHalt() }))
    .put("/halt", validate("json", haltBody), async (c) => {
      await deps.halt({ reason: c.req.valid("json").reason ?? null, actor });
      return c.json({ halt: await deps.readHalt() });
    })
    .delete("/halt", async (c) => c.json({ ended: await deps.resume() }))
    .get(
      "/instances/:slug/history",
      validate("param", slugParam),
      validate("query", historyQuery),
      async (c) => {
        const { slug } = c.req.valid("param");
        return c.json({ history: await deps.readHistory(slug, c.req.valid("query").limit) });
      },
    );
}
