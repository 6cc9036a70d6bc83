/** From HTTP to handlers: token, budget, body, errors, headers. */
import { Hono, type Context } from "hono";
import type { SimulatorEnv } from "../kit/simulator.ts";
import { ApiError } from "./errors.ts";
import { drawRequestMs } from "./timing.ts";
import type { Answer, Call, Project, Route, World } from "./world.ts";

export type Account = { project: Project; readOnly: boolean };

export type RouterOptions = {
  world: World;
  routes: Route[];
  /** The project that a token opens. */
  accounts: Map<string, Account>;
};

export const API_PREFIX = "/v1";

export function createRouter(options: RouterOptions): Hono<SimulatorEnv> {
  const app = new Hono<SimulatorEnv>();
  const { world } = options;
  for (const route of options.routes) {
    app.on(route.method, API_PREFIX + route.path, (c) => serve(options, c, route));
  }
  // A known path asked for in another way: first the token is looked at, then the method.
  for (const path of new Set(options.routes.map((route) => route.path))) {
    app.all(API_PREFIX + path, (c) => serve(options, c, undefined));
  }
  app.all("*", () => respond(world, toAnswer(new ApiError("not_found", "api route not found")), undefined));
  return app;
}

async function serve(
  options: RouterOptions,
  c: Context<SimulatorEnv>,
  route: Route | undefined,
): Promise<Response> {
  const { world } = options;
  let project: Project | undefined;
  try {
    const account = authenticate(options.accounts, c.req.header("authorization"));
    project = account.project;
    if (!project.bucket.take()) {
      const message = `limit of ${project.bucket.headers()["RateLimit-Limit"] ?? ""} requests per hour reached`;
      throw new ApiError("rate_limit_exceeded", message);
    }
    if (route === undefined) throw new ApiError("method_not_allowed", "method not allowed");
    if (account.readOnly && route.method !== "GET") {
      throw new ApiError("forbidden", "the token is only allowed to perform GET requests");
    }
    const call = await toCall(world, project, c);
    const waitMs = drawRequestMs(world.timing, `${route.method} ${route.path}`, world.random);
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    world.scheduler.runDue();
    return respond(world, route.handle(call), project);
  } catch (cause) {
    return respond(world, toAnswer(cause), project);
  }
}

function authenticate(accounts: Map<string, Account>, header: string | undefined): Account {
  const [scheme = "", token = ""] = (header ?? "").split(" ");
  if (scheme.toLowerCase() !== "bearer" || token === "")
    throw new ApiError("unauthorized", "token is required");
  const account = accounts.get(token);
  if (account === undefined) throw new ApiError("unauthorized", "the token you have provided is invalid");
  return account;
}

async function toCall(world: World, project: Project, c: Context<SimulatorEnv>): Promise<Call> {
  const url = new URL(c.req.url);
  return {
    world,
    project,
    params: c.req.param(),
    query: url.searchParams,
    body: parseBody(await c.req.text()),
    // The kit gives bindings; a call without HTTP has none.
    fault: (c.env as Partial<SimulatorEnv["Bindings"]> | undefined)?.fault,
    path: url.origin + url.pathname,
  };
}

function parseBody(text: string): unknown {
  if (text.trim() === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiError("json_error", "invalid JSON in request body");
  }
}

/** What is no `ApiError` is a mistake of the simulator: 500, with its own message to find it by. */
function toAnswer(cause: unknown): Answer {
  if (cause instanceof ApiError) return { status: cause.status, body: cause.toBody() };
  const message = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  return { status: 500, body: { error: { code: "server_error", message, details: null } } };
}

function respond(world: World, answer: Answer, project: Project | undefined): Response {
  const headers = {
    ...project?.bucket.headers(),
    ...answer.headers,
    "X-Correlation-Id": world.random.hex(16),
  };
  if (answer.body === undefined) return new Response(null, { status: answer.status, headers });
  return Response.json(answer.body, {
    status: answer.status,
    headers: { ...headers, "Content-Type": "application/json" },
  });
}
