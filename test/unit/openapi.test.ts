/**
 * Proves that the comparison with OpenAPI documents finds what it must find, on a small document written here. That
 * the simulators pass it is for their own tests.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Exchange } from "../sandbox/kit/simulator.ts";
import { decodeForm } from "../support/form.ts";
import { createResponseCheck, type ResponseCheckOptions } from "../support/openapi.ts";

const thing = {
  type: "object",
  properties: {
    id: { type: "integer" },
    name: { type: "string", nullable: true },
    secret: { type: "string", writeOnly: true },
    size: { type: "integer", minimum: 0, exclusiveMinimum: true },
    tags: { type: "object", additionalProperties: { type: "string" } },
    kind: { type: "string", nullable: true, enum: ["a", "b"] },
  },
  required: ["id", "name", "secret"],
};

const document = {
  openapi: "3.0.3",
  servers: [{ url: "https://api.example.com/v2" }],
  paths: {
    "/things/{id}": {
      get: {
        parameters: [{ in: "query", name: "limit", schema: { type: "integer" } }],
        responses: {
          "200": { content: { "application/json": { schema: { $ref: "#/components/schemas/thing" } } } },
          "4XX": { content: { "application/json": { schema: { type: "object", required: ["error"] } } } },
        },
      },
      delete: { responses: { "204": { description: "gone" } } },
    },
    "/things/all": {
      get: { responses: { "200": { content: { "application/json": { schema: { type: "array" } } } } } },
    },
    "/things": {
      post: {
        requestBody: {
          required: true,
          content: {
            "application/x-www-form-urlencoded": {
              schema: {
                type: "object",
                properties: { size: { type: "integer" }, tags: { type: "object" } },
                additionalProperties: false,
              },
            },
          },
        },
        responses: {
          default: {
            content: {
              "application/json": {
                schema: { allOf: [{ $ref: "#/components/schemas/thing" }, { properties: { extra: {} } }] },
              },
            },
          },
        },
      },
    },
  },
  components: { schemas: { thing } },
};

let folder = "";
const before = process.env["CLAWFLEET_SPECS"];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "openapi-"));
  writeFileSync(join(folder, "things.json"), JSON.stringify(document));
  process.env["CLAWFLEET_SPECS"] = folder;
});

afterAll(() => {
  rmSync(folder, { recursive: true });
  if (before === undefined) delete process.env["CLAWFLEET_SPECS"];
  else process.env["CLAWFLEET_SPECS"] = before;
});

function judge(exchange: Partial<Exchange>, options: Partial<ResponseCheckOptions> = {}): string[] {
  const check = createResponseCheck({ spec: "things.json", unknownFields: "report", ...options });
  check.check({
    method: "GET",
    path: "/v2/things/7",
    query: "",
    requestBody: undefined,
    status: 200,
    responseBody: undefined,
    at: new Date(),
    ...exchange,
  });
  return [...check.violations, ...check.requestViolations.map((text) => `request: ${text}`)];
}

const good = { id: 7, name: null };

describe("answers", () => {
  const cases: [what: string, exchange: Partial<Exchange>, problem: string | undefined][] = [
    ["as described", { responseBody: good }, undefined],
    ["with null where nullable, also beside an enum", { responseBody: { ...good, kind: null } }, undefined],
    ["with a missing field", { responseBody: { id: 7 } }, "must have required property 'name'"],
    ["with a wrong type", { responseBody: { ...good, id: "7" } }, "/id must be integer"],
    ["with null where not nullable", { responseBody: { ...good, id: null } }, "/id must be integer"],
    ["with an unknown field", { responseBody: { ...good, colour: "red" } }, "colour"],
    ["with a free-form field", { responseBody: { ...good, tags: { a: "b" } } }, undefined],
    ["at an exclusive bound of 3.0", { responseBody: { ...good, size: 0 } }, "must be > 0"],
    ["without a body", {}, "no body where the document has one"],
    ["of the error range", { status: 404, responseBody: { error: {} } }, undefined],
    ["of the error range in another shape", { status: 404, responseBody: {} }, "error"],
    ["with a status that is not there", { status: 302 }, "status 302 is not in the document"],
    ["of the more literal path", { path: "/v2/things/all", responseBody: [] }, undefined],
    ["to an unknown path with success", { path: "/v2/nothing", responseBody: {} }, "no such operation"],
    ["to an unknown path with an error", { path: "/v2/nothing", status: 404 }, undefined],
    ["outside the API", { path: "/pay", responseBody: "<html>" }, undefined],
    ["with a body where there is none", { method: "DELETE", status: 204, responseBody: {} }, "a body where"],
    ["through allOf", { method: "POST", path: "/v2/things", responseBody: { ...good, extra: 1 } }, undefined],
    [
      "through allOf, unknown",
      { method: "POST", path: "/v2/things", responseBody: { ...good, extr: 1 } },
      "extr",
    ],
  ];

  it.each(cases)("%s", (_what, exchange, problem) => {
    const found = judge(exchange);
    expect(found).toHaveLength(problem === undefined ? 0 : 1);
    expect(found.join()).toContain(problem ?? "");
  });

  it("may hold unknown fields where that is allowed", () => {
    expect(judge({ responseBody: { ...good, colour: "red" } }, { unknownFields: "allow" })).toEqual([]);
  });
});

describe("accepted requests", () => {
  const post = { method: "POST", path: "/v2/things", responseBody: good };
  const cases: [what: string, exchange: Partial<Exchange>, problem: string | undefined][] = [
    ["a form as described", { ...post, requestBody: "size=3&tags[a]=b" }, undefined],
    ["a form with a wrong number", { ...post, requestBody: "size=x" }, "request: "],
    ["a form with an unknown field", { ...post, requestBody: "colour=red" }, "colour"],
    ["a wrong form that was refused", { ...post, status: 400, requestBody: "size=x" }, undefined],
    ["a query as described", { query: "?limit=3", responseBody: good }, undefined],
    ["a wrong query", { query: "?limit=x", responseBody: good }, "request: "],
    ["an unknown query", { query: "?page=1", responseBody: good }, "query parameter page"],
  ];

  it.each(cases)("%s", (_what, exchange, problem) => {
    const found = judge(exchange);
    expect(found).toHaveLength(problem === undefined ? 0 : 1);
    expect(found.join()).toContain(problem ?? "");
  });
});

it("differences that are known are patches", () => {
  const patch = {
    reason: "things have colours since yesterday",
    schema: (
      schema: Record<string, unknown>,
      place: { component: string | undefined; path: string[] },
    ): void => {
      if (place.component !== "thing" || place.path.length > 0) return;
      schema["properties"] = { ...thing.properties, colour: { type: "string" } };
    },
  };
  expect(judge({ responseBody: { ...good, colour: "red" } }, { patches: [patch] })).toEqual([]);
});

it("without the document nothing is compared, and the check says so", () => {
  const check = createResponseCheck({ spec: "absent.json" });
  expect(check.available).toBe(false);
  expect(check.note).toContain("absent.json");
});

it.each([
  ["a=1&a=2", { a: ["1", "2"] }],
  ["a[]=1&a[]=2", { a: ["1", "2"] }],
  ["a[0][b]=1&a[1][b]=2", { a: [{ b: "1" }, { b: "2" }] }],
  ["a[b][c]=1&a[b][d]=2&e=", { a: { b: { c: "1", d: "2" } }, e: "" }],
])("form %s is read", (text, value) => {
  expect(decodeForm(text)).toEqual(value);
});
