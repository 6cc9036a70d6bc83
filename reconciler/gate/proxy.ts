/** Passes one request on to a cloud and its answer back: streamed, unchanged, and never an answer of our own. */
import {
  Agent as HttpAgent,
  request as requestHttp,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { pipeline } from "node:stream";

export type Ending =
  | { kind: "answered"; status: number; headers: IncomingHttpHeaders }
  /** No answer came: whether the request took effect is unknown. */
  | { kind: "lost"; why: string }
  /** Its client went away first. */
  | { kind: "abandoned" };

export type Upstream = {
  /** `onEnd` is called once, as soon as the answer's head is there or will not come. */
  forward(
    request: IncomingMessage,
    response: ServerResponse,
    target: URL,
    onEnd: (end: Ending) => void,
  ): void;
  /** One request of our own. Never throws. */
  ask(target: URL, headers: Record<string, string>): Promise<Ending>;
  close(): void;
};

/** HTTPS_PROXY and its kin, for networks in which nobody goes out alone. */
export type ProxyEnvironment = Record<string, string>;

/** A cloud that is silent for so long has lost the request. */
const silenceMs = 120_000;
const askMs = 15_000;

/** Source: RFC 9110 section 7.6.1, and what older peers send. `expect` was answered by our own server. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
]);

/** Names and values in turn, as Node has them, without what concerns one connection only. Pure. */
export function keepEndToEnd(raw: readonly string[], connection: string | undefined): string[] {
  const named = (connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const dropped = new Set([...hopByHop, ...named]);
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? "";
    if (!dropped.has(name.toLowerCase())) kept.push(name, raw[at + 1] ?? "");
  }
  return kept;
}

function toUpstreamHeaders(request: IncomingMessage, host: string): string[] {
  const kept = keepEndToEnd(request.rawHeaders, request.headers.connection);
  const headers: string[] = ["Host", host];
  for (let at = 0; at < kept.length; at += 2) {
    const name = kept[at] ?? "";
    if (name.toLowerCase() !== "host") headers.push(name, kept[at + 1] ?? "");
  }
  // A body of unknown length is one on the way out too.
  if (request.headers["transfer-encoding"] !== undefined) headers.push("Transfer-Encoding", "chunked");
  return headers;
}

export function createUpstream(proxyEnv: ProxyEnvironment = {}): Upstream {
  const kept = { keepAlive: true, maxFreeSockets: 8 };
  // What writes gets a connection of its own: on a kept one that the cloud closes just then, it would be lost through us.
  const agents = {
    "http:": { reading: new HttpAgent(kept), writing: new HttpAgent() },
    "https:": { reading: new HttpsAgent({ ...kept, proxyEnv }), writing: new HttpsAgent({ proxyEnv }) },
  };
  const send = (target: URL, options: RequestOptions & { method: string }) => {
    const isTls = target.protocol === "https:";
    const { reading, writing } = agents[isTls ? "https:" : "http:"];
    const agent = isReading(options.method) ? reading : writing;
    return (isTls ? requestHttps : requestHttp)(target, { timeout: silenceMs, ...options, agent });
  };

  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    target: URL,
    onEnd: (end: Ending) => void,
    isSecondTry = false,
  ): void {
    const method = request.method ?? "GET";
    let ended = false;
    const end = (ending: Ending): void => {
      if (!ended) onEnd(ending);
      ended = true;
    };
    const outgoing = send(target, { method, headers: toUpstreamHeaders(request, target.host) });
    const onGone = (): void => {
      if (response.writableFinished) return;
      end({ kind: "abandoned" });
      outgoing.destroy();
    };
    response.once("close", onGone);

    outgoing.once("timeout", () => outgoing.destroy(new Error(`silent for ${silenceMs} ms`)));
    outgoing.once("response", (answer) => {
      end({ kind: "answered", status: answer.statusCode ?? 0, headers: answer.headers });
      response.sendDate = false;
      response.writeHead(
        answer.statusCode ?? 0,
        answer.statusMessage ?? "",
        keepEndToEnd(answer.rawHeaders, answer.headers.connection),
      );
      // A body that breaks off breaks off for the client too: pipeline destroys both sides.
      pipeline(answer, response, () => undefined);
    });
    outgoing.once("error", (error) => {
      if (!ended && !isSecondTry && mayRepeat(request, outgoing.reusedSocket)) {
        ended = true;
        response.off("close", onGone);
        return forward(request, response, target, onEnd, true);
      }
      end({ kind: "lost", why: error.message });
      // As the cloud did to us.
      if (!response.writableFinished) response.destroy();
    });
    if (hasBody(request)) request.pipe(outgoing);
    else outgoing.end();
  }

  return {
    forward,
    ask: (target, headers) =>
      new Promise((resolve) => {
        const outgoing = send(target, { method: "GET", headers, timeout: askMs });
        outgoing.once("timeout", () => outgoing.destroy(new Error(`silent for ${askMs} ms`)));
        outgoing.once("error", (error) => resolve({ kind: "lost", why: error.message }));
        outgoing.once("response", (answer) => {
          answer.resume();
          resolve({ kind: "answered", status: answer.statusCode ?? 0, headers: answer.headers });
        });
        outgoing.end();
      }),
    close() {
      for (const { reading, writing } of Object.values(agents)) {
        reading.destroy();
        writing.destroy();
      }
    },
  };
}

function isReading(method: string): boolean {
  return method === "GET" || method === "HEAD";
}

/** A kept connection that was closed just then never brought the request to anybody, or a reading to no harm. */
function mayRepeat(request: IncomingMessage, reusedSocket: boolean): boolean {
  return reusedSocket && isReading(request.method ?? "GET") && !hasBody(request);
}

function hasBody(request: IncomingMessage): boolean {
  const { "content-length": length, "transfer-encoding": encoding } = request.headers;
  return encoding !== undefined || (length !== undefined && length !== "0");
}
