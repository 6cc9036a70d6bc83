/**
 * Proves that the document of the operators' API is one, that it has every route, and that requests made from it, right and wrong,
 * get no answer but those that it names, in the shapes that it names. The engine is not there: nothing that is queued is done.
 */
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import {
  sample,
  stringMatching,
  string,
  integer,
  constantFrom,
  type Arbitrary,
  oneof,
  constant,
  record,
  array,
  option,
} from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startAdminApp, type AdminApp } from "../support/admin-app.ts";

type Schema = {
  type?: string;
  enum?: string[];
  const?: unknown;
  pattern?: string;
  format?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  anyOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: unknown;
};
type Parameter = { $ref?: string; name: string; in: string; required: boolean; schema: Schema };
type Operation = {
  operationId: string;
  parameters: Parameter[];
  requestBody?: { content: { "application/json": { schema: Schema } } };
  responses: Record<string, { content: { "application/json": { schema: object } } }>;
};
type Document = { openapi: string; paths: Record<string, Record<string, Operation>>; components: object };

const runs = 40;
let api: AdminApp;
let document: Document;
beforeAll(async () => {
  api = await startAdminApp();
  for (const slug of ["ada", "bob"])
    await api.request("POST", "/api/v1/instances", { body: { slug, plan: "starter" } });
  document = (await api.request("GET", "/api/v1/openapi.json", { key: "" })).body as Document;
});
afterAll(() => api?.close());

function listOperations(): { method: string; path: string; operation: Operation }[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}

/** Answers are validated as the document has them, references resolved within it. */
function createValidator() {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  addFormats.default(ajv);
  ajv.addSchema({ $id: "doc", ...document });
  return (operation: Operation, status: number, body: unknown): string | undefined => {
    const answer = operation.responses[String(status)];
    if (!answer) return `${status} is not in the document`;
    const text = JSON.stringify(answer.content["application/json"].schema).replaceAll('"#/', '"doc#/');
    const check = ajv.compile(JSON.parse(text));
    return check(body) ? undefined : ajv.errorsText(check.errors);
  };
}

const known = [
  "ada",
  "bob",
  "nobody",
  "lab",
  "starter",
  "1",
  "true",
  "server:1",
  "*",
  "0".repeat(16),
  "abcdef0",
];

/** Right as far as the schema tells, and now and then anything. */
function toArbitrary(schema: Schema): Arbitrary<unknown> {
  if (schema.const !== undefined) return constant(schema.const);
  if (schema.enum) return constantFrom(...schema.enum);
  if (schema.anyOf) return oneof(...schema.anyOf.map(toArbitrary));
  const { type = "string" } = schema;
  switch (type) {
    case "integer":
    case "number": {
      const [min, max] = [Math.ceil(schema.minimum ?? -5), Math.floor(schema.maximum ?? 1000)];
      return integer({ min: Math.max(min, -(2 ** 31)), max: Math.min(max, 2 ** 31 - 1) });
    }
    case "boolean":
      return constantFrom(true, false);
    case "null":
      return constant(null);
    case "array":
      return array(toArbitrary(schema.items ?? {}), { maxLength: 4 });
    case "object":
      return toObject(schema);
    default:
      return toText(schema);
  }
}

function toObject(schema: Schema): Arbitrary<unknown> {
  const required = new Set(schema.required);
  const fields = Object.entries(schema.properties ?? {}).map(([name, one]) => {
    const value = toArbitrary(one);
    return [name, required.has(name) ? value : option(value, { nil: undefined })] as const;
  });
  return record(Object.fromEntries(fields));
}

function toText({ pattern, format, maxLength = 40 }: Schema): Arbitrary<string> {
  if (format === "email") return constantFrom("a@example.com", "not an address");
  const some = constantFrom(...known);
  return pattern === undefined
    ? oneof(some, string({ maxLength }))
    : oneof(
        { weight: 3, arbitrary: some },
        { weight: 2, arbitrary: stringMatching(new RegExp(pattern)) },
        string({ maxLength: 10 }),
      );
}

describe("the document", () => {
  test("is OpenAPI 3.1 with schemas that are schemas, and operations that have names of their own", () => {
    expect(document.openapi).toBe("3.1.0");
    const ajv = new Ajv2020({ strict: false });
    addFormats.default(ajv);
    for (const { operation } of listOperations())
      for (const { schema } of operation.parameters.filter((one) => one.$ref === undefined)) {
        expect(ajv.validateSchema(schema)).toBe(true);
      }
    const ids = listOperations().map(({ operation }) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("is a page too, with every operation", async () => {
    const answer = await api.app.request("/api/reference");
    const page = await answer.text();
    expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
    for (const { operation } of listOperations()) expect(page).toContain(`id="${operation.operationId}"`);
  });

  test("has every route of the API, and each route's parameters", () => {
    const routes = api.app.routes
      .filter(
        ({ path, method }) =>
          path.startsWith("/api/v1/") && method !== "ALL" && !path.endsWith("openapi.json"),
      )
      .map(
        ({ method, path }) =>
          `${method} ${path
            .slice("/api/v1".length)
            .replaceAll(/:(\w+)/g, "{$1}")
            .replace(/(?<=.)\/$/, "")}`,
      );
    const documented = listOperations().map(({ method, path }) => `${method} ${path}`);
    expect(documented.toSorted()).toEqual([...new Set(routes)].toSorted());
    for (const { path, operation } of listOperations()) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);
      const parameters = operation.parameters.filter((one) => one.in === "path").map(({ name }) => name);
      expect(parameters.toSorted()).toEqual(named.toSorted());
    }
  });
});

test("requests made from it get no failure of ours, and no answer that it does not name", async () => {
  const validate = createValidator();
  const problems: string[] = [];
  const seen = new Map<number, number>();
  for (const { method, path, operation } of listOperations()) {
    const own = operation.parameters.filter((one) => one.$ref === undefined);
    const schema = operation.requestBody?.content["application/json"].schema;
    const inputs = sample(
      record({
        parameters: record(Object.fromEntries(own.map((one) => [one.name, toArbitrary(one.schema)]))),
        body: schema ? toArbitrary(schema) : constant(undefined),
      }),
      { numRuns: runs, seed: 7 },
    );
    for (const { parameters, body } of inputs) {
      const url = toUrl(path, own, parameters);
      const answer = await api.request(method, `/api/v1${url}`, { body });
      seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
      const problem =
        answer.status >= 500 ? "a failure of ours" : validate(operation, answer.status, answer.body);
      if (problem !== undefined) {
        const said = JSON.stringify(answer.body).slice(0, 200);
        problems.push(`${method} ${url} ${JSON.stringify(body)}: ${answer.status} ${problem}: ${said}`);
      }
    }
  }
  expect(problems).toEqual([]);
  // It would be no test if everything were refused at the door.
  expect((seen.get(200) ?? 0) + (seen.get(201) ?? 0) + (seen.get(202) ?? 0)).toBeGreaterThan(100);
});

function toUrl(path: string, parameters: readonly Parameter[], values: Record<string, unknown>): string {
  const query = new URLSearchParams();
  let url = path;
  for (const { name, in: place, required } of parameters) {
    const value = String(values[name]);
    if (place === "path") url = url.replace(`{${name}}`, encodeURIComponent(value) || "-");
    else if (required || value.length % 2 === 0) query.set(name, value);
  }
  return query.size === 0 ? url : `${url}?${query.toString()}`;
}
