/** A Stripe of canned answers over HTTP, and our billing in front of it: for tests of what becomes of an answer. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { BillingProvider } from "../../reconciler/billing/provider.ts";
import { createStripeBilling } from "../../reconciler/billing/stripe.ts";

export type Answer = { status?: number; body: unknown };

export type CannedStripe = {
  billing: BillingProvider;
  /** `METHOD /path?query form` of every request, decoded. */
  asked: string[];
  idempotencyKeys: (string | undefined)[];
  answer: (method: string, path: string, query: URLSearchParams) => Answer;
  close(): Promise<void>;
};

/** Knows nothing until `answer` is set. */
export async function startCannedStripe(settings: { automaticTax?: boolean } = {}): Promise<CannedStripe> {
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const url = new URL(request.url ?? "", "http://stripe");
      const { method = "" } = request;
      canned.asked.push(
        decodeURIComponent(`${method} ${url.pathname}${url.search}${body ? ` ${body}` : ""}`),
      );
      canned.idempotencyKeys.push(request.headers["idempotency-key"]?.toString());
      const { status = 200, body: content } = canned.answer(method, url.pathname, url.searchParams);
      // Without this header the SDK would wait and try again.
      response.writeHead(status, { "content-type": "application/json", "stripe-should-retry": "false" });
      response.end(JSON.stringify(content));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const canned: CannedStripe = {
    billing: createStripeBilling({
      secretKey: "sk_test_1",
      ...settings,
      webhookSecrets: [],
      apiUrl: `http://127.0.0.1:${port}`,
    }),
    asked: [],
    idempotencyKeys: [],
    answer: () => ({
      status: 404,
      body: { error: { type: "invalid_request_error", code: "resource_missing" } },
    }),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return canned;
}

export function listOf(data: object[], has_more = false): Answer {
  return { body: { object: "list", data, has_more, url: "/v1/things" } };
}
