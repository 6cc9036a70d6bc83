#!/run/sandbox/node
/** Caddy: HTTPS sites with a given certificate that pass on to one upstream. `run` and `reload`, from a Caddyfile. */
import { readFileSync } from "node:fs";
import {
  createServer as createHttpServer,
  request,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer, type Server } from "node:https";
import { createSecureContext, type SecureContext } from "node:tls";
import type { Duplex } from "node:stream";
import { parseArgs } from "node:util";
import { parseCaddyfile, type Directive } from "./caddyfile.ts";

type Site = { host: string; context: SecureContext; upstream: { host: string; port: number } };

const adminPort = 2019;

/** @throws with what Caddy would complain about. */
function readSites(path: string): Map<string, Site> {
  const sites = new Map<string, Site>();
  for (const { words, block } of parseCaddyfile(readFileSync(path, "utf8"))) {
    // `https://one.example, https://two.example {` is one site under two names.
    const addresses = words.map((word) => word.replace(/,$/, ""));
    // Global options have none, and Debian's own page is on port 80.
    for (const address of addresses.filter((one) => !one.startsWith(":"))) {
      const site = readSite(address, block);
      sites.set(site.host, site);
    }
  }
  return sites;
}

/** What a light machine has no part for: headers, pages, who may come. */
const ignored: ReadonlySet<string> = new Set(["header", "handle_errors"]);

function readSite(address: string, block: readonly Directive[]): Site {
  const host = /^https:\/\/([a-z0-9.-]+)$/.exec(address)?.[1];
  if (host === undefined) throw new Error(`cannot serve ${address}`);
  let context: SecureContext | undefined;
  let upstream: Site["upstream"] | undefined;
  const read = (directives: readonly Directive[]): void => {
    for (const { words, block: inner } of directives) {
      const [directive = "", ...args] = words;
      if (directive === "tls") {
        const [certificate = "", key = ""] = args;
        context = createSecureContext({ cert: readFileSync(certificate), key: readFileSync(key) });
      } else if (directive === "reverse_proxy") {
        const [name = "", port = ""] = (args[0] ?? "").split(":");
        upstream = { host: name, port: Number(port) };
      } else if (directive === "handle") {
        if (args.length === 0) read(inner);
      } else if (!ignored.has(directive)) throw new Error(`unrecognized directive: ${directive}`);
    }
  };
  read(block);
  if (!context) throw new Error(`${address} has no certificate of its own, and there is no ACME here`);
  if (!upstream) throw new Error(`${address} leads nowhere`);
  return { host, context, upstream };
}

function forwardedHeaders(incoming: IncomingMessage): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(incoming.headers))
    if (value !== undefined) headers[name] = value;
  // A client's own claims are overwritten: no proxy before this one is trusted.
  headers["x-forwarded-for"] = incoming.socket.remoteAddress === "127.0.0.1" ? "192.0.2.1" : "192.0.2.2";
  headers["x-forwarded-proto"] = "https";
  headers["x-forwarded-host"] = incoming.headers.host ?? "";
  return headers;
}

function passOn(site: Site | undefined, incoming: IncomingMessage, outgoing: ServerResponse): void {
  if (!site) {
    outgoing.writeHead(200).end();
    return;
  }
  const { method, url } = incoming;
  const upstream = request(
    { ...site.upstream, method, path: url, headers: forwardedHeaders(incoming) },
    (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    },
  );
  upstream.on("error", () => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502).end();
  });
  incoming.pipe(upstream);
}

function upgrade(site: Site | undefined, incoming: IncomingMessage, socket: Duplex, head: Buffer): void {
  if (!site) {
    socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
    return;
  }
  const upstream = request({ ...site.upstream, path: incoming.url, headers: forwardedHeaders(incoming) });
  upstream.on("error", () => socket.destroy());
  upstream.on("response", (answer) => socket.end(`HTTP/1.1 ${answer.statusCode} \r\n\r\n`));
  upstream.on("upgrade", (answer, other, otherHead) => {
    const lines = Object.entries(answer.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("")}\r\n`);
    socket.write(otherHead);
    other.write(head);
    other.pipe(socket).pipe(other);
    other.on("error", () => socket.destroy());
    socket.on("error", () => other.destroy());
  });
  upstream.end();
}

async function run(path: string): Promise<void> {
  let sites = readSites(path);
  const siteOf = (incoming: IncomingMessage) => sites.get((incoming.headers.host ?? "").replace(/:\d+$/, ""));
  const sniCallback = (name: string, done: (error: Error | null, context?: SecureContext) => void) => {
    const site = sites.get(name);
    if (site) done(null, site.context);
    else done(new Error(`no certificate for ${name}`));
  };
  const server: Server = createHttpsServer({ SNICallback: sniCallback }, (incoming, outgoing) =>
    passOn(siteOf(incoming), incoming, outgoing),
  );
  server.on("upgrade", (incoming, socket: Duplex, head: Buffer) =>
    upgrade(siteOf(incoming), incoming, socket, head),
  );
  server.on("tlsClientError", () => undefined);
  // With no HTTPS site it does not open 443, as the real one.
  const openIfNeeded = () => {
    if (sites.size > 0 && !server.listening) server.listen(443, "0.0.0.0");
  };
  const admin = createHttpServer((_incoming, outgoing) => {
    try {
      sites = readSites(path);
      openIfNeeded();
      outgoing.writeHead(200).end();
    } catch (error) {
      outgoing.writeHead(400).end(error instanceof Error ? error.message : String(error));
    }
  });
  admin.listen(adminPort, "127.0.0.1");
  openIfNeeded();
  process.once("SIGTERM", () => process.exit(0));
}

async function reload(): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/load`, { method: "POST" });
  if (!answer.ok) throw new Error(await answer.text());
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    config: { type: "string" },
    environ: { type: "boolean" },
    force: { type: "boolean" },
    adapter: { type: "string" },
  },
});
try {
  const config = values.config ?? "/etc/caddy/Caddyfile";
  if (positionals[0] === "run") await run(config);
  else if (positionals[0] === "reload") await reload();
  else if (positionals[0] === "validate") readSites(config);
  else throw new Error(`unknown command ${positionals[0] ?? ""}`);
} catch (error) {
  process.stderr.write(`Error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
