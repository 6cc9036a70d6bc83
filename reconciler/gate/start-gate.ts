/** The gate of one process put together from its configuration: metrics, and waking those who waited when a cloud heals. */
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Sql } from "postgres";
import type { WorkConfig } from "../config.ts";
import { heal } from "../converge/blocked.ts";
import type { Queue } from "../queue/queue.ts";
import { createGate, type Gate } from "./gate.ts";
import { createGateMetrics } from "./metrics.ts";

export type StartGateDeps = {
  sql: Sql;
  queue: Queue;
  clock: { now(): Date };
  log: Logger;
  registry: Registry;
};

export async function startGate(
  config: Pick<WorkConfig, "hetznerUrl" | "cloudflareUrl" | "accounts" | "masterKey" | "engineEnvironment">,
  deps: StartGateDeps,
): Promise<Gate> {
  const { requests } = createGateMetrics(deps.registry, deps.sql);
  return await createGate({
    ...deps,
    random: Math.random,
    clouds: { hetzner: config.hetznerUrl, cloudflare: config.cloudflareUrl },
    accounts: config.accounts,
    masterKey: config.masterKey,
    proxyEnvironment: pickProxy(config.engineEnvironment),
    onRequest: (cloud, outcome) => requests.inc({ cloud, outcome }),
    onHealed: ({ cloud, tokenKey }) => {
      heal(deps, [cloud], tokenKey, { force: true }).catch((error: unknown) =>
        deps.log.error(
          { err: error, cloud, scope: tokenKey },
          "those who wait could not be woken; one will look again",
        ),
      );
    },
  });
}

function pickProxy(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter(([name]) => /^(HTTPS?_PROXY|NO_PROXY)$/.test(name)),
  );
}
