/** Turns the schemas of an OpenAPI 3.0 or 3.1 document into plain JSON Schema that ajv understands. */

export type JsonSchema = { [keyword: string]: unknown };

export type SchemaMode = {
  /** A request may omit what is `readOnly`, a response what is `writeOnly`. */
  part: "request" | "response";
  /** `report` makes a property that the document does not name an error. */
  unknownFields: "allow" | "report";
  /** Where `#/components/...` lives once the components are registered under an id of their own. */
  componentsId: string;
};

const COMBINATORS = ["allOf", "anyOf", "oneOf"] as const;
/** 3.0 only lets `$ref` stand alone; in every version these say nothing about validity. */
const ANNOTATIONS = ["example", "examples", "discriminator", "xml", "externalDocs", "description", "title"];

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `branch` is true inside allOf/anyOf/oneOf, where the parent answers for unknown fields. */
export function toJsonSchema(source: unknown, mode: SchemaMode, branch = false): JsonSchema | boolean {
  if (typeof source === "boolean") return source;
  if (!isSchema(source)) return {};
  const schema: JsonSchema = {};
  for (const [key, value] of Object.entries(source)) {
    if (key === "nullable" || ANNOTATIONS.includes(key) || key.startsWith("x-")) continue;
    schema[key] = convertKeyword(key, value, mode);
  }
  convertBounds(schema);
  dropForeignRequired(schema, source, mode);
  if (mode.unknownFields === "report" && !branch && !("additionalProperties" in schema)) seal(schema);
  return source["nullable"] === true ? { anyOf: [{ type: "null" }, schema] } : schema;
}

function convertKeyword(key: string, value: unknown, mode: SchemaMode): unknown {
  if (key === "$ref" && typeof value === "string") return value.replace(/^#/, `${mode.componentsId}#`);
  if (key === "properties" && isSchema(value)) {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, toJsonSchema(part, mode)]));
  }
  if (key === "items" || key === "not" || key === "additionalProperties") return toJsonSchema(value, mode);
  if ((COMBINATORS as readonly string[]).includes(key) && Array.isArray(value)) {
    return value.map((part) => toJsonSchema(part, mode, true));
  }
  return value;
}

/** In 3.0 `exclusiveMinimum` is a flag beside `minimum`; in JSON Schema it is the number itself. */
function convertBounds(schema: JsonSchema): void {
  for (const [flag, bound] of [
    ["exclusiveMinimum", "minimum"],
    ["exclusiveMaximum", "maximum"],
  ] as const) {
    if (schema[flag] === true) {
      schema[flag] = schema[bound];
      delete schema[bound];
    } else if (schema[flag] === false) delete schema[flag];
  }
}

function dropForeignRequired(schema: JsonSchema, source: JsonSchema, mode: SchemaMode): void {
  const properties = source["properties"];
  if (!Array.isArray(schema["required"]) || !isSchema(properties)) return;
  const flag = mode.part === "request" ? "readOnly" : "writeOnly";
  schema["required"] = schema["required"].filter((name: string) => {
    const property = properties[name];
    return !isSchema(property) || property[flag] !== true;
  });
}

function seal(schema: JsonSchema): void {
  const names = "properties" in schema || "$ref" in schema || COMBINATORS.some((key) => key in schema);
  if (names) schema["unevaluatedProperties"] = false;
}

/** An object that names no property is free-form, also as a branch of a sealed parent. */
export function openFreeForm(schema: unknown): void {
  if (Array.isArray(schema)) {
    for (const part of schema) openFreeForm(part);
    return;
  }
  if (!isSchema(schema)) return;
  const bare = !("properties" in schema) && !("$ref" in schema) && !COMBINATORS.some((key) => key in schema);
  if (schema["type"] === "object" && bare && !("additionalProperties" in schema)) {
    schema["additionalProperties"] = true;
  }
  for (const value of Object.values(schema)) openFreeForm(value);
}
