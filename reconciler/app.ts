/** The HTTP surface put together: customers' pages, billing webhooks, operators' API and console, health. */
import { SpanKind } from "@opentelemetry/api";
import { Hono, type Context } from "hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { bodyLimit } from "hono/body-limit";
import { requestId } from "hono/request-id";
import { secureHeaders } from "hono/secure-headers";
import { routePath } from "hono/route";
import type { Logger } from "pino";
import { ClawfleetError } from "./errors.ts";
import type { OperatorEnv } from "./routes/access.ts";
import { audit, idempotent, identify, type GuardDeps } from "./routes/guard.ts";
import { toOpenApi } from "./routes/openapi.ts";
import { createReferenceRoutes } from "./routes/reference.tsx";
import { answerError } from "./routes/errors.ts";
import type { createAccountRoutes } from "./routes/account.tsx";
import type { createConsole } from "./console/routes.tsx";
import type { createAdminRoutes } from "./routes/admin.ts";
import type { createHealthRoutes } from "./routes/health.ts";
import type { createOrderRoutes } from "./routes/orders.tsx";
import { withSpan } from "./tracing.ts";
import type { Metrics } from "./metrics.ts";

export type AppDeps = {
  log: Logger;
  metrics: Metrics;
  guard: GuardDeps;
  /** Where the payment pages live: the only foreign origins that a form may lead to. */
  checkoutOrigins: readonly string[];
  health: ReturnType<typeof createHealthRoutes>;
  webhooks: Hono;
  orders: ReturnType<typeof createOrderRoutes>;
  account: ReturnType<typeof createAccountRoutes>;
  admin: ReturnType<typeof createAdminRoutes>;
  console: ReturnType<typeof createConsole>;
};

/** Of the API: raised when something that a client may rely on goes away. */
const apiVersion = "1.0.0";
const MAX_BODY_BYTES = 1024 * 1024;
/** A plan holds every file that a change touches. */
const MAX_CHANGE_BYTES = 26 * 1024 * 1024;
/** Looks at the signature before it reads, and stops by itself. */
const boundsItself = /^\/webhooks\/github$/;

export function createApp(deps: AppDeps): Hono {
  const app = new Hono();
  app.use(requestId());
  app.use((c, next) => traceRequest(c, next));
  app.use(measure(deps.metrics));
  app.use((c, next) => limitBody(c, next));
  app.route("/", deps.health);
  app.route("/webhooks", deps.webhooks);
  const document = toOpenApi(deps.admin, { version: apiVersion });
  app.get("/api/v1/openapi.json", (c) => c.json(document));
  app.route("/api/v1", createGuardedApi(deps));
  app.route("/console", deps.console);
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
  app.route("/", createReferenceRoutes(document));
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

async function limitBody(c: Context, next: () => Promise<void>): Promise<Response | void> {
  if (boundsItself.test(c.req.path)) return await next();
  const maxSize = c.req.path === "/api/v1/plans" ? MAX_CHANGE_BYTES : MAX_BODY_BYTES;
  const onError = () => {
    throw tooLarge();
  };
  return await bodyLimit({ maxSize, onError })(c, next);
}

function tooLarge(): ClawfleetError {
  const message = "the body is larger than anything that is asked for here";
  return new ClawfleetError({ code: "too_large", message, retry: { kind: "permanent" } });
}

function createGuardedApi({ admin, guard }: AppDeps): Hono<OperatorEnv> {
  return new Hono<OperatorEnv>().use(identify(guard), audit(guard), idempotent(guard)).route("/", admin);
}

const untraced = /^\/(assets|healthz|readyz|metrics)(\/|$)/;

/** Only who has a key may hang a request under a trace of their own. */
async function traceRequest(c: Context, next: () => Promise<void>): Promise<void> {
  if (untraced.test(c.req.path)) return await next();
  const parent = c.req.path.startsWith("/api/") ? c.req.header("traceparent") : undefined;
  const attributes = { "http.request.method": c.req.method, "clawfleet.request": c.get("requestId") };
  return await withSpan(c.req.method, { kind: SpanKind.SERVER, parent, attributes }, async (span) => {
    await next();
    const route = c.res.status === 404 ? "none" : routePath(c);
    span.name(`${c.req.method} ${route}`);
    span.set({ "http.route": route, "http.response.status_code": c.res.status });
    if (c.res.status >= 500) span.fail(String(c.res.status));
  });
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
