/** Request bodies: schemas shared by the collections, and how a wrong body is refused. */
import { z } from "zod";
import { invalidInput, type FieldProblem } from "./errors.ts";
import { problemOfLabels } from "./label-selector.ts";
import type { Call } from "./world.ts";

/** Throws 422 invalid_input naming every wrong field. A missing body counts as an empty object. */
export function readBody<S extends z.ZodType>(call: Call, schema: S): z.infer<S> {
  const result = schema.safeParse(call.body ?? {});
  if (result.success) return result.data;
  const byField = new Map<string, string[]>();
  for (const issue of result.error.issues) {
    const name = issue.path.map(String).join(".") || "body";
    byField.set(name, [...(byField.get(name) ?? []), issue.message]);
  }
  throw invalidInput(...[...byField].map(([name, messages]): FieldProblem => ({ name, messages })));
}

export const labelsField = z.record(z.string(), z.string()).superRefine((labels, context) => {
  const problem = problemOfLabels(labels);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

export const idField = z.int().positive();

/** The API takes ids also where its document says name, and the official client sends them as numbers. */
export const idOrNameField = z.union([z.int().positive(), z.string().min(1)]);

const DNS_LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** RFC 1123: letters, digits, dashes; dots between. */
export const hostNameField = z
  .string()
  .max(253, "is too long")
  .refine((name) => name.split(".").every((label) => DNS_LABEL.test(label)), "is not a valid hostname");

export const nameField = z.string().min(1, "is too short").max(255, "is too long");
