/**
 * Proves `fleet money` from end to end below the engine: servers and prices as Hetzner's API tells them, subscriptions as the
 * providers list them, the admin route and the table. Servers are ordered by hand here, in a simulated Hetzner.
 */
import { Hono } from "hono";
import { afterEach, beforeEach, expect, test } from "vitest";
import { instanceLabels } from "../../components/naming.ts";
import { createFleetClient } from "../../reconciler/cli/client.ts";
import { moneyCommand } from "../../reconciler/cli/money.ts";
import { createHetzner } from "../../reconciler/cloud/hetzner.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { refreshInventories } from "../../reconciler/money/inventory.ts";
import { createMoneyOperators } from "../../reconciler/operators/money.ts";
import { createApiKeys } from "../../reconciler/operators/api-keys.ts";
import type { OperatorEnv } from "../../reconciler/routes/access.ts";
import { createMoneyRoutes } from "../../reconciler/routes/billing.ts";
import { identify } from "../../reconciler/routes/guard.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { proKey, startBillingSide, type BillingSide } from "../support/billing.ts";
import type { HetznerClient } from "../support/hetzner-client.ts";
import { order } from "../support/hetzner-orders.ts";
import { withHetzner } from "../support/hetzner.ts";

const rootKey = "r".repeat(40);
let side: BillingSide;
beforeEach(async () => {
  side = await startBillingSide();
});
afterEach(() => side.close());

async function orderServer(client: HetznerClient, slug: string, type: string): Promise<void> {
  const [row] = await side.apply.sql<
    { id: string }[]
  >`select id from clawfleet.instances where slug = ${slug}`;
  const labels = instanceLabels({ id: row?.id ?? "inobody", slug, cell: "lab" });
  await client.act("POST", "/servers", order({ name: `cf-${slug}`, server_type: type, labels }));
}

async function fleetMoney(): Promise<{ code: number; lines: string[] }> {
  const { plans } = await readStackFiles(sandboxStacks);
  const providers = [side.billing, side.paddleBilling];
  const money = createMoneyOperators({ ...side.apply, providers, plans: () => plans, rates: new Map() });
  const { sql, clock } = side.apply;
  const keys = createApiKeys({ sql, clock, rootKey });
  const guard = { sql, clock, keys, rate: { burst: 100, perSecond: 100 } };
  const app = new Hono<OperatorEnv>().use(identify(guard)).route("/api/v1/money", createMoneyRoutes(money));
  const lines: string[] = [];
  const code = await moneyCommand(
    {
      client: createFleetClient({
        url: "http://fleet",
        adminKey: rootKey,
        fetch: async (input, init) =>
          await app.request(input instanceof Request ? input : String(input), init),
      }),
      print: (line) => void lines.push(...line.split("\n")),
      note: (line) => void lines.push(line),
      ask: async () => undefined,
      paint: (text) => text,
      progress: () => undefined,
      sleep: async () => undefined,
      now: () => side.now(),
    },
    {},
  );
  return { code, lines };
}

test("two customers who pay, one server that nobody pays for", async () => {
  side.subscribe("bob");
  side.subscribe("amy", proKey);
  await side.settle();
  await withHetzner({}, async ({ hetzner, client }) => {
    await orderServer(client, "bob", "cx23");
    await orderServer(client, "amy", "cx33");
    const hetznerOf = () => createHetzner({ baseUrl: hetzner.url, token: hetzner.token, fetch });
    const deps = { ...side.apply, hetznerOf };
    expect(await refreshInventories(deps, ["default", "nobodys"])).toEqual(["default"]);
    // Young enough: nobody asks twice.
    expect(await refreshInventories(deps, ["default"])).toEqual([]);
    const right = await fleetMoney();
    expect(right.lines.find((line) => line.startsWith("all"))).toMatch(
      / 2 .*€58\.00 +€\d+\.\d\d +€\d+\.\d\d$/,
    );
    expect(right.lines).toContain("unpaid servers: 0");
    expect(right.code).toBe(0);

    await orderServer(client, "ghost", "cx23");
    side.advance(3_600_000);
    await refreshInventories(deps, ["default"]);
    const wrong = await fleetMoney();
    expect(wrong.lines).toContain("unpaid servers: 1");
    expect(wrong.lines).toContain("  cf-ghost in default: no instance of ours has it");
    expect(wrong.code).not.toBe(0);
  });
});

test("who stays unpaid is shown with what it costs, and dollars stay apart from euros", async () => {
  const bob = side.subscribe("bob");
  Object.assign(side.stripe.price(proKey), { currency: "usd" });
  side.subscribe("amy", proKey);
  await side.settle();
  side.stripe.setStatus(bob.id, "unpaid");
  await side.settle();
  await withHetzner({}, async ({ hetzner, client }) => {
    await orderServer(client, "bob", "cx23");
    const hetznerOf = () => createHetzner({ baseUrl: hetzner.url, token: hetzner.token, fetch });
    await refreshInventories({ ...side.apply, hetznerOf }, ["default"]);
    expect((await fleetMoney()).lines).toContain("a month and longer without revenue: 0");
    side.advance(40 * 86_400_000);
    const { code, lines } = await fleetMoney();
    expect(lines).toContain("a month and longer without revenue: 1");
    expect(lines.find((line) => line.startsWith("  bob"))).toMatch(
      /^ {2}bob: unpaid, for 40 d, €\d+\.\d\d a month$/,
    );
    expect(lines.find((line) => line.startsWith("all"))).toMatch(/\$29\.00 - €\d+\.\d\d$/);
    expect(lines.join("\n")).toContain("CLAWFLEET_EXCHANGE_RATES=USD:EUR=…");
    expect(code).toBe(0);
  });
});

test("nobody with tokens has looked yet, and Hetzner cannot be asked: the answer says so", async () => {
  side.subscribe("bob");
  await side.settle();
  const hetznerOf = () => createHetzner({ baseUrl: "http://127.0.0.1:1", token: "x", fetch });
  expect(await refreshInventories({ ...side.apply, hetznerOf }, ["default"])).toEqual([]);
  const { lines } = await fleetMoney();
  expect(lines).toContain("no account has been read yet: no worker has its tokens");
});
