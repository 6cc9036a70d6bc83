/** What the gate answers where it lets nothing through: as the cloud itself would say it. Pure. */
import type { CloudName } from "../cloud/http.ts";

export type Refusal = { why: "budget" | "breaker"; waitMs: number };

export type OwnAnswer = { status: number; headers: Record<string, string>; body: string };

/**
 * hcloud-go tries again on `rate_limit_exceeded` and not on `unavailable`; cloudflare-go does what `x-should-retry` says. So
 * a short wait is waited for, and a long one ends the run, which then makes room for others (providers.md 2.2, 2.6).
 */
export function toRefusal(cloud: CloudName, refusal: Refusal): OwnAnswer {
  const seconds = Math.max(1, Math.ceil(refusal.waitMs / 1000));
  const isStorm = refusal.why === "breaker";
  const message = isStorm
    ? `not asked: it has refused or not answered several times; it is tried again in ${seconds} s`
    : `the budget of requests is used up for work of this urgency; enough of it is back in ${seconds} s`;
  const body =
    cloud === "hetzner"
      ? { error: { code: isStorm ? "unavailable" : "rate_limit_exceeded", message, details: null } }
      : {
          success: false,
          errors: [{ code: isStorm ? 10_013 : 10_429, message }],
          messages: [],
          result: null,
        };
  return {
    status: isStorm ? 503 : 429,
    headers: {
      "content-type": "application/json",
      "retry-after": String(seconds),
      // Whoever looks at a recording can tell that this was not the cloud.
      "x-clawfleet-refused": refusal.why,
      ...(cloud === "cloudflare" ? { "x-should-retry": String(!isStorm && seconds <= patienceSeconds) } : {}),
    },
    body: JSON.stringify(body),
  };
}

/** How long one request of a run is worth waiting for. */
const patienceSeconds = 60;
