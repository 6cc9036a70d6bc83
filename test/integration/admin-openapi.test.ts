/**
 * Proves that the document of the operators' API is one, that it has every route, and that requests made from it, right and wrong,
 * get no answer but those that it names, in the shapes that it names. The engine is not there: nothing that is queued is done.
 */
import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import {
  anything,
  array,
  asyncProperty,
  assert,
  constant,
  constantFrom,
  integer,
  oneof,
  option,
  record,
  string,
  stringMatching,
  type Arbitrary,
} from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Scope } from "../../reconciler/operators/api-keys.ts";
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

/** Right as far as the schema tells, and now and then anything that JSON can say. */
function toArbitrary(schema: Schema): Arbitrary<unknown> {
  return oneof(
    { weight: 12, arbitrary: toFitting(schema) },
    { weight: 1, arbitrary: anything({ withNullPrototype: false }).filter(isJson) },
  );
}

function isJson(value: unknown): boolean {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
}

function toFitting(schema: Schema): Arbitrary<unknown> {
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
    ? oneof(some, string({ maxLength }), string({ maxLength: Math.min(maxLength, 40), unit: "binary" }))
    : oneof(
        { weight: 3, arbitrary: some },
        { weight: 2, arbitrary: stringMatching(new RegExp(pattern)) },
        string({ maxLength: 10, unit: "binary" }),
      );
}

describe("the document", () => {
  test("is OpenAPI 3.1 by the schema that the OpenAPI Initiative publishes", async () => {
    const checked = await new Validator().validate(structuredClone(document));
    expect([document.openapi, checked.valid, checked.errors]).toEqual(["3.1.0", true, undefined]);
    const broken = { ...structuredClone(document), paths: { "/x": { get: { responses: 7 } } } };
    expect((await new Validator().validate(broken)).valid).toBe(false);
  });

  test("has schemas that are schemas, and operations that have names of their own", () => {
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

describe("requests made from it", () => {
  /** Whose answers are held against the document: everybody's, and nobody's. */
  const askers: [who: string, scopes: Scope[] | "root" | "nobody"][] = [
    ["the key of the environment", "root"],
    ["a key that may only look", ["read"]],
    ["a key that may operate", ["operate"]],
    ["a key that is not valid", "nobody"],
  ];

  test.each(askers)(
    "with %s get no failure of ours, and no answer that it does not name",
    async (who, may) => {
      const validate = createValidator();
      const key = await makeKey(may);
      const seen = new Map<number, number>();
      // The others are mostly refused at the door, which needs fewer tries.
      const numRuns = may === "root" ? 40 : 5;
      for (const { method, path, operation } of listOperations()) {
        const own = operation.parameters.filter((one) => one.$ref === undefined);
        const schema = operation.requestBody?.content["application/json"].schema;
        const request = record({
          parameters: record(Object.fromEntries(own.map((one) => [one.name, toArbitrary(one.schema)]))),
          body: schema ? toArbitrary(schema) : constant(undefined),
          idempotencyKey: option(constantFrom("one", "two", " ", "é"), { nil: undefined, freq: 4 }),
        });
        const check = asyncProperty(request, async ({ parameters, body, idempotencyKey }) => {
          const url = toUrl(path, own, parameters);
          const headers: Record<string, string> =
            idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
          const answer = await api.request(method, `/api/v1${url}`, { body, key, headers });
          seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1);
          const problem =
            answer.status >= 500 ? "a failure of ours" : validate(operation, answer.status, answer.body);
          if (problem !== undefined)
            throw new Error(`${method} ${url}: ${answer.status} ${problem}: ${JSON.stringify(answer.body)}`);
        });
        await assert(check, { numRuns, seed: 7 });
      }
      const good = [200, 201, 202].reduce((sum, status) => sum + (seen.get(status) ?? 0), 0);
      // It would be no test if everything were refused at the door.
      const least: Record<string, number> = { root: 300, operate: 5, nobody: 0 };
      expect([who, good >= (least[String(may)] ?? 20)]).toEqual([who, true]);
      // Who guesses is refused, and slowed down.
      const allowed = may === "nobody" ? [401, 429] : [...seen.keys()];
      expect([...seen.keys()].filter((status) => !allowed.includes(status))).toEqual([]);
    },
  );

  test("with a body that is no JSON, none at all, or too much of it are refused as such", async () => {
    for (const { method, path, operation } of listOperations().filter(
      ({ operation: one }) => one.requestBody,
    )) {
      for (const body of ["{", "", "\u0000", "[]", "null", `"${"x".repeat(1_100_000)}"`]) {
        const answer = await api.app.request(`/api/v1${path.replaceAll(/\{\w+\}/g, "ada")}`, {
          method,
          headers: { authorization: `Bearer ${api.rootKey}`, "content-type": "application/json" },
          body,
        });
        const refused = Object.keys(operation.responses).filter((status) => status.startsWith("4"));
        expect([method, path, body.slice(0, 9), refused.includes(String(answer.status))]).toEqual([
          method,
          path,
          body.slice(0, 9),
          true,
        ]);
      }
    }
  });
});

async function makeKey(may: Scope[] | "root" | "nobody"): Promise<string> {
  if (may === "root") return api.rootKey;
  if (may === "nobody") return "x".repeat(40);
  const body = { name: may.join("-"), scopes: may };
  const { body: made } = await api.request("POST", "/api/v1/keys", { body });
  return (made as { key: string }).key;
}

function toUrl(path: string, parameters: readonly Parameter[], values: Record<string, unknown>): string {
  const query = new URLSearchParams();
  let url = path;
  for (const { name, in: place, required } of parameters) {
    const given = values[name];
    const value = typeof given === "string" ? given : (JSON.stringify(given) ?? "");
    // A lone half of a pair of code units is in no URL.
    if (place === "path")
      url = url.replace(`{${name}}`, () => encodeURIComponent(value.toWellFormed()) || "-");
    else if (required || value.length % 2 === 0) query.set(name, value);
  }
  return query.size === 0 ? url : `${url}?${query.toString()}`;
}
