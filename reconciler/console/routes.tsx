/** The console under /console: pages for operators. What it orders goes the way that the API's orders go. */
import { Hono } from "hono";
import { serveStatic } from "@hono/node-server/serve-static";
import { secureHeaders } from "hono/secure-headers";
import type { Logger } from "pino";
import type { Sql } from "postgres";
import { permanent } from "../errors.ts";
import type { OperationWatch } from "../operations/watch.ts";
import type { ApiKeys } from "../operators/api-keys.ts";
import { refuseForeign } from "../routes/browser-session.ts";
import { toErrorAnswer } from "../routes/errors.ts";
import type { RateRules } from "../routes/rate-limit.ts";
import type { ActionOperators } from "./actions.ts";
import { createFleetRoutes } from "./fleet-routes.tsx";
import { createInstanceRoutes } from "./instance-routes.tsx";
import { createOverviewRoutes, type OverviewRouteDeps } from "./overview-routes.tsx";
import {
  auditForms,
  foreignForm,
  requireCsrf,
  requireSession,
  sessionCookie,
  type ConsoleEnv,
  type VisitorEnv,
} from "./guard.ts";
import { createSessions } from "./sessions.ts";
import { createSignInRoutes } from "./sign-in.tsx";
import { TroublePage } from "./trouble-page.tsx";

export type ConsoleDeps = {
  sql: Sql;
  clock: { now(): Date };
  log: Logger;
  keys: ApiKeys;
  watch: OperationWatch;
  /** Of each operator, in this process. */
  rate: RateRules;
  operators: ActionOperators & OverviewRouteDeps["operators"];
};

export function createConsole(deps: ConsoleDeps) {
  const sessions = createSessions(deps);
  const guard = { ...deps, sessions };
  const signedIn = new Hono<ConsoleEnv>()
    .use(requireSession(guard), auditForms(guard), refuseForeign(foreignForm), requireCsrf())
    .post("/sign-out", async (c) => {
      await sessions.end(c.get("sessionToken"));
      sessionCookie.drop(c);
      return c.redirect("/console/sign-in", 303);
    })
    .route("/", createFleetRoutes(deps))
    .route("/", createInstanceRoutes({ ...deps, sessions }))
    .route("/", createOverviewRoutes(deps))
    .all("*", (c) => {
      throw permanent("not_found", `there is no page ${c.req.path}`);
    });
  return new Hono<VisitorEnv>()
    .use(secureHeaders(headers))
    .use("/assets/*", serveStatic({ root: new URL(".", import.meta.url).pathname, rewriteRequestPath }))
    .use(async (c, next) => {
      await next();
      if (!c.req.path.startsWith("/console/assets/")) c.header("cache-control", "no-store");
    })
    .route("/", createSignInRoutes({ ...deps, sessions }))
    .route("/", signedIn)
    .onError(async (error, c) => {
      const { status, body } = toErrorAnswer(error, c.get("requestId"), deps.log);
      const { message, remedy, requestId } = body.error;
      const title = status === 404 ? "Not found" : status >= 500 ? "Something went wrong" : "Not done";
      const trouble = { title, message, remedy, requestId, back: toParent(c.req.path) };
      return await c.html(<TroublePage viewer={c.get("viewer")} trouble={trouble} />, status);
    });
}

const rewriteRequestPath = (path: string) => path.replace(/^\/console/, "");

/** Of an order: the page that it was given on. */
function toParent(path: string): string {
  return /^\/console\/(?:instances\/[a-z0-9-]+|drift|queue)/.exec(path)?.[0] ?? "/console";
}

/** Nothing from elsewhere, nothing inline, in nobody's frame, and forms lead to us alone. */
const headers = {
  contentSecurityPolicy: {
    defaultSrc: ["'none'"],
    styleSrc: ["'self'"],
    scriptSrc: ["'self'"],
    connectSrc: ["'self'"],
    imgSrc: ["'self'"],
    formAction: ["'self'"],
    frameAncestors: ["'none'"],
    baseUri: ["'none'"],
  },
  referrerPolicy: "same-origin",
  xFrameOptions: "DENY",
};
