/** The HTTP side that every simulated cloud shares: listening, faults, the record of what was asked. */
import type { AddressInfo } from "node:net";
import type { Server } from "node:http";
import { serve, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { Hono } from "hono";
import { createFaultPlan, type Fault, type FaultEffect, type FaultPlan } from "./faults.ts";

/** One request and its answer, bodies parsed when they are JSON, else text. */
export type Exchange = {
  method: string;
  /** Path without query, as the simulator sees it (with its prefix, e.g. `/v1/servers/7`). */
  path: string;
  query: string;
  requestBody: unknown;
  status: number;
  responseBody: unknown;
  at: Date;
};

/** Told of every answer; the tests compare it with the official OpenAPI document. */
export type ExchangeCheck = (exchange: Exchange) => void;

/** `c.env.fault` is the `named` effect that hits this request, if any. */
export type SimulatorEnv = { Bindings: HttpBindings & { fault?: FaultEffect } };

export type Simulator = {
  name: string;
  /** `http://127.0.0.1:<port>`, without a path. */
  origin: string;
  port: number;
  faults: FaultPlan;
  /** Oldest first, at most the last `maxExchanges`. */
  exchanges: readonly Exchange[];
  close(): Promise<void>;
};

export type SimulatorOptions = {
  name: string;
  /** The API itself. */
  app: Hono<SimulatorEnv>;
  /** 0 (default) takes a free port. */
  port?: number;
  host?: string;
  faults?: FaultPlan;
  check?: ExchangeCheck | undefined;
  /** How many exchanges are kept with their bodies. Default 10,000; fewer where lists are long. */
  maxExchanges?: number | undefined;
};

const MAX_EXCHANGES = 10_000;

/** Serves `app` with the control routes `/_sandbox/faults` and `/_sandbox/requests` beside it. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const faults = options.faults ?? createFaultPlan();
  const exchanges: Exchange[] = [];
  const outer = new Hono<SimulatorEnv>();

  outer.post("/_sandbox/faults", async (c) => {
    faults.add(...(await c.req.json<Fault[]>()));
    return c.json({ pending: faults.pending() });
  });
  outer.delete("/_sandbox/faults", (c) => {
    faults.clear();
    return c.json({ pending: 0 });
  });
  outer.get("/_sandbox/requests", (c) =>
    c.json(exchanges.map((e) => `${e.method} ${e.path}${e.query} -> ${e.status}`)),
  );

  outer.all("*", async (c) => {
    const url = new URL(c.req.url);
    const effect = faults.take(c.req.method, url.pathname + url.search);
    if (effect?.kind === "drop-before") return dropConnection(c.env);
    if (effect?.kind === "delay") await new Promise((resolve) => setTimeout(resolve, effect.ms));
    const requestText = await c.req.raw.clone().text();
    const response =
      effect?.kind === "answer"
        ? toResponse(effect)
        : await options.app.fetch(c.req.raw, effect ? { ...c.env, fault: effect } : c.env);
    const sent = effect?.kind === "answer-after" ? toResponse(effect) : response;
    const exchange: Exchange = {
      method: c.req.method,
      path: url.pathname,
      query: url.search,
      requestBody: parseBody(requestText),
      status: sent.status,
      responseBody: isStream(sent) ? undefined : parseBody(await sent.clone().text()),
      at: new Date(),
    };
    exchanges.push(exchange);
    if (exchanges.length > (options.maxExchanges ?? MAX_EXCHANGES)) exchanges.shift();
    if (effect === undefined || effect.kind === "delay" || effect.kind === "named") options.check?.(exchange);
    if (effect?.kind === "hold-after") await new Promise((resolve) => setTimeout(resolve, effect.ms).unref());
    return effect?.kind === "drop-after" ? dropConnection(c.env) : sent;
  });

  const server = await listen(outer, options.host ?? "127.0.0.1", options.port ?? 0);
  const port = (server.address() as AddressInfo).port;
  return {
    name: options.name,
    origin: `http://${options.host ?? "127.0.0.1"}:${port}`,
    port,
    faults,
    exchanges,
    close: () => closeServer(server),
  };
}

function toResponse(effect: { status: number; body: unknown; headers?: Record<string, string> }): Response {
  return Response.json(effect.body, { status: effect.status, headers: effect.headers ?? {} });
}

function dropConnection(env: HttpBindings): Response {
  env.incoming.socket.destroy();
  return RESPONSE_ALREADY_SENT;
}

function isStream(response: Response): boolean {
  return (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
}

function parseBody(text: string): unknown {
  if (text === "") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function listen(app: Hono<SimulatorEnv>, hostname: string, port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = serve({ fetch: app.fetch, hostname, port }, () => resolve(server)) as Server;
    server.once("error", reject);
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
