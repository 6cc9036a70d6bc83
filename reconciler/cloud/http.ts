/** JSON over HTTP to a cloud's API, bounded in time, answers parsed with zod, failures in our own words. */
import type { z } from "zod";
import { ClawfleetError } from "../errors.ts";

export type CloudName = "hetzner" | "cloudflare";

export type CloudRequest<Schema extends z.ZodType> = {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  body?: unknown;
  schema: Schema;
};

export type CloudHttp = {
  /** undefined: 404, the object is absent. @throws ClawfleetError cloud_unavailable */
  request<Schema extends z.ZodType>(request: CloudRequest<Schema>): Promise<z.output<Schema> | undefined>;
};

const timeoutMs = 20_000;

export function createCloudHttp(deps: {
  cloud: CloudName;
  baseUrl: string;
  token: string;
  fetch: typeof fetch;
}): CloudHttp {
  function fail(method: string, path: string, why: string, cause?: unknown): ClawfleetError {
    return new ClawfleetError({
      code: "cloud_unavailable",
      message: `${deps.cloud}: ${method} ${path}: ${why}`,
      retry: { kind: "blocked", by: deps.cloud },
      remedy: `look at the status page of ${deps.cloud} and at the token of this account`,
      cause,
    });
  }
  return {
    async request({ method, path, body, schema }) {
      const answer = await deps
        .fetch(`${deps.baseUrl}${path}`, {
          method,
          headers: {
            authorization: `Bearer ${deps.token}`,
            ...(body === undefined ? {} : { "content-type": "application/json" }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          signal: AbortSignal.timeout(timeoutMs),
        })
        .catch((error: unknown) => {
          throw fail(method, path, "no answer", error);
        });
      const text = await answer.text();
      if (answer.status === 404) return undefined;
      if (!answer.ok) throw fail(method, path, `answered ${answer.status}`);
      const parsed = schema.safeParse(text === "" ? {} : JSON.parse(text));
      if (!parsed.success)
        throw fail(method, path, `an answer of another shape: ${parsed.error.issues[0]?.message ?? ""}`);
      return parsed.data;
    },
  };
}
