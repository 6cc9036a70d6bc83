/** The OpenClaw gateway's outside: the health paths, the token, the proxies, a reply. Behaviour as measured in openclaw.md. */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, watch } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { basename, dirname } from "node:path";
import { hostname } from "node:os";
import { text } from "node:stream/consumers";
import { parseGatewayConfig, type GatewayConfig } from "./gateway-config.ts";

/** Exit codes: 78 is configuration, which systemd does not restart; 1 is everything else. */
const badConfig = 78;
const startupMs = 300;
const wrongTokensAllowed = 10;

type Gateway = {
  version: string;
  config: GatewayConfig;
  token: string;
  startedAt: number;
  phase: "starting" | "started" | "draining";
  wrongTokens: Map<string, number>;
};

export async function runGateway(version: string, scriptsRan: boolean): Promise<void> {
  const [verb, ...rest] = process.argv.slice(2);
  if (verb === "--version") {
    process.stdout.write(`${version}\n`);
    return;
  }
  if (verb === "dashboard") return dashboard();
  if (verb === "config" && rest[0] === "validate") return validate();
  if (verb !== "gateway" || rest[0] !== "run") stop(1, `unknown command ${verb ?? ""}`);
  if (!scriptsRan) stop(1, "openclaw was installed without its install scripts");
  const path = process.env["OPENCLAW_CONFIG_PATH"] ?? `${process.env["HOME"]}/.openclaw/openclaw.json`;
  const gateway = start(version, path);
  const addresses = bindAddresses(gateway.config);
  const { port = 18_789 } = gateway.config.gateway ?? {};
  const servers = addresses.map((address) => listen(gateway, address, port));
  watch(dirname(path), (_event, name) => {
    if (name === basename(path)) reload(gateway, path, servers);
  });
  setTimeout(() => (gateway.phase = "started"), startupMs);
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      gateway.phase = "draining";
      for (const server of servers) server.close();
      setTimeout(() => process.exit(0), 100);
    });
  }
}

/** The address is loopback's, whatever the configuration says. */
function dashboard(): void {
  const fragment = new URLSearchParams({
    bootstrapToken: randomBytes(32).toString("base64url"),
    bootstrapProfile: "owner",
    gatewayUrl: "ws://127.0.0.1:18789",
  });
  process.stdout.write(
    `${JSON.stringify({ browserUrl: `http://127.0.0.1:18789/#${fragment.toString()}` })}\n`,
  );
}

/** Values and keys only; whether a named secret is there it does not look. */
function validate(): void {
  const path = process.env["OPENCLAW_CONFIG_PATH"] ?? "";
  try {
    parseGatewayConfig(readFileSync(path, "utf8"));
    process.stdout.write(`${JSON.stringify({ valid: true, path, warnings: [] })}\n`);
  } catch (error) {
    stop(1, error instanceof Error ? error.message : String(error));
  }
}

function stop(code: number, reason: string): never {
  process.stderr.write(`${reason}\n`);
  process.exit(code);
}

function start(version: string, path: string): Gateway {
  let config: GatewayConfig;
  try {
    config = parseGatewayConfig(readFileSync(path, "utf8"));
  } catch (error) {
    return stop(badConfig, error instanceof Error ? error.message : String(error));
  }
  if (config.gateway?.mode === undefined)
    stop(badConfig, "Gateway start blocked: existing config is missing gateway.mode");
  if (config.gateway.bind === "lan" && (config.gateway.auth?.mode ?? "none") === "none")
    stop(badConfig, "Refusing to bind gateway to lan without auth.");
  const state = process.env["OPENCLAW_STATE_DIR"] ?? `${process.env["HOME"]}/.openclaw`;
  try {
    mkdirSync(state, { recursive: true });
    mkdirSync(config.agents?.defaults?.workspace ?? `${state}/workspace`, { recursive: true });
  } catch (error) {
    stop(1, error instanceof Error ? error.message : String(error));
  }
  return {
    version,
    config,
    token: resolveToken(config),
    startedAt: Date.now(),
    phase: "starting",
    wrongTokens: new Map(),
  };
}

/** A named secret that is missing stops the start; a literal is taken as it is. */
function resolveToken(config: GatewayConfig): string {
  const token = config.gateway?.auth?.token;
  if (typeof token === "string") return token;
  const value = token?.source === "env" ? process.env[token.id] : undefined;
  return value === undefined || value === "" ? stop(1, "required secrets are unavailable") : value;
}

function bindAddresses(config: GatewayConfig): string[] {
  const { bind, customBindHost } = config.gateway ?? {};
  if (bind === "lan") return ["0.0.0.0"];
  return bind === "custom" && customBindHost !== undefined ? [customBindHost, "127.0.0.1"] : ["127.0.0.1"];
}

function listen(gateway: Gateway, address: string, port: number): Server {
  const server = createServer((incoming, outgoing) => {
    answer(gateway, incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.once("error", (error) => stop(1, error.message));
  server.listen(port, address, () => process.stdout.write(`listening on ${address}:${port}\n`));
  return server;
}

/** Most keys apply at once; a changed address leaves the process alive without a listener, as measured. */
function reload(gateway: Gateway, path: string, servers: Server[]): void {
  let config: GatewayConfig;
  try {
    config = parseGatewayConfig(readFileSync(path, "utf8"));
  } catch (error) {
    process.stderr.write(`config hot reload refused: ${error instanceof Error ? error.message : ""}\n`);
    return;
  }
  const rebound =
    JSON.stringify(bindAddresses(config)) !== JSON.stringify(bindAddresses(gateway.config)) ||
    config.gateway?.port !== gateway.config.gateway?.port;
  gateway.config = config;
  if (!rebound) return void process.stdout.write("config hot reload applied\n");
  for (const server of servers) server.close();
  process.stderr.write("Process will stay alive; fix the issue and restart\n");
}

async function answer(gateway: Gateway, incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
  const send = (status: number, body: unknown, headers: Record<string, string> = {}) => {
    outgoing.writeHead(status, { "content-type": "application/json", ...headers });
    outgoing.end(JSON.stringify(body));
  };
  const path = new URL(incoming.url ?? "/", "http://gateway").pathname;
  const body = await text(incoming);
  if (path === "/healthz" || path === "/health") return send(200, { ok: true, status: "live" });
  if (!isAttributed(gateway, incoming)) {
    return send(403, {
      error: { message: "proxy attribution required", type: "proxy_attribution_required" },
    });
  }
  if (path === "/startupz" || path === "/startup") {
    const ok = gateway.phase === "started";
    const details = { version: gateway.version, uptimeMs: Date.now() - gateway.startedAt };
    const known = incoming.headers.authorization === `Bearer ${gateway.token}`;
    return send(ok ? 200 : 503, { ok, status: gateway.phase, ...(known ? details : {}) });
  }
  if (path === "/readyz" || path === "/ready") {
    const ready = gateway.phase === "started";
    return send(ready ? 200 : 503, ready ? { ready } : { ready, failing: [`gateway-${gateway.phase}`] });
  }
  if (path === "/v1/models" || path === "/v1/chat/completions")
    return answerApi(gateway, incoming, path, body, send);
  outgoing.writeHead(200, { "content-type": "text/html" });
  outgoing.end("<!doctype html><title>OpenClaw Control</title><p>OpenClaw Control</p>");
}

type Send = (status: number, body: unknown, headers?: Record<string, string>) => void;

function answerApi(
  gateway: Gateway,
  incoming: IncomingMessage,
  path: string,
  body: string,
  send: Send,
): void {
  if (!gateway.config.gateway?.http?.endpoints?.chatCompletions?.enabled)
    return send(404, { error: "Not Found" });
  if (gateway.phase !== "started") {
    return send(503, {
      error: { message: "Gateway is temporarily unavailable while suspending or restarting" },
    });
  }
  const client = clientOf(incoming);
  const wrong = gateway.wrongTokens.get(client) ?? 0;
  if (wrong >= wrongTokensAllowed) {
    return send(
      429,
      { error: { message: "Too many attempts", type: "rate_limited" } },
      { "retry-after": "300" },
    );
  }
  const given = incoming.headers.authorization;
  if (given !== `Bearer ${gateway.token}`) {
    if (given !== undefined) gateway.wrongTokens.set(client, wrong + 1);
    return send(401, { error: { message: "Unauthorized", type: "unauthorized" } });
  }
  if (path === "/v1/models") {
    const data = ["openclaw", "openclaw/default", "openclaw/main"].map((id) => ({ id, object: "model" }));
    return send(200, { object: "list", data });
  }
  return chat(gateway, body, send);
}

function chat(gateway: Gateway, body: string, send: Send): void {
  let said: string;
  try {
    const { messages } = JSON.parse(body) as { messages: { content: string }[] };
    said = messages.at(-1)?.content ?? "";
  } catch {
    return send(400, { error: { message: "Invalid JSON", type: "invalid_request_error" } });
  }
  const model = gateway.config.agents?.defaults?.model?.primary ?? "none";
  const provider = model.split("/")[0] ?? "";
  if (!process.env[`${provider.toUpperCase()}_API_KEY`]) {
    const message = `No API key found for provider "${provider}".`;
    return send(401, { error: { message, code: "missing-provider-auth" } });
  }
  const content = `I am the assistant on ${hostname()}, thinking with ${model}. You said: ${said}`;
  return send(200, {
    id: `chatcmpl_${Date.now().toString(16)}`,
    object: "chat.completion",
    model: "openclaw",
    choices: [{ index: 0, message: { role: "assistant", content }, finish_reason: "stop" }],
  });
}

function clientOf(incoming: IncomingMessage): string {
  return String(incoming.headers["x-forwarded-for"] ?? incoming.socket.remoteAddress ?? "");
}

/** A listed proxy must name a client that is not loopback; nobody else may name one at all. */
function isAttributed(gateway: Gateway, incoming: IncomingMessage): boolean {
  const from = (incoming.socket.remoteAddress ?? "").replace(/^::ffff:/, "");
  const claims = Object.keys(incoming.headers).some((name) => name.startsWith("x-forwarded-"));
  const proxies = gateway.config.gateway?.trustedProxies ?? [];
  if (!proxies.includes(from)) return !claims;
  const client = String(incoming.headers["x-forwarded-for"] ?? "");
  return client !== "" && !client.startsWith("127.") && client !== "::1";
}
