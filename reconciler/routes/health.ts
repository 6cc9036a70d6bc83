/** Liveness, readiness and metrics. `/readyz` says what is missing; `/healthz` only that the process answers. */
import { Hono } from "hono";
import type { Registry } from "prom-client";

export type ReadinessCheck = { name: string; check: () => Promise<boolean> };

const CHECK_TIMEOUT_MS = 2000;

export function createHealthRoutes(deps: {
  checks: ReadinessCheck[];
  registry: Registry;
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
    .get("/metrics", async (c) =>
      c.text(await deps.registry.metrics(), 200, { "content-type": deps.registry.contentType }),
    );
}

async function passes(check: () => Promise<boolean>): Promise<boolean> {
  const timeout = new Promise<boolean>((resolve) => {
    setTimeout(() => resolve(false), CHECK_TIMEOUT_MS).unref();
  });
  return await Promise.race([check().catch(() => false), timeout]);
}
