/** Validation of bodies, queries and path parameters; what is wrong is said by name. */
import { zValidator } from "@hono/zod-validator";
import type { ValidationTargets } from "hono";
import type { z } from "zod";
import { ClawfleetError } from "../errors.ts";

export function validate<Schema extends z.ZodType, Target extends keyof ValidationTargets>(
  target: Target,
  schema: Schema,
) {
  return zValidator(target, schema, (result) => {
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
}
