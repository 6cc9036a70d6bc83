/** Finds operations in an OpenAPI document and applies known differences to it. */
import { isSchema, type JsonSchema } from "./openapi-schema.ts";

export type OpenApiDocument = {
  openapi: string;
  servers?: { url: string }[];
  paths: Record<string, Record<string, unknown>>;
  components?: Record<string, unknown>;
};

/** Where a schema stands, so that a patch can say which ones it means. */
export type SchemaPlace = {
  /** `POST /servers`, or undefined for a named component. */
  operation: string | undefined;
  component: string | undefined;
  part: "request" | "response" | "component";
  /** Status key of the document (`201`, `4xx`), for responses. */
  status: string | undefined;
  /** Property names down to the schema, `[]` for the items of a list: `["servers", "[]", "datacenter"]`. */
  path: string[];
};

/** One known difference between the document and the API of today. */
export type SpecPatch = {
  /** Why the document is wrong here, with its source. */
  reason: string;
  /** Changes the document as a whole, e.g. adds a path. Runs first. */
  document?: (document: OpenApiDocument) => void;
  /** Changes one schema in place; called for every schema, outer ones first. */
  schema?: (schema: JsonSchema, place: SchemaPlace) => void;
};

export type Operation = {
  /** `GET /servers/{id}`. */
  key: string;
  value: JsonSchema;
  pathItem: JsonSchema;
};

export function parseOpenApiDocument(text: string): OpenApiDocument {
  const value: unknown = JSON.parse(text);
  if (!isOpenApiDocument(value)) throw new Error("not an OpenAPI document: openapi and paths expected");
  return value;
}

function isOpenApiDocument(value: unknown): value is OpenApiDocument {
  return isSchema(value) && typeof value["openapi"] === "string" && isSchema(value["paths"]);
}

const METHODS = ["get", "put", "post", "patch", "delete", "head", "options"] as const;

export function applyPatches(document: OpenApiDocument, patches: SpecPatch[]): void {
  for (const patch of patches) {
    patch.document?.(document);
    if (patch.schema) visitDocument(document, patch.schema);
  }
}

type Visit = NonNullable<SpecPatch["schema"]>;

function visitDocument(document: OpenApiDocument, visit: Visit): void {
  for (const [name, schema] of Object.entries(toRecord(document.components?.["schemas"]))) {
    const place = { operation: undefined, component: name, part: "component", status: undefined } as const;
    visitSchema(schema, { ...place, path: [] }, visit);
  }
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method];
      if (isSchema(operation)) visitOperation(`${method.toUpperCase()} ${path}`, operation, visit);
    }
  }
}

function visitOperation(key: string, operation: JsonSchema, visit: Visit): void {
  const place = { operation: key, component: undefined, path: [] };
  for (const media of Object.values(contentOf(operation["requestBody"]))) {
    visitSchema(media["schema"], { ...place, part: "request", status: undefined }, visit);
  }
  for (const [status, response] of Object.entries(toRecord(operation["responses"]))) {
    for (const media of Object.values(contentOf(response))) {
      visitSchema(media["schema"], { ...place, part: "response", status }, visit);
    }
  }
}

function visitSchema(schema: unknown, place: SchemaPlace, visit: Visit): void {
  if (!isSchema(schema)) return;
  visit(schema, place);
  const below = (name: string): SchemaPlace => ({ ...place, path: [...place.path, name] });
  for (const [name, part] of Object.entries(toRecord(schema["properties"]))) {
    visitSchema(part, below(name), visit);
  }
  visitSchema(schema["items"], below("[]"), visit);
  visitSchema(schema["additionalProperties"], below("*"), visit);
  for (const key of ["allOf", "anyOf", "oneOf"]) {
    for (const part of toList(schema[key])) visitSchema(part, place, visit);
  }
}

/** Looks up an operation by method and real path; the template with most literal segments wins. */
export function createRouter(
  document: OpenApiDocument,
): (method: string, path: string) => Operation | undefined {
  const templates = Object.entries(document.paths)
    .map(([path, item]) => ({ path, item, segments: path.split("/") }))
    .toSorted((a, b) => countParameters(a.segments) - countParameters(b.segments));
  return (method, path) => {
    const segments = path.split("/");
    for (const template of templates) {
      const value = template.item[method.toLowerCase()];
      if (!isSchema(value) || !matches(template.segments, segments)) continue;
      return { key: `${method.toUpperCase()} ${template.path}`, value, pathItem: template.item };
    }
    return undefined;
  };
}

function countParameters(segments: string[]): number {
  return segments.filter((segment) => segment.includes("{")).length;
}

function matches(template: string[], path: string[]): boolean {
  if (template.length !== path.length) return false;
  return template.every((segment, index) => segment.includes("{") || segment === path[index]);
}

/** `requestBody` and a response have the same shape: media types under `content`. */
export function contentOf(holder: unknown): Record<string, JsonSchema> {
  const content = isSchema(holder) ? toRecord(holder["content"]) : {};
  return Object.fromEntries(Object.entries(content).map(([type, media]) => [type, toRecord(media)]));
}

export function toRecord(value: unknown): Record<string, unknown> {
  return isSchema(value) ? value : {};
}

export function toList(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
