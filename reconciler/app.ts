/** The HTTP surface put together: customers' pages, billing webhooks, operators' API, health. */
import { Hono } from "hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { bodyLimit } from "hono/body-limit";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { routePath } from "hono/route";
import type { Logger } from "pino";
import { requireBearer } from "./routes/bearer.ts";
import { answerError } from "./routes/errors.ts";
import type { createAccountRoutes } from "./routes/account.tsx";
import type { createAdminRoutes } from "./routes/admin.ts";
import type { createHealthRoutes } from "./routes/health.ts";
import type { createOrderRoutes } from "./routes/orders.tsx";
import type { Metrics } from "./metrics.ts";

export type AppDeps = {
  log: Logger;
  metrics: Metrics;
  adminKey: string;
  /** Where the payment pages live: the only foreign origins that a form may lead to. */
  checkoutOrigins: readonly string[];
  health: ReturnType<typeof createHealthRoutes>;
  webhooks: Hono;
  orders: ReturnType<typeof createOrderRoutes>;
  account: ReturnType<typeof createAccountRoutes>;
  admin: ReturnType<typeof createAdminRoutes>;
};

const MAX_BODY_BYTES = 1024 * 1024;

export function createApp(deps: AppDeps): Hono {
  const app = new Hono();
  app.use(requestId());
  app.use(measure(deps.metrics));
  app.use(bodyLimit({ maxSize: MAX_BODY_BYTES }));
  app.route("/", deps.health);
  app.route("/webhooks", deps.webhooks);
  app.use("/api/v1/*", requireBearer(deps.adminKey));
  app.route("/api/v1", deps.admin);
  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'", ...deps.checkoutOrigins],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      referrerPolicy: "same-origin",
    }),
  );
  app.use("/assets/*", serveStatic({ root: new URL("./web", import.meta.url).pathname }));
  app.route("/", deps.orders);
  app.route("/", deps.account);
  app.notFound((c) =>
    c.json(
      { error: { code: "not_found", message: `nothing at ${c.req.path}`, requestId: c.get("requestId") } },
      404,
    ),
  );
  app.onError((error, c) => answerError(c, error, deps.log));
  return app;
}

function measure(metrics: Metrics) {
  return async function measureRequest(
    c: Parameters<typeof routePath>[0],
    next: () => Promise<void>,
  ): Promise<void> {
    const stop = metrics.requests.startTimer();
    await next();
    const status = `${Math.floor(c.res.status / 100)}xx`;
    stop({ method: c.req.method, route: c.res.status === 404 ? "none" : routePath(c), status });
  };
}
