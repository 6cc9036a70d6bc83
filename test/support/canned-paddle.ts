/** A Paddle of canned answers over HTTP, and our billing in front of it: for tests of what becomes of an answer. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createPaddleBilling } from "../../reconciler/billing/paddle.ts";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";

export type CannedAnswer = { status?: number; body: unknown; headers?: Record<string, string> };

export type CannedPaddle = {
  origin: string;
  billing: BillingProvider;
  /** `METHOD /path?query body` of every request, decoded. */
  asked: string[];
  /** Milliseconds of every wait that was asked for; none really passes. */
  waits: number[];
  answer: (method: string, path: string, query: URLSearchParams) => CannedAnswer | "drop";
  close(): Promise<void>;
};

/** Has empty lists until `answer` is set. */
export async function startCannedPaddle(): Promise<CannedPaddle> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const url = new URL(request.url ?? "", "http://paddle");
      const { method = "" } = request;
      canned.asked.push(
        decodeURIComponent(`${method} ${url.pathname}${url.search}${body ? ` ${body}` : ""}`),
      );
      const said = canned.answer(method, url.pathname, url.searchParams);
      if (said === "drop") return void request.socket.destroy();
      response.writeHead(said.status ?? 200, { "content-type": "application/json", ...said.headers });
      response.end(typeof said.body === "string" ? said.body : JSON.stringify(said.body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const waits: number[] = [];
  const canned: CannedPaddle = {
    origin,
    billing: createPaddleBilling({
      apiKey: "pdl_sdbx_apikey_1",
      webhookSecrets: ["pdl_ntfset_1"],
      apiUrl: origin,
      checkoutUrl: "https://pay.example.com/checkout?theme=dark",
      fetch,
      clock: { now: () => new Date() },
      wait: async (ms) => waits.push(ms),
    }),
    asked: [],
    waits,
    answer: () => pageOf([]),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return canned;
}

/** A page of a list; `next` is the cursor of the one after it. */
export function pageOf(data: object[], next?: string): CannedAnswer {
  const address = `https://api.paddle.com/things?after=${next ?? "end"}`;
  const pagination = { per_page: 200, next: address, has_more: next !== undefined, estimated_total: 1 };
  return { body: { data, meta: { request_id: "req_1", pagination } } };
}
