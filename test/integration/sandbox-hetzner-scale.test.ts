/**
 * Proves that the simulated Hetzner stays quick with 10,000 servers: a full listing by pages, look-ups by label
 * and by name. The bounds are far above what is measured, they catch a scan per object and nothing finer.
 */
import { expect, it } from "vitest";
import { createHetznerClient } from "../support/hetzner-client.ts";
import { startHetzner } from "../sandbox/hetzner/hetzner.ts";
import { order } from "../support/hetzner-orders.ts";
import { isSchema } from "../support/openapi-schema.ts";

const SERVERS = 10_000;

async function timed(work: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

it("lists 10,000 servers page by page and finds single ones without looking at all of them", async () => {
  const hetzner = await startHetzner({ rateLimit: { perHour: 1_000_000 }, maxExchanges: 10 });
  try {
    const view = hetzner.project();
    for (let i = 0; i < SERVERS; i += 1) {
      await view.api("POST", "/servers", order({ name: `s${i}`, labels: { fleet: "a", slug: `c${i}` } }));
    }
    await view.settled();
    const client = createHetznerClient(hetzner.url, hetzner.token);
    const seen = new Set<unknown>();
    const listing = await timed(async () => {
      for (let page = 1; page <= SERVERS / 50; page += 1) {
        const { servers } = await client.get(`/servers?label_selector=fleet%3Da&per_page=50&page=${page}`);
        if (Array.isArray(servers)) for (const server of servers.filter(isSchema)) seen.add(server["id"]);
      }
    });
    expect(seen.size).toBe(SERVERS);
    expect(listing).toBeLessThan(10_000);
    const looking = await timed(async () => {
      for (let i = 0; i < 200; i += 1) {
        expect((await client.get(`/servers?label_selector=slug%3Dc${i * 37}`))["servers"]).toHaveLength(1);
        expect((await client.get(`/servers?name=s${i * 37}`))["servers"]).toHaveLength(1);
      }
    });
    expect(looking).toBeLessThan(5_000);
  } finally {
    await hetzner.close();
  }
});
