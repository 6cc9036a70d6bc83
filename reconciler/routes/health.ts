/** Liveness, readiness and metrics. `/readyz` says what is missing; `/healthz` only that the process answers. */
import { createHash, timingSafeEqual } from "node:crypto";
import { Hono } from "hono";
import type { Registry } from "prom-client";
import { ClawfleetError } from "../errors.ts";

export type ReadinessCheck = { name: string; check: () => Promise<boolean> };

const CHECK_TIMEOUT_MS = 2000;

export function createHealthRoutes(deps: {
  checks: ReadinessCheck[];
  registry: Registry;
  /** Without one anybody may read the metrics. */
  metricsKey?: string | undefined;
  isDraining(): boolean;
}) {
  return new Hono()
    .get("/healthz", (c) => c.json({ ok: true }))
    .get("/readyz", async (c) => {
      const results = await Promise.all(
        deps.checks.map(async ({ name, check }) => ({ name, ok: await passes(check) })),
      );
      const failing = results.filter((result) => !result.ok).map((result) => result.name);
      if (deps.isDraining()) failing.push("draining");
      return failing.length === 0 ? c.json({ ready: true }) : c.json({ ready: false, failing }, 503);
    })
    .get("/metrics", async (c) => {
      if (!isAllowed(c.req.header("authorization"), deps.metricsKey)) throw noKey();
      return c.text(await deps.registry.metrics(), 200, { "content-type": deps.registry.contentType });
    });
}

function isAllowed(header: string | undefined, key: string | undefined): boolean {
  if (key === undefined) return true;
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(header ?? ""), digest(`Bearer ${key}`));
}

function noKey(): ClawfleetError {
  return new ClawfleetError({
    code: "unauthorized",
    message: "the metrics have a key of their own",
    remedy: "send it as: Authorization: Bearer <key>; it is CLAWFLEET_METRICS_KEY of this process",
    retry: { kind: "permanent" },
  });
}

async function passes(check: () => Promise<boolean>): Promise<boolean> {
  const timeout = new Promise<boolean>((resolve) => {
    setTimeout(() => resolve(false), CHECK_TIMEOUT_MS).unref();
  });
  return await Promise.race([check().catch(() => false), timeout]);
}
