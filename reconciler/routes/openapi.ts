/** The OpenAPI 3.1 document of the operators' API, made from its routes: nothing is in it that they do not do. Pure. */
import type { Hono } from "hono";
import { z } from "zod";
import { readAbout, type OperatorEnv, type RouteAbout } from "./access.ts";
import { failure } from "./answers.ts";
import { readValidation, type Validation } from "./validate.ts";

type Routes = Pick<Hono<OperatorEnv>, "routes">;
type Json = Record<string, unknown>;

const failures: Record<string, string> = {
  "400": "The request is wrong; the message says what",
  "401": "No key, or one that is not valid",
  "403": "The key lacks the scope",
  "404": "There is no such thing",
  "409": "Not as things are",
  "413": "The body is too large",
  "429": "Too many requests; `retry-after` says for how long",
  "500": "Our failure; it is in the log under the request's id",
  "503": "Something that we depend on does not answer",
};

export function toOpenApi({ routes }: Routes, { version }: { version: string }): Json {
  const paths: Record<string, Json> = {};
  const byRoute = Map.groupBy(routes, ({ method, path }) => `${method} ${path}`);
  for (const handlers of byRoute.values()) {
    const about = handlers.map(({ handler }) => readAbout(handler)).find((one) => one !== undefined);
    const [first] = handlers;
    if (!about || !first) continue;
    const path = first.path.replaceAll(/:(\w+)/g, "{$1}").replace(/(?<=.)\/$/, "");
    const validations = handlers.flatMap(({ handler }) => readValidation(handler) ?? []);
    paths[path] = { ...paths[path], [first.method.toLowerCase()]: toOperation(about, first, validations) };
  }
  return {
    openapi: "3.1.0",
    info: { title: "Clawfleet operators' API", version },
    servers: [{ url: "/api/v1" }],
    security: [{ key: [] }],
    paths,
    components: {
      schemas: { Failure: toSchema(failure, "output") },
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      parameters: {
        IdempotencyKey: toIdempotencyKey("Done once; the same request again gets the same answer for a day."),
        IdempotencyKeyOfSecret: toIdempotencyKey(
          "Done once; the same request again is answered 409 for a day, as what was made is shown once.",
        ),
      },
    },
  };
}

function toIdempotencyKey(description: string): Json {
  const schema = { type: "string", pattern: "^[!-~]{1,200}$" };
  return { name: "Idempotency-Key", in: "header", required: false, description, schema };
}

function toOperation(
  { scope, summary, status, answer, secret }: RouteAbout,
  { method, path }: { method: string; path: string },
  validations: readonly Validation[],
): Json {
  const body = validations.find(({ target }) => target === "json");
  const parameters = validations.flatMap(({ target, schema }) =>
    target === "param" || target === "query" ? toParameters(target, schema) : [],
  );
  if (method !== "GET" && secret !== "anew") {
    const name = secret === "once" ? "IdempotencyKeyOfSecret" : "IdempotencyKey";
    parameters.push({ $ref: `#/components/parameters/${name}` });
  }
  const good = {
    description: "As asked",
    content: { "application/json": { schema: toSchema(answer, "output") } },
  };
  const bad = Object.entries(failures).map(([code, description]) => [
    code,
    { description, content: { "application/json": { schema: { $ref: "#/components/schemas/Failure" } } } },
  ]);
  return {
    operationId: `${method.toLowerCase()}${path.replaceAll(/\W+(\w?)/g, (_all, next: string) => next.toUpperCase())}`,
    summary,
    description: `Scope: ${scope}`,
    parameters,
    ...(body
      ? {
          requestBody: {
            required: true,
            content: { "application/json": { schema: toSchema(body.schema, "input") } },
          },
        }
      : {}),
    responses: Object.fromEntries([[String(status), good], ...bad]),
  };
}

function toParameters(target: "param" | "query", schema: z.ZodType): Json[] {
  const { properties = {}, required = [] } = objectSchema.parse(toSchema(schema, "input"));
  return Object.entries(properties).map(([name, one]) => ({
    name,
    in: target === "param" ? "path" : "query",
    required: target === "param" || required.includes(name),
    schema: one,
  }));
}

const objectSchema = z.object({
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
});

function toSchema(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
}
