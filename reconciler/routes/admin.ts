/** The operators' API under /api/v1. It changes desired state and enqueues; it never runs Pulumi itself. */
import { Hono } from "hono";
import type { Sql } from "postgres";
import { z } from "zod";
import { planIdSchema, slugSchema } from "../../infra/config.ts";
import { countFleet, findFleetInstance, listFleet, type FleetRow } from "../db/fleet.ts";
import { instanceStatuses } from "../web/order-view.ts";
import { ClawfleetError } from "../errors.ts";
import type { BillingOperators } from "../operators/billing.ts";
import type { MoneyOperators } from "../operators/money.ts";
import { createBillingRoutes } from "./billing.ts";
import { createCellRoutes, type CellDeps } from "./cells.ts";
import { applyQuery, type OperationsDeps } from "./operations.ts";
import { validate } from "./validate.ts";

export type AdminDeps = CellDeps &
  MoneyOperators &
  BillingOperators & {
    sql: Sql;
    operations: OperationsDeps;
    /** `refresh`: what the clouds really hold is read first, and differences are put right. */
    requestRun(input: {
      slug: string;
      kind: "converge" | "preview";
      refresh?: boolean;
      actor: string;
    }): Promise<void>;
    provision(input: { slug: string; plan: string; email: string | null; actor: string }): Promise<void>;
    deprovision(input: { slug: string; actor: string }): Promise<void>;
    /** A link into the customer's control page: works once, for ten minutes. */
    signIn(input: { slug: string; actor: string }): Promise<string>;
    /** Names of the variables afterwards; values are never given out. */
    changeEnvironment(input: {
      slug: string;
      name: string;
      value: string | null;
      actor: string;
    }): Promise<string[]>;
  };

const listQuery = z.object({
  status: z.enum(instanceStatuses).optional(),
  search: z.string().max(100).optional(),
  after: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(500).default(100),
});
const slugParam = z.object({ slug: slugSchema });
const idParam = z.object({ id: z.coerce.number().int().positive() });
const eventsQuery = z.object({ after: z.coerce.number().int().min(-1).default(-1) });
const provisionBody = z.strictObject({ slug: slugSchema, plan: planIdSchema, email: z.email().optional() });
const variableParam = z.object({
  slug: slugSchema,
  name: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,99}$/, "a variable name such as ANTHROPIC_API_KEY")
    .refine((name) => name !== "OPENCLAW_GATEWAY_TOKEN", "the gateway's token is Clawfleet's own"),
});
const variableBody = z.strictObject({
  value: z
    .string()
    .min(1)
    .max(4096)
    .regex(/^[^\r\n\0]*$/, "one line"),
});

/** Who asked, for the operation's record. Named keys come with issue 5; until then there is one key. */
const actor = "admin";

export function createAdminRoutes(deps: AdminDeps) {
  const { sql, operations } = deps;

  async function mustFind(slug: string): Promise<FleetRow> {
    const found = await findFleetInstance(sql, slug);
    if (found) return found;
    throw new ClawfleetError({
      code: "not_found",
      message: `there is no instance named ${slug}`,
      remedy: "fleet list shows every name",
      retry: { kind: "permanent" },
    });
  }

  return new Hono()
    .route("/cells", createCellRoutes(deps, actor))
    .route("/", createBillingRoutes(deps, actor))
    .get("/money", async (c) => c.json({ money: await deps.readMoney() }))
    .get("/instances", validate("query", listQuery), async (c) => {
      const query = c.req.valid("query");
      const instances = await listFleet(sql, query);
      const last = instances.length === query.limit ? (instances.at(-1)?.slug ?? null) : null;
      return c.json({ instances, next: last });
    })
    .get("/summary", async (c) => c.json({ counts: await countFleet(sql) }))
    .post("/instances", validate("json", provisionBody), async (c) => {
      const { slug, plan, email } = c.req.valid("json");
      const after = await operations.lastId();
      await deps.provision({ slug, plan, email: email ?? null, actor });
      return c.json({ instance: await mustFind(slug), after }, 201);
    })
    .get("/instances/:slug", validate("param", slugParam), async (c) => {
      const { slug } = c.req.valid("param");
      return c.json({ instance: await mustFind(slug), operations: await operations.list(slug, 20) });
    })
    .delete("/instances/:slug", validate("param", slugParam), async (c) => {
      const { slug } = c.req.valid("param");
      await mustFind(slug);
      const after = await operations.lastId();
      await deps.deprovision({ slug, actor });
      return c.json({ after }, 202);
    })
    .post("/instances/:slug/sign-in", validate("param", slugParam), async (c) => {
      const { slug } = c.req.valid("param");
      await mustFind(slug);
      c.header("cache-control", "no-store");
      return c.json({ link: await deps.signIn({ slug, actor }) });
    })
    .post("/instances/:slug/preview", validate("param", slugParam), async (c) => {
      const { slug } = c.req.valid("param");
      await mustFind(slug);
      const after = await operations.lastId();
      await deps.requestRun({ slug, kind: "preview", actor });
      return c.json({ after }, 202);
    })
    .post(
      "/instances/:slug/apply",
      validate("param", slugParam),
      validate("query", applyQuery),
      async (c) => {
        const { slug } = c.req.valid("param");
        await mustFind(slug);
        const after = await operations.lastId();
        const refresh = c.req.valid("query").refresh === "true";
        await deps.requestRun({ slug, kind: "converge", refresh, actor });
        return c.json({ after }, 202);
      },
    )
    .put(
      "/instances/:slug/environment/:name",
      validate("param", variableParam),
      validate("json", variableBody),
      async (c) => {
        const { slug, name } = c.req.valid("param");
        const after = await operations.lastId();
        const { value } = c.req.valid("json");
        return c.json({ variables: await deps.changeEnvironment({ slug, name, value, actor }), after });
      },
    )
    .delete("/instances/:slug/environment/:name", validate("param", variableParam), async (c) => {
      const { slug, name } = c.req.valid("param");
      const after = await operations.lastId();
      return c.json({ variables: await deps.changeEnvironment({ slug, name, value: null, actor }), after });
    })
    .get("/operations/:id", validate("param", idParam), async (c) => {
      const { id } = c.req.valid("param");
      const operation = await operations.find(id);
      if (!operation) {
        throw new ClawfleetError({
          code: "not_found",
          message: `there is no operation ${id}`,
          retry: { kind: "permanent" },
        });
      }
      return c.json({ operation });
    })
    .get("/operations/:id/events", validate("param", idParam), validate("query", eventsQuery), async (c) => {
      const events = await operations.events(c.req.valid("param").id, c.req.valid("query").after);
      return c.json({ events });
    });
}

/** For Hono's typed client in the command line. */
export type AdminApi = ReturnType<typeof createAdminRoutes>;
