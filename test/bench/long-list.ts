/** A Stripe that only lists subscriptions, as many as it is told: no page of it exists before it is asked for. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export type Listed = {
  customer: string;
  /** null: it came without a name. */
  slug: string | null;
  status: string;
  createdAt: Date;
  endedAt: Date | null;
  quantity?: number;
};

export type LongList = { origin: string; close(): Promise<void> };

export const listedKey = "starter-monthly";

/** `describe` is asked for each subscription whenever a page holds it; its id is `sub_<index>`. */
export async function startLongList(
  size: () => number,
  describe: (index: number) => Listed,
): Promise<LongList> {
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "", "http://stripe");
    const after = searchParams.get("starting_after");
    const first = after === null ? 0 : Number(after.slice("sub_".length)) + 1;
    const limit = Number(searchParams.get("limit") ?? 10);
    const count = Math.max(0, Math.min(limit, size() - first));
    const data = Array.from({ length: count }, (_, offset) =>
      toSubscription(first + offset, describe(first + offset)),
    );
    response.writeHead(200, { "content-type": "application/json" });
    response.end(
      JSON.stringify({ object: "list", data, has_more: first + count < size(), url: "/v1/subscriptions" }),
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

function toSubscription(index: number, listed: Listed): object {
  const { customer, slug, status, createdAt, endedAt, quantity = 1 } = listed;
  const price = { id: "price_1", object: "price", lookup_key: listedKey };
  const item = { id: `si_${index}`, price, quantity, current_period_end: 1_800_000_000 };
  const seconds = (date: Date) => Math.floor(date.getTime() / 1000);
  return {
    id: `sub_${index}`,
    object: "subscription",
    customer: { id: customer, object: "customer", email: `${customer}@example.com` },
    status,
    created: seconds(createdAt),
    cancel_at: null,
    ended_at: endedAt === null ? null : seconds(endedAt),
    trial_end: null,
    metadata: slug === null ? {} : { slug },
    items: { object: "list", data: [item] },
  };
}
