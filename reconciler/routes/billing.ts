/** Under /api/v1: the stop of every removal, what happened to one name, and what comes in and goes out. */
import { Hono } from "hono";
import { z } from "zod";
import { slugSchema } from "../../infra/config.ts";
import type { BillingOperators } from "../operators/billing.ts";
import type { MoneyOperators } from "../operators/money.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

const haltBody = z.strictObject({ reason: z.string().trim().min(1).max(300).optional() });
const slugParam = z.object({ slug: slugSchema });
const historyQuery = z.object({ limit: z.coerce.number().int().min(1).max(1000).default(200) });

const halt = z.object({ halt: answers.halt.nullable() });

export function createHaltRoutes(deps: BillingOperators) {
  return new Hono<OperatorEnv>()
    .get(
      "/",
      access({
        scope: "read",
        summary: "Whether every removal is stopped, by whom and why",
        status: 200,
        answer: halt,
      }),
      async (c) => c.json({ halt: await deps.readHalt() }),
    )
    .put(
      "/",
      access({
        scope: "operate",
        summary: "Take nothing away from anybody, whatever billing says; the first stop stands",
        status: 200,
        answer: halt,
      }),
      validate("json", haltBody),
      async (c) => {
        const { reason = null } = c.req.valid("json");
        await deps.halt({ reason, actor: c.get("operator").name });
        return c.json({ halt: await deps.readHalt() });
      },
    )
    .delete(
      "/",
      access({
        scope: "operate",
        summary: "Let removals go on; ended is false when there was no stop",
        status: 200,
        answer: z.object({ ended: z.boolean() }),
      }),
      async (c) => c.json({ ended: await deps.endHalt() }),
    );
}

const providerParam = z.object({ provider: z.string().regex(/^[a-z]{2,20}$/) });

export function createBillingRoutes(deps: Pick<BillingOperators, "moveBilling">) {
  return new Hono<OperatorEnv>().delete(
    "/:provider/account",
    access({
      scope: "delete",
      summary: "Leave the account that bills the fleet; the key that is put in next is that of the new one",
      status: 200,
      answer: z.object({ left: z.string() }),
    }),
    validate("param", providerParam),
    async (c) => {
      const { provider } = c.req.valid("param");
      await deps.moveBilling({ provider });
      return c.json({ left: provider });
    },
  );
}

export function createHistoryRoutes(deps: BillingOperators) {
  return new Hono<OperatorEnv>().get(
    "/:slug/history",
    access({
      scope: "read",
      summary: "What billing said of everybody who ever had the name, what followed and when it was reached",
      status: 200,
      answer: z.object({ history: z.array(answers.historyEntry) }),
    }),
    validate("param", slugParam),
    validate("query", historyQuery),
    async (c) => {
      const { slug } = c.req.valid("param");
      return c.json({ history: await deps.readHistory(slug, c.req.valid("query").limit) });
    },
  );
}

export function createMoneyRoutes(deps: MoneyOperators) {
  return new Hono<OperatorEnv>().get(
    "/",
    access({
      scope: "read",
      summary: "Revenue, cost of servers and margin by plan and month; servers that nobody pays for",
      status: 200,
      answer: z.object({ money: answers.money }),
    }),
    async (c) => c.json({ money: await deps.readMoney() }),
  );
}
