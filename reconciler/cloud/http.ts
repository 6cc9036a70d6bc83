/** JSON over HTTP to a cloud's API, bounded in time, answers parsed with zod, failures in our own words. */
import { z } from "zod";
import { classifyFailure } from "../converge/failure.ts";
import { ClawfleetError } from "../errors.ts";

export type CloudName = "hetzner" | "cloudflare";

export type CloudRequest<Schema extends z.ZodType> = {
  method: "GET" | "POST" | "PUT" | "DELETE";
  path: string;
  body?: unknown;
  schema: Schema;
};

export type CloudHttp = {
  /** undefined: 404, the object is absent. @throws ClawfleetError as the failure table says of what was answered */
  request<Schema extends z.ZodType>(request: CloudRequest<Schema>): Promise<z.output<Schema> | undefined>;
  /** Of a list, which is there when nothing is in it: a 404 is no answer. @throws ClawfleetError as `request`, and then too */
  readList<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>>;
};

/** Longer than the gate holds a request back. */
const timeoutMs = 30_000;

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
  /** The table knows errors as the providers word them. */
  function refuse(method: string, path: string, status: number, text: string): ClawfleetError {
    const said =
      deps.cloud === "hetzner" ? wordHetzner(status, text) : `/client/v4${path}: ${status} ${text}`;
    const { code, retry, remedy } = classifyFailure([said]);
    const message = `${deps.cloud}: ${method} ${path}: answered ${status}: ${said}`.slice(0, maxMessage);
    return new ClawfleetError({ code, message, retry, remedy });
  }
  const http: CloudHttp = {
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
        .then(async (response) => ({ response, text: await response.text() }))
        .catch((error: unknown) => {
          throw fail(method, path, "no answer", error);
        });
      const { response, text } = answer;
      if (response.status === 404) return undefined;
      if (!response.ok) throw refuse(method, path, response.status, text);
      const parsed = schema.safeParse(parseJson(text));
      if (!parsed.success)
        throw fail(method, path, `an answer of another shape: ${parsed.error.issues[0]?.message ?? ""}`);
      return parsed.data;
    },
    async readList(path, schema) {
      const answer = await http.request({ method: "GET", path, schema });
      if (answer === undefined) throw fail("GET", path, "answered 404, and a list is always there");
      return answer;
    },
  };
  return http;
}

const maxMessage = 600;
const hetznerErrorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

function wordHetzner(status: number, text: string): string {
  const parsed = hetznerErrorSchema.safeParse(parseJson(text));
  return parsed.success ? `${parsed.data.error.message} (${parsed.data.error.code})` : `(http_${status})`;
}

/** undefined for what is no JSON. */
function parseJson(text: string): unknown {
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
