/** What is done to one machine by hand: /api/v1/instances/<slug>/restart, reboot, rebuild. */
import { Hono } from "hono";
import { z } from "zod";
import { slugSchema } from "../../infra/config.ts";
import type { TakeStep } from "../operators/steps.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

export type StepDeps = { takeStep: TakeStep; operations: { lastId(): Promise<number> } };

const slugParam = z.object({ slug: slugSchema });
const about = (summary: string, scope: "operate" | "delete") =>
  access({ scope, summary, status: 202, answer: answers.follow });

export function createStepRoutes({ takeStep, operations }: StepDeps) {
  return new Hono<OperatorEnv>()
    .post(
      "/:slug/restart",
      about("Restart the gateway", "operate"),
      validate("param", slugParam),
      async (c) => {
        const after = await operations.lastId();
        await takeStep({ ...c.req.valid("param"), step: "restart", actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .post(
      "/:slug/reboot",
      about("Reset the server at Hetzner, or power it on", "operate"),
      validate("param", slugParam),
      async (c) => {
        const after = await operations.lastId();
        await takeStep({ ...c.req.valid("param"), step: "reboot", actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    )
    .post(
      "/:slug/rebuild",
      about("Throw the server away with its disk and make a new one", "delete"),
      validate("param", slugParam),
      async (c) => {
        const after = await operations.lastId();
        await takeStep({ ...c.req.valid("param"), step: "rebuild", actor: c.get("operator").name });
        return c.json({ after }, 202);
      },
    );
}
