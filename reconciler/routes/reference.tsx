/** The operators' API as a document at /api/v1/openapi.json and as a page at /api/reference; both say no more than the sources do. */
import { Hono } from "hono";
import { ReferencePage } from "../web/reference-page.tsx";

export function createReferenceRoutes(document: Record<string, unknown>) {
  return new Hono().get("/api/reference", (c) => c.html(<ReferencePage document={document} />));
}
