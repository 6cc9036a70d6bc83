/** The HTTP surface of `start` and `serve`, on the real rows and the real billing. */
import type { Hono } from "hono";
import { createAccountAccess, type AccountAccess } from "../account/access.ts";
import { createAccount } from "../account/account.ts";
import { createApp } from "../app.ts";
import type { BillingProvider } from "../billing/provider.ts";
import { createConsole } from "../console/routes.tsx";
import type { Config } from "../config.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { findSellingZone } from "../desired/selling.ts";
import { createOperationWatch } from "../operations/watch.ts";
import { createApiKeys } from "../operators/api-keys.ts";
import { readExamined } from "../operators/doctor.ts";
import { createLockOperators } from "../operators/locks.ts";
import { createStateExport, createWithStore } from "../operators/state-export.ts";
import { createMoneyOperators } from "../operators/money.ts";
import { createOperators } from "../operators/operators.ts";
import { createOrders } from "../orders/orders.ts";
import { createAccountRoutes } from "../routes/account.tsx";
import { createAdminRoutes } from "../routes/admin.ts";
import { createGithubRoutes } from "../routes/github.ts";
import { createHealthRoutes, type ReadinessCheck } from "../routes/health.ts";
import { createOrderRoutes } from "../routes/orders.tsx";
import { createWebhookRoutes } from "../routes/webhooks.ts";
import { listCheckoutOrigins } from "./billing.ts";
import type { Core } from "./core.ts";
import type { FilesReader } from "./files.ts";
import type { Gitops } from "./gitops.ts";

export type Site = { app: Hono; stop(): Promise<void> };

export type SiteParts = {
  providers: readonly BillingProvider[];
  apply: ApplyDeps;
  files: FilesReader;
  gitops: Gitops | undefined;
  checks: ReadinessCheck[];
  isDraining(): boolean;
};

/** Of each key, in this process: a person with a script, not a storm. */
const apiRate = { burst: 600, perSecond: 30 };

export function createSite(core: Core, config: Config, parts: SiteParts): Site {
  const { sql, clock, log, metrics } = core;
  const { providers, apply, files } = parts;
  const watch = createOperationWatch(sql, log);
  const zone = () => findSellingZone(sql);
  const orders = createOrders({
    sql,
    clock,
    sellers: providers,
    watch,
    masterKey: config.masterKey,
    publicUrl: config.publicUrl,
    zone,
    plans: () => files.last().plans,
  });
  const account = createAccount({
    ...apply,
    providers,
    publicUrl: config.publicUrl,
    plans: () => files.last().plans,
  });
  const withStore = createWithStore(core);
  const keys = createApiKeys({ sql, clock, rootKey: config.adminKey });
  const operators = {
    ...createOperators({ ...apply, gitops: parts.gitops?.settings }),
    ...createMoneyOperators({
      sql,
      clock,
      providers,
      plans: () => files.last().plans,
      rates: config.exchangeRates,
    }),
  };
  const app = createApp({
    log,
    metrics,
    guard: { sql, clock, keys, rate: apiRate },
    checkoutOrigins: listCheckoutOrigins(config),
    health: createHealthRoutes({
      checks: parts.checks,
      registry: metrics.registry,
      metricsKey: config.metricsKey,
      isDraining: () => parts.isDraining(),
    }),
    webhooks: createWebhooks(core, parts),
    orders: createOrderRoutes({ ...orders, log, zone }),
    account: createAccountRoutes({ ...account, log, access: openAccess(core, config) }),
    admin: createAdminRoutes({
      sql,
      clock,
      keys,
      exportState: createStateExport(withStore),
      locks: createLockOperators({ sql, withStore }),
      examine: () =>
        readExamined({
          sql,
          clock,
          sweepIntervalMs: config.sweepIntervalMs,
          driftIntervalMs: config.drift.intervalMs,
        }),
      ...operators,
    }),
    console: createConsole({ sql, clock, log, keys, watch, rate: apiRate, operators }),
  });
  return { app, stop: () => watch.stop() };
}

/** Without mail the address of an order is the only key that there can be. */
function openAccess(core: Core, config: Config): AccountAccess | undefined {
  if (config.messages.mail !== undefined) return createAccountAccess(core);
  core.log.warn("without SMTP_URL who knows an order's address may change its subscription");
  return undefined;
}

function createWebhooks({ sql, queue, clock, log, metrics }: Core, { providers, gitops }: SiteParts): Hono {
  const count = (provider: string) => (outcome: string) => metrics.webhooks.inc({ provider, outcome });
  const deps = { sql, queue, clock, log };
  const routes = createWebhookRoutes({
    ...deps,
    providers,
    onWebhook: (provider, outcome) => count(provider)(outcome),
  });
  const github = gitops?.settings.github;
  if (github) routes.route("/", createGithubRoutes({ ...deps, ...github, onWebhook: count("github") }));
  return routes;
}
