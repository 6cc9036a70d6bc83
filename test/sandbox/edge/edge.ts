/** The proxy in front of customers' names: finds the origin in the simulated DNS and trusts only the simulated Origin CA. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { randomBytes } from "node:crypto";
import type { DnsRecord } from "../cloudflare/model.ts";

export type EdgeOptions = {
  /** Records of a full name, as the zone has them now. */
  lookUp: (name: string) => readonly DnsRecord[];
  /** PEM of the authority that signs origin certificates. */
  originCaRoot: string;
  /** Port on which origins take HTTPS. */
  originPort: number;
  /** PEM of what is shown to origins (authenticated origin pulls). */
  client?: { certificate: string; key: string };
  /** Address of this host from which origins are asked. */
  localAddress?: string;
  port?: number;
};

export type Edge = { origin: string; port: number; close(): Promise<void> };

/** Cloudflare's own error pages, by what went wrong on the way to the origin. */
const problems = {
  1016: { status: 530, text: "Origin DNS error" },
  521: { status: 521, text: "Web server is down" },
  522: { status: 522, text: "Connection timed out" },
  525: { status: 525, text: "SSL handshake failed" },
  526: { status: 526, text: "Invalid SSL certificate" },
} as const;
type Problem = keyof typeof problems;

const connectTimeoutMs = 5000;

/** Speaks plain HTTP to the visitor, TLS with full verification to the origin ("Full (strict)"). */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  const server = createServer((incoming, outgoing) => forward(options, incoming, outgoing));
  server.on("upgrade", (incoming, socket, head) => {
    const target = originOf(options, incoming);
    if (!target) return socket.end("HTTP/1.1 530 Origin DNS error\r\n\r\n");
    const upstream = httpsRequest(requestOptions(options, incoming, target));
    upstream.on("upgrade", (answer, upstreamSocket, upstreamHead) => {
      const headers = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}`);
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers.join("\r\n")}\r\n\r\n`);
      socket.write(upstreamHead);
      upstreamSocket.write(head);
      upstreamSocket.pipe(socket).pipe(upstreamSocket);
      upstreamSocket.on("error", () => socket.destroy());
      socket.on("error", () => upstreamSocket.destroy());
    });
    upstream.on("error", () => socket.destroy());
    upstream.end();
    return undefined;
  });
  await listen(server, options.port ?? 0);
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function forward(options: EdgeOptions, incoming: IncomingMessage, outgoing: ServerResponse): void {
  const target = originOf(options, incoming);
  if (!target) return answerProblem(outgoing, 1016);
  const upstream = httpsRequest(requestOptions(options, incoming, target), (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, {
      ...answer.headers,
      "cf-ray": randomBytes(8).toString("hex"),
    });
    answer.pipe(outgoing);
  });
  upstream.setTimeout(connectTimeoutMs * 12, () =>
    upstream.destroy(Object.assign(new Error("timeout"), { code: "ETIMEDOUT" })),
  );
  upstream.on("error", (error) => {
    if (outgoing.headersSent) outgoing.destroy();
    else answerProblem(outgoing, toProblem(error));
  });
  incoming.pipe(upstream);
}

type Target = { name: string; address: string };

/** Several A records share the traffic, as in real DNS. */
function originOf(options: EdgeOptions, incoming: IncomingMessage): Target | undefined {
  const name = (incoming.headers.host ?? "").replace(/:\d+$/, "").toLowerCase();
  const addresses = options.lookUp(name).filter((record) => record.type === "A" && record.proxied);
  const chosen = addresses[Math.floor(Math.random() * addresses.length)];
  return chosen && { name, address: chosen.content };
}

function requestOptions(options: EdgeOptions, incoming: IncomingMessage, { name, address }: Target) {
  const visitor = incoming.socket.remoteAddress ?? "127.0.0.1";
  // A visitor on loopback would be taken for the proxy itself behind the gateway.
  const client = visitor.startsWith("127.") || visitor === "::1" ? "203.0.113.10" : visitor;
  return {
    host: address,
    port: options.originPort,
    servername: name,
    ca: options.originCaRoot,
    ...(options.client ? { cert: options.client.certificate, key: options.client.key } : {}),
    ...(options.localAddress === undefined ? {} : { localAddress: options.localAddress }),
    method: incoming.method,
    path: incoming.url,
    headers: {
      ...incoming.headers,
      host: name,
      "x-forwarded-for": client,
      "x-forwarded-proto": "https",
      "cf-connecting-ip": client,
    },
    agent: false as const,
  };
}

function toProblem(error: Error): Problem {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ECONNREFUSED" || code === "ECONNRESET") return 521;
  if (code === "ETIMEDOUT") return 522;
  if (/CERT|SELF_SIGNED|UNABLE_TO_VERIFY|ALTNAME|ISSUER/.test(code)) return 526;
  return 525;
}

function answerProblem(outgoing: ServerResponse, problem: Problem): void {
  const { status, text } = problems[problem];
  outgoing.writeHead(status, { "content-type": "text/plain" });
  outgoing.end(`error ${problem}: ${text}\n`);
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
}
