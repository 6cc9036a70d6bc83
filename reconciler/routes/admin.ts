/** The operators' API under /api/v1. It changes desired state and enqueues; it never runs Pulumi itself. */
import { Hono } from "hono";
import { z } from "zod";
import { planSchema, type Plans } from "../../infra/plans.ts";
import { countFleet } from "../db/fleet.ts";
import type { ApiKeys } from "../operators/api-keys.ts";
import type { BillingOperators } from "../operators/billing.ts";
import type { DriftOperators } from "../operators/drift.ts";
import type { Examined } from "../operators/doctor.ts";
import type { MoneyOperators } from "../operators/money.ts";
import type { PlanOperators } from "../operators/plans.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { createBillingRoutes, createHaltRoutes, createHistoryRoutes, createMoneyRoutes } from "./billing.ts";
import { createCellRoutes, type CellDeps } from "./cells.ts";
import { createDriftRoutes } from "./drift.ts";
import { createInstanceRoutes, type InstanceDeps } from "./instances.ts";
import { createAuditRoutes, createKeyRoutes } from "./keys.ts";
import { createOperationRoutes } from "./operations.ts";
import { createPauseRoutes } from "./pauses.ts";
import { createGitRoutes, createPlanRoutes } from "./plans.ts";
import { createStackRoutes, type StackDeps } from "./stacks.ts";
import { createStepRoutes, type StepDeps } from "./steps.ts";

export type AdminDeps = CellDeps &
  InstanceDeps &
  StackDeps &
  StepDeps &
  BillingOperators &
  MoneyOperators & {
    clock: { now(): Date };
    keys: ApiKeys;
    drift: DriftOperators;
    plans: PlanOperators;
    /** What may be bought. */
    catalogue(): Promise<Plans>;
    examine(): Promise<Examined>;
    /** Asks for a look at the tokens of every account; returns their names. */
    askForLooks(actor: string): Promise<string[]>;
  };

const summary = z.object({
  counts: z.array(z.object({ status: z.string(), phase: z.string(), count: z.number() })),
});

export function createAdminRoutes(deps: AdminDeps) {
  const { sql, operations, standing, keys, clock } = deps;
  return new Hono<OperatorEnv>()
    .route("/instances", createInstanceRoutes(deps))
    .route("/instances", createStepRoutes(deps))
    .route("/instances", createHistoryRoutes(deps))
    .route("/stacks", createStackRoutes(deps))
    .route("/operations", createOperationRoutes(operations))
    .route("/cells", createCellRoutes(deps))
    .route("/drift", createDriftRoutes({ ...deps, lastOperationId: () => operations.lastId() }))
    .route("/plans", createPlanRoutes(deps.plans))
    .route("/git", createGitRoutes(deps.plans))
    .route("/pauses", createPauseRoutes(standing))
    .route("/billing", createBillingRoutes(deps))
    .route("/halt", createHaltRoutes(deps))
    .route("/money", createMoneyRoutes(deps))
    .route("/keys", createKeyRoutes(keys, clock))
    .route("/audit", createAuditRoutes(sql))
    .get(
      "/summary",
      access({ scope: "read", summary: "How many instances are where", status: 200, answer: summary }),
      async (c) => c.json({ counts: await countFleet(sql) }),
    )
    .get(
      "/doctor",
      access({
        scope: "read",
        summary: "What an operator would look at first, and what to do where it is not well",
        status: 200,
        answer: z.object({
          findings: z.array(answers.doctorFinding),
          looks: z.array(z.object({ account: z.string(), lookedAt: z.iso.datetime() })),
        }),
      }),
      async (c) => c.json(await deps.examine()),
    )
    .post(
      "/doctor/looks",
      access({
        scope: "operate",
        summary: "Ask whoever has the tokens of an account what they may do",
        status: 202,
        answer: z.object({ accounts: z.array(z.string()), askedAt: z.iso.datetime() }),
      }),
      async (c) => {
        const askedAt = clock.now().toISOString();
        return c.json({ accounts: await deps.askForLooks(c.get("operator").name), askedAt }, 202);
      },
    )
    .get(
      "/catalogue",
      access({
        scope: "read",
        summary: "The plans that customers may have",
        status: 200,
        answer: z.object({ plans: z.record(z.string(), planSchema) }),
      }),
      async (c) => c.json({ plans: await deps.catalogue() }),
    );
}

/** For Hono's typed client in the command line. */
export type AdminApi = ReturnType<typeof createAdminRoutes>;
