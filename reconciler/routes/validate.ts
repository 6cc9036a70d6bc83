/** Validation of bodies, queries and path parameters; what is wrong is said by name. */
import { zValidator } from "@hono/zod-validator";
import type { ValidationTargets } from "hono";
import type { z } from "zod";
import { permanent } from "../errors.ts";

export type Validation = { target: keyof ValidationTargets; schema: z.ZodType };

const known = new WeakMap<object, Validation>();

export function validate<Schema extends z.ZodType, Target extends keyof ValidationTargets>(
  target: Target,
  schema: Schema,
) {
  const handler = zValidator(target, schema, (result) => {
    if (!result.success) {
      const problems = result.error.issues.map(
        ({ path, message }) => `${path.join(".") || target}: ${message}`,
      );
      throw permanent("input_invalid", problems.join("; "));
    }
    if (holdsNul(result.data))
      throw permanent("input_invalid", `${target}: a NUL character is in no text of ours`);
  });
  known.set(handler, { target, schema });
  return handler;
}

/** PostgreSQL keeps no text with one: found here, or it would look like a failure of ours. */
function holdsNul(value: unknown): boolean {
  if (typeof value === "string") return value.includes("\0");
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).some(([key, one]) => key.includes("\0") || holdsNul(one));
}

/** What a handler made by `validate` holds requests against; for the API's document. */
export function readValidation(handler: object): Validation | undefined {
  return known.get(handler);
}
