/** The HTTP surface of `start` and `serve`, on the real rows and the real billing. */
import type { Hono } from "hono";
import { createAccount } from "../account/account.ts";
import { createApp } from "../app.ts";
import type { BillingProvider } from "../billing/provider.ts";
import type { Config } from "../config.ts";
import type { ApplyDeps } from "../desired/apply-deps.ts";
import { findSellingZone } from "../desired/selling.ts";
import { createOperationWatch } from "../operations/watch.ts";
import { createMoneyOperators } from "../operators/money.ts";
import { createOperators } from "../operators/operators.ts";
import { createOrders } from "../orders/orders.ts";
import { createAccountRoutes } from "../routes/account.tsx";
import { createAdminRoutes } from "../routes/admin.ts";
import { createHealthRoutes, type ReadinessCheck } from "../routes/health.ts";
import { createOrderRoutes } from "../routes/orders.tsx";
import { createWebhookRoutes } from "../routes/webhooks.ts";
import { listCheckoutOrigins } from "./billing.ts";
import type { Core } from "./core.ts";
import type { FilesReader } from "./files.ts";

export type Site = { app: Hono; stop(): Promise<void> };

export type SiteParts = {
  providers: readonly BillingProvider[];
  apply: ApplyDeps;
  files: FilesReader;
  checks: ReadinessCheck[];
  isDraining(): boolean;
};

export function createSite(core: Core, config: Config, parts: SiteParts): Site {
  const { sql, queue, clock, log, metrics } = core;
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
  const app = createApp({
    log,
    metrics,
    adminKey: config.adminKey,
    checkoutOrigins: listCheckoutOrigins(config),
    health: createHealthRoutes({
      checks: parts.checks,
      registry: metrics.registry,
      isDraining: () => parts.isDraining(),
    }),
    webhooks: createWebhookRoutes({
      sql,
      queue,
      clock,
      log,
      providers,
      onWebhook: (provider, outcome) => metrics.webhooks.inc({ provider, outcome }),
    }),
    orders: createOrderRoutes({ ...orders, log, zone }),
    account: createAccountRoutes({ ...account, log }),
    admin: createAdminRoutes({
      sql,
      ...createOperators(apply),
      ...createMoneyOperators({ sql, clock, providers, plans: () => files.last().plans }),
    }),
  });
  return { app, stop: () => watch.stop() };
}
