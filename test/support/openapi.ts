/** Compares what a simulator says with the official OpenAPI document of the API that it stands in for. */
import { readFileSync } from "node:fs";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { Exchange, ExchangeCheck } from "../sandbox/kit/simulator.ts";
import { decodeForm } from "./form.ts";
import { addKnownFormats } from "./openapi-formats.ts";
import { isSchema, openFreeForm, toJsonSchema, type JsonSchema, type SchemaMode } from "./openapi-schema.ts";
import {
  applyPatches,
  contentOf,
  createRouter,
  parseOpenApiDocument,
  toList,
  toRecord,
  type OpenApiDocument,
  type Operation,
  type SpecPatch,
} from "./openapi-document.ts";
import { findSpec, missingSpecNote } from "./specs.ts";

export type ResponseCheckOptions = {
  /** File name of the document: `hetzner.json`, `cloudflare-dns.json`, `stripe-cut.json`. */
  spec: string;
  /** Known differences, each with its reason. */
  patches?: SpecPatch[];
  /** Prefix of the simulator's paths before the document's. Default: the path of the document's first server. */
  basePath?: string;
  /** `report` (default `allow`) makes a response property that the document does not name a violation. */
  unknownFields?: "allow" | "report";
  /** Exchanges that are no part of the API, e.g. pages for a browser. What lies outside `basePath` never is. */
  ignore?: (exchange: Exchange) => boolean;
};

export type ResponseCheck = {
  /** Give it to a simulator as `check`. Never throws; does nothing when the document is absent. */
  check: ExchangeCheck;
  /** Answers that the real API cannot give. A test expects `[]`. */
  violations: string[];
  /** Requests that the real API would refuse as invalid but that were answered with 2xx. */
  requestViolations: string[];
  /** False when the document is not on this machine; then `note` says so. */
  available: boolean;
  note: string;
  /** How many answers were compared, by operation: proof that the check saw something. */
  seen: Map<string, number>;
};

/** Problems are kept as text, the first 200 of each kind. */
const MAX_VIOLATIONS = 200;

export function createResponseCheck(options: ResponseCheckOptions): ResponseCheck {
  const file = findSpec(options.spec);
  const result: ResponseCheck = {
    check: () => {},
    violations: [],
    requestViolations: [],
    available: file !== undefined,
    note: file === undefined ? missingSpecNote(options.spec) : "",
    seen: new Map(),
  };
  if (file === undefined) return result;
  const document = parseOpenApiDocument(readFileSync(file, "utf8"));
  applyPatches(document, options.patches ?? []);
  const basePath = options.basePath ?? pathOfServer(document);
  const route = createRouter(document);
  const responses = createCompiler(document, {
    part: "response",
    unknownFields: options.unknownFields ?? "allow",
    coerce: false,
  });
  const bodies = createCompiler(document, { part: "request", unknownFields: "allow", coerce: false });
  const texts = createCompiler(document, { part: "request", unknownFields: "allow", coerce: true });

  result.check = (exchange) => {
    const name = `${exchange.method} ${exchange.path}${exchange.query} -> ${exchange.status}`;
    if (!exchange.path.startsWith(`${basePath}/`) || options.ignore?.(exchange) === true) return;
    const operation = route(exchange.method, exchange.path.slice(basePath.length));
    if (operation === undefined) {
      // A path that the API does not have is rightly answered with an error.
      if (exchange.status < 400) report(result.violations, name, ["no such operation in the document"]);
      return;
    }
    result.seen.set(operation.key, (result.seen.get(operation.key) ?? 0) + 1);
    report(result.violations, name, responseProblems(operation, exchange, responses));
    if (exchange.status < 300) {
      const problems = [
        ...bodyProblems(operation, exchange, bodies, texts),
        ...queryProblems(operation, exchange, texts),
      ];
      report(result.requestViolations, name, problems);
    }
  };
  return result;
}

type Compiler = (key: string, schema: unknown) => ValidateFunction;

/** Schemas are compiled on first use: the whole Hetzner document at once would take seconds. */
function createCompiler(
  document: OpenApiDocument,
  options: Omit<SchemaMode, "componentsId"> & { coerce: boolean },
): Compiler {
  const mode: SchemaMode = { ...options, componentsId: "components" };
  const ajv = new Ajv2020({
    strict: false,
    allErrors: false,
    // Forms and queries carry text only; JSON must have the right type as they are.
    coerceTypes: options.coerce ? "array" : false,
    validateSchema: false,
    logger: false,
  });
  addKnownFormats(ajv);
  const schemas = toRecord(document.components?.["schemas"]);
  // Components are branches: whoever refers to one decides about unknown fields.
  const converted = Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, toJsonSchema(schema, mode, true)]),
  );
  openFreeForm(converted);
  ajv.addSchema({ $id: "components", components: { schemas: converted } });
  const compiled = new Map<string, ValidateFunction>();
  return (key, schema) => {
    const known = compiled.get(key);
    if (known) return known;
    const plain = toJsonSchema(schema, mode);
    openFreeForm(plain);
    const validate = ajv.compile(plain);
    compiled.set(key, validate);
    return validate;
  };
}

function responseProblems(operation: Operation, exchange: Exchange, compile: Compiler): string[] {
  const responses = toRecord(operation.value["responses"]);
  const key = statusKey(responses, exchange.status);
  if (key === undefined) return [`status ${exchange.status} is not in the document`];
  const media = contentOf(responses[key])["application/json"];
  if (media === undefined) {
    const empty =
      exchange.responseBody === undefined || !isSchema(responses[key]) || "content" in responses[key];
    return empty ? [] : ["a body where the document has none"];
  }
  if (exchange.responseBody === undefined) return ["no body where the document has one"];
  return run(compile(`${operation.key} ${key}`, media["schema"]), exchange.responseBody);
}

/** Exact status, then the range (`4xx` or `4XX`), then `default`. */
function statusKey(responses: Record<string, unknown>, status: number): string | undefined {
  const range = `${String(status).slice(0, 1)}xx`;
  const keys = Object.keys(responses);
  return (
    keys.find((key) => key === String(status)) ??
    keys.find((key) => key.toLowerCase() === range) ??
    keys.find((key) => key === "default")
  );
}

function bodyProblems(
  operation: Operation,
  exchange: Exchange,
  compileJson: Compiler,
  compileForm: Compiler,
): string[] {
  const body = operation.value["requestBody"];
  const content = contentOf(body);
  const json = content["application/json"];
  const form = content["application/x-www-form-urlencoded"];
  const sent = exchange.requestBody;
  if (sent === undefined) {
    return isSchema(body) && body["required"] === true && json !== undefined
      ? ["a request body is required"]
      : [];
  }
  if (json !== undefined) return run(compileJson(`${operation.key} body`, json["schema"]), sent);
  if (form === undefined || typeof sent !== "string") return [];
  return run(compileForm(`${operation.key} form`, form["schema"]), decodeForm(sent));
}

function queryProblems(operation: Operation, exchange: Exchange, compile: Compiler): string[] {
  const parameters = [...toList(operation.pathItem["parameters"]), ...toList(operation.value["parameters"])]
    .filter(isSchema)
    .filter((parameter) => parameter["in"] === "query");
  const properties: JsonSchema = {};
  const required: string[] = [];
  for (const parameter of parameters) {
    const name = String(parameter["name"]).replace(/\[\]$/, "");
    properties[name] = parameter["schema"] ?? {};
    if (parameter["required"] === true) required.push(name);
  }
  const sent = decodeForm(exchange.query.replace(/^\?/, ""));
  const unknown = Object.keys(sent).filter((name) => !(name in properties));
  const problems = run(compile(`${operation.key} query`, { type: "object", properties, required }), sent);
  return [...unknown.map((name) => `query parameter ${name} is not in the document`), ...problems];
}

function run(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    (error) =>
      `${error.instancePath || "/"} ${error.message ?? error.keyword} ${JSON.stringify(error.params)}`,
  );
}

function report(into: string[], name: string, problems: string[]): void {
  for (const problem of problems) if (into.length < MAX_VIOLATIONS) into.push(`${name}: ${problem}`);
}

function pathOfServer(document: OpenApiDocument): string {
  const url = document.servers?.[0]?.url ?? "/";
  return new URL(url, "http://localhost").pathname.replace(/\/$/, "");
}
