/** Instances under /api/v1/instances: what they are, and the orders about one. */
import { Hono } from "hono";
import type { Sql } from "postgres";
import { z } from "zod";
import { slugSchema, planIdSchema } from "../../infra/config.ts";
import { findFleetInstance, listFleet, type FleetRow } from "../db/fleet.ts";
import { notFound } from "../operators/problems.ts";
import type { StandingOperators } from "../operators/standing.ts";
import { instanceStatuses } from "../web/order-view.ts";
import { access, type OperatorEnv, type RouteAbout } from "./access.ts";
import { applyQuery, type OperationReader } from "./operations.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

export type InstanceDeps = {
  sql: Sql;
  operations: OperationReader;
  standing: StandingOperators;
  /** `refresh`: what the clouds really hold is read first, and differences are put right. */
  requestRun(input: {
    slug: string;
    kind: "converge" | "preview";
    refresh?: boolean;
    actor: string;
  }): Promise<void>;
  provision(input: { slug: string; plan: string; email: string | null; actor: string }): Promise<void>;
  /** `keepData`: the server goes, its data is kept until it is resumed or deprovisioned for good. */
  deprovision(input: { slug: string; keepData?: boolean; actor: string }): Promise<void>;
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
const deprovisionQuery = z.object({ keepData: z.enum(["true", "false"]).optional() });
const slugParam = z.object({ slug: slugSchema });
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

const variables = z.object({ variables: z.array(z.string()), after: z.number() });

/** An order that an operation follows from. */
const order = (summary: string, scope: RouteAbout["scope"] = "operate") =>
  access({ scope, summary, status: 202, answer: answers.follow });
const look = (summary: string, answer: z.ZodType) => access({ scope: "read", summary, status: 200, answer });

export function createInstanceRoutes(deps: InstanceDeps) {
  const { sql, operations, standing } = deps;

  async function mustFind(slug: string): Promise<FleetRow> {
    const found = await findFleetInstance(sql, slug);
    if (found) return found;
    throw notFound(slug);
  }

  return new Hono<OperatorEnv>()
    .get(
      "/",
      look(
        "Living instances by name, or those of a status",
        z.object({ instances: z.array(answers.instance), next: z.string().nullable() }),
      ),
      validate("query", listQuery),
      async (c) => {
        const query = c.req.valid("query");
        const instances = await listFleet(sql, query);
        const last = instances.length === query.limit ? (instances.at(-1)?.slug ?? null) : null;
        return c.json({ instances, next: last });
      },
    )
    .post(
      "/",
      access({
        scope: "operate",
        summary: "Give somebody an assistant free of charge",
        status: 201,
        answer: z.object({ instance: answers.instance, after: z.number() }),
      }),
      validate("json", provisionBody),
      async (c) => {
        const { slug, plan, email } = c.req.valid("json");
        const after = await operations.lastId();
        await deps.provision({ slug, plan, email: email ?? null, actor: c.get("operator").name });
        return c.json({ instance: await mustFind(slug), after }, 201);
      },
    )
    .get(
      "/:slug",
      look(
        "One instance with its last operations, whether an order about it is still to be done, and why nothing is",
        z.object({
          idle: answers.idle,
          instance: answers.instance,
          leftAlone: answers.leftAlone.nullable(),
          operations: z.array(answers.operation),
        }),
      ),
      validate("param", slugParam),
      async (c) => {
        const { slug } = c.req.valid("param");
        // First: what a job that has ended left behind is in all that is read after this.
        const idle = await operations.isIdle(slug);
        const instance = await mustFind(slug);
        const leftAlone = await standing.whyLeftAlone(slug);
        return c.json({ idle, instance, leftAlone, operations: await operations.list(slug, 20) });
      },
    )
    .delete(
      "/:slug",
      order("Delete an instance with everything on it, or all but its data, whatever billing says", "delete"),
      validate("param", slugParam),
      validate("query", deprovisionQuery),
      async (c) => {
        const { slug } = c.req.valid("param");
        await mustFind(slug);
        const after = await operations.lastId();
        const keepData = c.req.valid("query").keepData === "true";
        await deps.deprovision({ slug, keepData, actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .post(
      "/:slug/sign-in",
      access({
        scope: "operate",
        summary: "A link into the customer's control page: works once, for ten minutes",
        status: 200,
        answer: z.object({ link: z.url() }),
        secret: "anew",
      }),
      validate("param", slugParam),
      async (c) => {
        const { slug } = c.req.valid("param");
        await mustFind(slug);
        c.header("cache-control", "no-store");
        return c.json({ link: await deps.signIn({ slug, actor: c.get("operator").name }) });
      },
    )
    .post(
      "/:slug/preview",
      order("Say what an apply would change; changes nothing"),
      validate("param", slugParam),
      async (c) => {
        const { slug } = c.req.valid("param");
        await mustFind(slug);
        const after = await operations.lastId();
        await deps.requestRun({ slug, kind: "preview", actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .post(
      "/:slug/apply",
      order("Converge now"),
      validate("param", slugParam),
      validate("query", applyQuery),
      async (c) => {
        const { slug } = c.req.valid("param");
        await mustFind(slug);
        const after = await operations.lastId();
        const refresh = c.req.valid("query").refresh === "true";
        await deps.requestRun({ slug, kind: "converge", refresh, actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .put(
      "/:slug/suspended",
      order("Stop the gateway and keep the data, whatever billing says"),
      validate("param", slugParam),
      async (c) => {
        const { slug } = c.req.valid("param");
        const after = await operations.lastId();
        await standing.suspend({ slug, actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .delete(
      "/:slug/suspended",
      order("Take a suspension back, or a deprovision that kept the data: what billing says counts again"),
      validate("param", slugParam),
      async (c) => {
        const { slug } = c.req.valid("param");
        const after = await operations.lastId();
        await standing.resume({ slug, actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .put(
      "/:slug/environment/:name",
      access({
        scope: "operate",
        summary: "Give the assistant a variable of its own",
        status: 200,
        answer: variables,
      }),
      validate("param", variableParam),
      validate("json", variableBody),
      async (c) => {
        const { slug, name } = c.req.valid("param");
        const after = await operations.lastId();
        const change = { slug, name, value: c.req.valid("json").value, actor: c.get("operator").name };
        return c.json({ variables: await deps.changeEnvironment(change), after });
      },
    )
    .delete(
      "/:slug/environment/:name",
      access({ scope: "operate", summary: "Take a variable away", status: 200, answer: variables }),
      validate("param", variableParam),
      async (c) => {
        const { slug, name } = c.req.valid("param");
        const after = await operations.lastId();
        const change = { slug, name, value: null, actor: c.get("operator").name };
        return c.json({ variables: await deps.changeEnvironment(change), after });
      },
    );
}
