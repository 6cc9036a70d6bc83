/**
 * Proves that the simulated Hetzner answers for 10,000 servers: every page of a full listing once, and each of them by label
 * and by name. How quick that is, is for a bench.
 */
import { expect, it } from "vitest";
import { createHetznerClient } from "../support/hetzner-client.ts";
import { startHetzner } from "../sandbox/hetzner/hetzner.ts";
import { order } from "../support/hetzner-orders.ts";
import { isSchema } from "../support/openapi-schema.ts";

const SERVERS = 10_000;

it("lists 10,000 servers page by page and finds single ones by label and name", async () => {
  const hetzner = await startHetzner({ rateLimit: { perHour: 1_000_000 }, maxExchanges: 10 });
  try {
    const view = hetzner.project();
    for (let i = 0; i < SERVERS; i += 1) {
      await view.api("POST", "/servers", order({ name: `s${i}`, labels: { fleet: "a", slug: `c${i}` } }));
    }
    await view.settled();
    const client = createHetznerClient(hetzner.url, hetzner.token);
    const seen = new Set<unknown>();
    for (let page = 1; page <= SERVERS / 50; page += 1) {
      const { servers } = await client.get(`/servers?label_selector=fleet%3Da&per_page=50&page=${page}`);
      if (Array.isArray(servers)) for (const server of servers.filter(isSchema)) seen.add(server["id"]);
    }
    expect(seen.size).toBe(SERVERS);
    for (let i = 0; i < 200; i += 1) {
      expect((await client.get(`/servers?label_selector=slug%3Dc${i * 37}`))["servers"]).toHaveLength(1);
      expect((await client.get(`/servers?name=s${i * 37}`))["servers"]).toHaveLength(1);
    }
  } finally {
    await hetzner.close();
  }
});
