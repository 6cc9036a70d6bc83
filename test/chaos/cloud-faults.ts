/** Puts the plan's faults into the simulated clouds, each in that cloud's own words. */
import type { Fault as RequestFault, FaultEffect } from "../sandbox/kit/faults.ts";
import type { Arena } from "./arena.ts";
import type { CloudName, Fault, Mishap } from "./plan.ts";

type Answers = { unavailable: Answer; failed: Answer; throttled: Answer };
type Answer = { status: number; body: unknown; headers?: Record<string, string> };

const hetznerError = (status: number, code: string): Answer => ({
  status,
  body: { error: { code, message: "told to fail", details: null } },
});
const cloudflareError = (status: number, code: number): Answer => ({
  status,
  body: { success: false, errors: [{ code, message: "told to fail" }], messages: [], result: null },
});
const stripeError = (status: number, type: string): Answer => ({
  status,
  body: { error: { type, message: "told to fail" } },
});

const answers: Record<CloudName, Answers> = {
  hetzner: {
    unavailable: hetznerError(503, "unavailable"),
    failed: hetznerError(500, "server_error"),
    throttled: hetznerError(429, "rate_limit_exceeded"),
  },
  cloudflare: {
    unavailable: cloudflareError(503, 1000),
    failed: cloudflareError(500, 1000),
    throttled: { ...cloudflareError(429, 971), headers: { "retry-after": "1" } },
  },
  stripe: {
    unavailable: stripeError(503, "api_error"),
    failed: stripeError(500, "api_error"),
    throttled: stripeError(429, "rate_limit_error"),
  },
};

const slowMs = 1_500;
const hangMs = 4_000;
const methods = { any: [undefined], read: ["GET"], write: ["POST", "PUT", "PATCH", "DELETE"] } as const;

export function armFault(arena: Arena, fault: Fault): void {
  const { hetzner } = arena.sandbox;
  switch (fault.kind) {
    case "request":
      return armRequest(arena, fault);
    case "action":
      return hetzner.disturbances.add(
        fault.how === "fails"
          ? { kind: "action-error", command: fault.command }
          : { kind: "slow-action", command: fault.command, ms: hangMs },
      );
    case "no-capacity":
      return hetzner.disturbances.add({ kind: "no-capacity", times: fault.times });
    case "machine":
      return arena.machines.failNext(
        fault.how === "slow" ? { kind: "slow", ms: slowMs } : { kind: fault.how },
      );
    case "webhooks":
      return changeWebhooks(arena, fault.how);
  }
}

/** One request; of a verb with several methods, whichever comes first. */
function armRequest(arena: Arena, fault: Extract<Fault, { kind: "request" }>): void {
  const effect = toEffect(answers[fault.cloud], fault.mishap);
  // What the storm itself asks of Stripe is asked without HTTP, and pages for people are not our business here.
  const path = fault.cloud === "stripe" ? "^/v1/(customers|subscriptions)" : "^/";
  const plan = arena.sandbox[fault.cloud].faults;
  for (const method of methods[fault.verb]) {
    const one: RequestFault = {
      path,
      after: fault.skip,
      effect,
      ...(method === undefined ? {} : { method }),
    };
    plan.add(one);
  }
}

function toEffect(words: Answers, mishap: Mishap): FaultEffect {
  switch (mishap) {
    case "refused":
      return { kind: "answer", ...words.unavailable };
    case "failed-after":
      return { kind: "answer-after", ...words.failed };
    case "throttled":
      return { kind: "answer", ...words.throttled };
    case "cut-before":
      return { kind: "drop-before" };
    case "cut-after":
      return { kind: "drop-after" };
    case "slow":
      return { kind: "delay", ms: slowMs };
  }
}

const lostEvents = 4;

function changeWebhooks(arena: Arena, how: Extract<Fault, { kind: "webhooks" }>["how"]): void {
  const { delivery } = arena.sandbox.stripe;
  delivery.release((events) => events.toReversed());
  delivery.setCopies(how === "doubled" ? 2 : 1);
  if (how === "lost") delivery.dropNext(lostEvents);
  if (how === "shuffled") delivery.hold();
}

/** Everything goes well from now on. */
export function calm(arena: Arena): void {
  const { hetzner, cloudflare, stripe } = arena.sandbox;
  for (const cloud of [hetzner, cloudflare, stripe]) cloud.faults.clear();
  hetzner.disturbances.clear();
  arena.machines.clearFaults();
  changeWebhooks(arena, "plain");
  stripe.delivery.dropNext(0);
}
