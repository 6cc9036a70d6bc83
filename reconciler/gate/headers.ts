/** What the clouds' answers say of their budgets, and whether an answer is a bad one. Pure. */
import type { IncomingHttpHeaders } from "node:http";
import type { CloudName } from "../cloud/http.ts";
import type { Verdict } from "./breaker.ts";
import type { Said } from "./level.ts";

/** undefined when the answer says nothing that can be read. */
export function readBudget(cloud: CloudName, headers: IncomingHttpHeaders): Said | undefined {
  return cloud === "hetzner" ? readHetzner(headers) : readCloudflare(headers);
}

/**
 * `RateLimit-Reset` is when the budget will be full again, which follows from the two others. Source: docs.hetzner.cloud,
 * "Rate Limiting".
 */
function readHetzner(headers: IncomingHttpHeaders): Said | undefined {
  const limit = toCount(headers["ratelimit-limit"]);
  const remaining = toCount(headers["ratelimit-remaining"]);
  if (limit === undefined || limit === 0 || remaining === undefined) return undefined;
  return { limit, remaining };
}

/**
 * Lists of `"name";r=50;t=30` and `"name";q=100;w=60`; the item with the least left decides. Source:
 * developers.cloudflare.com, "Rate limits".
 */
function readCloudflare(headers: IncomingHttpHeaders): Said | undefined {
  const items = readItems(headers["ratelimit"])
    .map(({ name, values }) => ({ name, remaining: values.get("r"), resetSeconds: values.get("t") }))
    .filter((item): item is typeof item & { remaining: number } => item.remaining !== undefined)
    .toSorted((a, b) => a.remaining - b.remaining);
  const [least] = items;
  if (!least) return undefined;
  const policy = readItems(headers["ratelimit-policy"]).find(({ name }) => name === least.name)?.values;
  const limit = policy?.get("q");
  const windowSeconds = policy?.get("w");
  return {
    remaining: least.remaining,
    ...(limit ? { limit } : {}),
    ...(windowSeconds ? { periodMs: windowSeconds * 1000 } : {}),
    ...(least.resetSeconds === undefined ? {} : { resetMs: least.resetSeconds * 1000 }),
  };
}

function readItems(header: string | string[] | undefined): { name: string; values: Map<string, number> }[] {
  const text = Array.isArray(header) ? header.join(",") : (header ?? "");
  return [...text.matchAll(/"([^"]*)"((?:\s*;\s*\w+=\d+)+)/g)].map(([, name = "", parameters = ""]) => ({
    name,
    values: new Map(
      [...parameters.matchAll(/(\w+)=(\d+)/g)].map(([, key = "", value = ""]) => [key, Number(value)]),
    ),
  }));
}

function toCount(header: string | string[] | undefined): number | undefined {
  return typeof header === "string" && /^\d+$/.test(header) ? Number(header) : undefined;
}

/** `now` for a retry-after that names a time. */
export function judge(status: number, headers: IncomingHttpHeaders, now: Date): Verdict {
  if (status !== 429 && status < 500) return { kind: "good" };
  const retryAfterMs =
    status === 429 || status === 503 ? readRetryAfter(headers["retry-after"], now) : undefined;
  return { kind: "bad", ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function readRetryAfter(header: string | undefined, now: Date): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now.getTime();
  return ms > 0 ? ms : undefined;
}
