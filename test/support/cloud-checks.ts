/** Every answer of every simulated cloud compared with its official document, where the documents are. */
import { expect } from "vitest";
import { createHetznerCheck } from "../sandbox/hetzner/check.ts";
import type { SandboxOptions } from "../sandbox/start.ts";
import { isSchema } from "./openapi-schema.ts";
import { createResponseCheck, type ResponseCheck } from "./openapi.ts";

export type CloudChecks = {
  /** For `startSandbox`. */
  checks: NonNullable<SandboxOptions["checks"]>;
  /** `asked`: clouds that must have been asked something; default all. Fails with everything that a real API would not have said or taken. */
  expectConform(asked?: readonly string[]): void;
};

export function createStripeCheck(): ResponseCheck {
  return createResponseCheck({
    spec: "stripe-cut.json",
    basePath: "",
    // Pages for a browser; and the account, which is cut out of the document that we have.
    ignore: ({ path }) =>
      path.startsWith("/c/pay/") || path.startsWith("/p/session/") || path === "/v1/account",
  });
}

export function createCloudflareCheck(): ResponseCheck {
  return createResponseCheck({
    spec: "cloudflare-dns.json",
    basePath: "/client/v4",
    patches: [
      {
        reason: "a record without a comment answers null (wire recording: `comment` removed)",
        schema: (schema, place) => {
          if (place.component === "dnsRecordsComment") schema["nullable"] = true;
        },
      },
      {
        reason: "a refused request answers `result: null`, as the document's own common failure says",
        schema: (schema) => {
          const properties = schema["properties"];
          const result = isSchema(properties) ? properties["result"] : undefined;
          if (isSchema(result) && (result["type"] === "object" || result["type"] === "array"))
            result["nullable"] = true;
        },
      },
    ],
    // Cloudflare's address ranges are in none of the documents that we have.
    ignore: ({ path }) => path === "/client/v4/ips",
  });
}

export function createCloudChecks(): CloudChecks {
  const all = {
    hetzner: createHetznerCheck(),
    cloudflare: createCloudflareCheck(),
    stripe: createStripeCheck(),
  };
  return {
    checks: {
      hetzner: all.hetzner.check,
      cloudflare: all.cloudflare.check,
      stripe: all.stripe.check,
    },
    expectConform(asked = Object.keys(all)) {
      for (const [cloud, check] of Object.entries(all)) {
        expect(check.violations, `answers of ${cloud}`).toEqual([]);
        expect(check.requestViolations, `requests taken by ${cloud}`).toEqual([]);
        if (check.available && asked.includes(cloud))
          expect(check.seen.size, `operations of ${cloud} compared`).toBeGreaterThan(0);
      }
    },
  };
}
