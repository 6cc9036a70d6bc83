/** Where the official document (June 2026) and the API of November 2026 differ; sources in facts.md. */
import type { OpenApiDocument, SpecPatch } from "../../support/openapi-document.ts";
import { isSchema, type JsonSchema } from "../../support/openapi-schema.ts";

export const hetznerSpecPatches: SpecPatch[] = [
  {
    reason: "`datacenter` is gone from server and primary_ip since 2026-07-01 (changelog, hcloud-go 2.45)",
    schema: (schema) => {
      const properties = schema["properties"];
      if (!isSchema(properties) || !("datacenter" in properties) || !("location" in properties)) return;
      delete properties["datacenter"];
      dropRequired(schema, "datacenter");
    },
  },
  {
    reason:
      "a free primary IP has assignee_type `unassigned` since 2026-08-01, optional on create (hcloud-go 2.39)",
    schema: (schema, place) => {
      const type = propertyOf(schema, "assignee_type");
      if (type === undefined) return;
      if (place.part === "response") type["enum"] = ["server", "load_balancer", "unassigned"];
      else if (place.operation === "POST /primary_ips") dropRequired(schema, "assignee_type");
    },
  },
  {
    reason: "images have a `deprecation` object beside `deprecated` (hcloud-go 2.48)",
    schema: (schema) => {
      const properties = schema["properties"];
      if (!isSchema(properties) || !("os_flavor" in properties)) return;
      properties["deprecation"] = {
        type: "object",
        nullable: true,
        properties: { announced: dateTime, unavailable_after: dateTime },
        required: ["announced", "unavailable_after"],
      };
    },
  },
  {
    reason:
      "the API takes ids where the document says name; the official client sends numbers (wire recording)",
    schema: (schema, place) => {
      if (place.part !== "request") return;
      for (const name of ["image", "server_type", "location", "iso"]) allowIds(propertyOf(schema, name));
      const keys = propertyOf(schema, "ssh_keys");
      if (isSchema(keys?.["items"])) allowIds(keys["items"]);
    },
  },
  {
    reason: "GET /actions takes page, per_page and sort; the official client sends them (wire recording)",
    document: (document) => {
      addQuery(document, "/actions", "page", "per_page", "sort", "status");
    },
  },
  {
    reason: "GET /networks/{id}/members exists since 2026-09-15 (changelog, hcloud-go 2.49)",
    document: (document) => {
      document.paths["/networks/{id}/members"] = { get: membersOperation };
    },
  },
];

const dateTime = { type: "string", format: "date-time" };
const query = (name: string): JsonSchema => ({ in: "query", name, schema: {} });

const membersOperation: JsonSchema = {
  parameters: ["type", "status", "subnet", "sort", "page", "per_page"].map(query),
  responses: {
    "200": {
      content: {
        "application/json": {
          schema: {
            type: "object",
            properties: {
              members: {
                type: "array",
                items: {
                  type: "object",
                  properties: {
                    type: { type: "string", enum: ["server", "load_balancer"] },
                    id: { type: "integer" },
                    ip: { type: "string" },
                    status: { type: "string", enum: ["ok", "attaching", "detaching", "updating", "error"] },
                    alias_ips: { type: "array", items: { type: "string" } },
                    subnet: { type: "string" },
                  },
                  required: ["type", "id", "ip", "status", "alias_ips", "subnet"],
                },
              },
              meta: { type: "object", additionalProperties: true },
            },
            required: ["members", "meta"],
          },
        },
      },
    },
    "4xx": { content: { "application/json": { schema: { type: "object", additionalProperties: true } } } },
  },
};

function propertyOf(schema: JsonSchema, name: string): JsonSchema | undefined {
  const properties = schema["properties"];
  const property = isSchema(properties) ? properties[name] : undefined;
  return isSchema(property) ? property : undefined;
}

function dropRequired(schema: JsonSchema, name: string): void {
  const required = schema["required"];
  if (Array.isArray(required)) schema["required"] = required.filter((each) => each !== name);
}

function allowIds(schema: JsonSchema | undefined): void {
  if (schema?.["type"] !== "string") return;
  delete schema["type"];
  schema["oneOf"] = [{ type: "string" }, { type: "integer" }];
}

function addQuery(document: OpenApiDocument, path: string, ...names: string[]): void {
  const operation = document.paths[path]?.["get"];
  if (!isSchema(operation) || !Array.isArray(operation["parameters"])) return;
  operation["parameters"].push(...names.map(query));
}
