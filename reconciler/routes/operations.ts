/** Operations under /api/v1/operations: the record of every converge and preview. */
import { Hono } from "hono";
import { z } from "zod";
import { permanent } from "../errors.ts";
import { access, type OperatorEnv } from "./access.ts";
import * as answers from "./answers.ts";
import { validate } from "./validate.ts";

/** One converge or preview as operators see it; times are ISO 8601. */
export type OperationAnswer = {
  id: number;
  stack: string;
  kind: string;
  reason: string;
  actor: string;
  generation: number;
  worker: string;
  startedAt: string;
  endedAt: string | null;
  outcome: string | null;
  changes: Record<string, number> | null;
  error: { code: string; message: string; remedy?: string | undefined } | null;
};

export type OperationEventAnswer = { seq: number; at: string; kind: string; message: string };

export type OperationReader = {
  list(stack: string, limit: number): Promise<OperationAnswer[]>;
  find(id: number): Promise<OperationAnswer | undefined>;
  events(id: number, afterSeq: number): Promise<OperationEventAnswer[]>;
  /** Highest id so far, 0 when there is none: what follows a request has a higher one. */
  lastId(): Promise<number>;
  /** No job about the stack waits or runs: what is to follow from orders so far has begun, or never will. */
  isIdle(stack: string): Promise<boolean>;
};

/** Of `apply`: what the clouds really hold is read first. */
export const applyQuery = z.object({ refresh: z.enum(["true", "false"]).optional() });
const idParam = z.object({ id: z.coerce.number().int().positive().max(2_147_483_647) });
const eventsQuery = z.object({ after: z.coerce.number().int().min(-1).max(2_147_483_647).default(-1) });

export function createOperationRoutes(operations: OperationReader) {
  return new Hono<OperatorEnv>()
    .get(
      "/:id",
      access({
        scope: "read",
        summary: "One operation",
        status: 200,
        answer: z.object({ operation: answers.operation }),
      }),
      validate("param", idParam),
      async (c) => {
        const { id } = c.req.valid("param");
        const operation = await operations.find(id);
        if (!operation) {
          throw permanent("not_found", `there is no operation ${id}`);
        }
        return c.json({ operation });
      },
    )
    .get(
      "/:id/events",
      access({
        scope: "read",
        summary: "What was said while it ran",
        status: 200,
        answer: z.object({ events: z.array(answers.event) }),
      }),
      validate("param", idParam),
      validate("query", eventsQuery),
      async (c) => {
        const events = await operations.events(c.req.valid("param").id, c.req.valid("query").after);
        return c.json({ events });
      },
    );
}
