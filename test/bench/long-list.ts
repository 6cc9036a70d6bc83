/** A Stripe that only lists subscriptions, as many as it is told: no page of it exists before it is asked for. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type LongList = { origin: string; close(): Promise<void> };

export async function startLongList(
  size: number,
  statusOf: (index: number) => { status: string; endedAt: Date | null },
): Promise<LongList> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://stripe");
    const after = searchParams.get("starting_after");
    const first = after === null ? 0 : Number(after.slice("sub_".length)) + 1;
    const limit = Number(searchParams.get("limit") ?? 10);
    const count = Math.max(0, Math.min(limit, size - first));
    const data = Array.from({ length: count }, (_, offset) => toSubscription(first + offset, statusOf));
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ object: "list", data, has_more: first + count < size, url: "/v1/subscriptions" }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function toSubscription(
  index: number,
  statusOf: (index: number) => { status: string; endedAt: Date | null },
): object {
  const { status, endedAt } = statusOf(index);
  const price = { id: "price_1", object: "price", lookup_key: "starter-monthly" };
  return {
    id: `sub_${index}`,
    object: "subscription",
    customer: { id: `cus_${index}`, object: "customer", email: `c${index}@example.com` },
    status,
    created: 1_760_000_000 - index,
    cancel_at: null,
    ended_at: endedAt === null ? null : Math.floor(endedAt.getTime() / 1000),
    trial_end: null,
    metadata: { slug: `c${index}` },
    items: { object: "list", data: [{ id: `si_${index}`, price, current_period_end: 1_800_000_000 }] },
  };
}
