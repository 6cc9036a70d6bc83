/** Validation of bodies, queries and path parameters; what is wrong is said by name. */
import { zValidator } from "@hono/zod-validator";
import type { ValidationTargets } from "hono";
import type { z } from "zod";
import { ClawfleetError } from "../errors.ts";

export type Validation = { target: keyof ValidationTargets; schema: z.ZodType };

const known = new WeakMap<object, Validation>();

export function validate<Schema extends z.ZodType, Target extends keyof ValidationTargets>(
  target: Target,
  schema: Schema,
) {
  const handler = zValidator(target, schema, (result) => {
    if (result.success) return;
    const problems = result.error.issues.map(
      (issue) => `${issue.path.join(".") || target}: ${issue.message}`,
    );
    throw new ClawfleetError({
      code: "input_invalid",
      message: problems.join("; "),
      retry: { kind: "permanent" },
    });
  });
  known.set(handler, { target, schema });
  return handler;
}

/** What a handler made by `validate` holds requests against; for the API's document. */
export function readValidation(handler: object): Validation | undefined {
  return known.get(handler);
}
