/**
 * Proves the whole path as a customer and an operator live it: order, payment, signed webhook, install, credentials once,
 * repeated events, cancellation; that no secret is where it must not be; and what happens when a cloud says no. It cannot
 * prove anything about real browsers, cards or clouds.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { instanceSecretsSchema } from "../../infra/config.ts";
import { open, sealContext } from "../../infra/seal.ts";
import { buy, readProgress, revealToken, visit } from "../sandbox/customer.ts";
import { askAssistant, runScript } from "../sandbox/demo/visitor.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();

let fleet: Fleet;
let orderUrl = "";
let token = "";
const host = "ada.claws.example";

async function instanceSecrets(slug: string) {
  const [row] = await fleet.database.sql<{ id: string; secrets: Uint8Array }[]>`
    select id, secrets from clawfleet.instances where slug = ${slug} and status <> 'gone'`;
  if (!row) throw new Error(`${slug} has no row`);
  const key = fleet.sandbox.env["CLAWFLEET_MASTER_KEY"] ?? "";
  return instanceSecretsSchema.parse(open(key, row.secrets, sealContext.instance(row.id)));
}

/** Every text column of every table, our own and Pulumi's. */
async function dumpDatabase(): Promise<string> {
  const { sql } = fleet.database;
  const tables = await sql<{ schema: string; name: string }[]>`
    select table_schema as schema, table_name as name from information_schema.tables
    where table_schema not in ('pg_catalog', 'information_schema') and table_type = 'BASE TABLE'`;
  const parts: string[] = [];
  for (const { schema, name } of tables) {
    const rows = await sql`select * from ${sql(schema)}.${sql(name)}`;
    for (const row of rows) {
      parts.push(
        ...Object.values(row).map((value) =>
          value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : JSON.stringify(value),
        ),
      );
    }
  }
  return parts.join("\n");
}

describe.skipIf(obstacle !== undefined)("one order", () => {
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(() => fleet?.close());

  test("a paid order becomes an assistant that answers through the edge", async () => {
    ({ orderUrl } = await buy(fleet.service.url, { plan: "starter", slug: "ada", email: "ada@example.com" }));
    await eventually("the page says ready", async () =>
      (await readProgress(orderUrl)).headline.includes("ready"),
    );
    const { steps } = await readProgress(orderUrl);
    expect(steps.map(({ state }) => state)).toEqual(steps.map(() => "done"));
    expect((await askAssistant(fleet.sandbox.edge, { host, path: "/v1/models" })).status).toBe(401);
  });

  test("the token is shown once, opens the assistant, and is the one on the machine", async () => {
    token = (await revealToken(orderUrl)) ?? "";
    expect(token).toMatch(/^[0-9a-f]{64}$/);
    expect(await revealToken(orderUrl)).toBeUndefined();
    expect((await askAssistant(fleet.sandbox.edge, { host, path: "/v1/models", token })).status).toBe(200);
    const { id } = fleet.sandbox.hetzner.project().server("cf-ada");
    const written = await fleet.sandbox.machines?.run(id, "cat /etc/openclaw/gateway.env");
    expect(written?.stdout).toContain(token);
  });

  test("a key of the customer reaches the gateway, and nobody reads it back", async () => {
    const given = await runScript(
      "reconciler/cli/main.ts",
      ["env", "ada", "ANTHROPIC_API_KEY"],
      fleet.service.env,
      "sk-ant-customer-key-0123456789\n",
    );
    expect(given.output).toContain("ada has: ANTHROPIC_API_KEY");
    expect(given.code).toBe(0);
    const body = { model: "openclaw", messages: [{ role: "user", content: "hello" }] };
    const reply = await eventually("a reply", async () => {
      const answer = await askAssistant(fleet.sandbox.edge, {
        host,
        path: "/v1/chat/completions",
        token,
        body,
      });
      return answer.status === 200 ? answer.body : undefined;
    });
    expect(reply).toContain("You said: hello");
    const shown = await runScript("reconciler/cli/main.ts", ["show", "ada", "--json"], fleet.service.env);
    expect(shown.output).not.toContain("sk-ant-customer-key");
  });

  test("no secret of the customer is in user data, log, database, operations or the state's clear text", async () => {
    const secrets = await instanceSecrets("ada");
    const userData = fleet.sandbox.hetzner.project().server("cf-ada").userData;
    const places = {
      userData,
      log: await fleet.readLog(),
      database: await dumpDatabase(),
      stripe: JSON.stringify(fleet.sandbox.stripe.exchanges),
      cloudflare: JSON.stringify(fleet.sandbox.cloudflare.exchanges),
      hetzner: JSON.stringify(
        fleet.sandbox.hetzner.exchanges.map(({ requestBody, responseBody }) => [requestBody, responseBody]),
      ),
    };
    // What is searched must be what it claims to be.
    expect(places.log).toContain("operation ended");
    expect(places.database).toContain("clawfleet:index:AssistantInstance");
    expect(places.database).toContain("creating health");
    const customerSecrets = { token: secrets.gatewayToken, key: "sk-ant-customer-key-0123456789" };
    for (const [place, text] of Object.entries(places)) {
      for (const [name, secret] of Object.entries(customerSecrets)) {
        expect(text.includes(secret), `${name} in ${place}`).toBe(false);
      }
    }
    const keyLine = secrets.hostKeyPrivate.split("\n")[2] ?? "";
    expect(keyLine.length).toBeGreaterThan(40);
    expect(userData).toContain(keyLine);
    for (const place of ["log", "database", "stripe", "cloudflare"] as const) {
      expect(places[place].includes(keyLine), `host key in ${place}`).toBe(false);
    }
    const ours = fleet.sandbox.env;
    for (const name of [
      "HCLOUD_TOKEN",
      "CLOUDFLARE_API_TOKEN",
      "STRIPE_SECRET_KEY",
      "CLAWFLEET_MASTER_KEY",
    ]) {
      for (const place of ["log", "database", "userData"] as const) {
        expect(places[place].includes(ours[name] ?? name), `${name} in ${place}`).toBe(false);
      }
    }
  });

  test("the machine's TLS key never leaves it", async () => {
    const { id } = fleet.sandbox.hetzner.project().server("cf-ada");
    const key = await fleet.sandbox.machines?.run(id, "cat /etc/caddy/tls/key.pem");
    const line = key?.stdout.split("\n")[1] ?? "";
    expect(line.length).toBeGreaterThan(40);
    expect((await dumpDatabase()).includes(line)).toBe(false);
    expect(JSON.stringify(fleet.sandbox.cloudflare.exchanges).includes(line)).toBe(false);
  });

  test("plain pulumi preview and up by hand find nothing to do", async () => {
    for (const args of [
      ["preview", "-s", "ada", "--expect-no-changes"],
      ["up", "-s", "ada", "--yes", "--expect-no-changes"],
    ]) {
      const { code, output } = await runScript("infra/engine/run.ts", args, fleet.service.env);
      expect(output).toContain("15 unchanged");
      expect(code).toBe(0);
    }
  });

  test("every event once more changes nothing and starts nothing", async () => {
    const before = await fleet.lastOperationId("ada");
    const ids = new Set(fleet.sandbox.stripe.delivery.attempts().map(({ eventId }) => eventId));
    const attempts = fleet.sandbox.stripe.delivery.attempts().length;
    for (const id of ids) fleet.sandbox.stripe.delivery.redeliver(id);
    expect(await fleet.sandbox.stripe.delivery.idle(60_000)).toBe(true);
    const again = fleet.sandbox.stripe.delivery.attempts().slice(attempts);
    expect(again.map(({ status }) => status)).toEqual([...ids].map(() => 200));
    expect(await fleet.lastOperationId("ada")).toBe(before);
  });

  test("a name that is taken or reserved is refused before payment", async () => {
    const sessions = () =>
      fleet.sandbox.stripe.exchanges.filter(({ path }) => path === "/v1/checkout/sessions").length;
    const before = sessions();
    const taken = await visit(`${fleet.service.url}/orders`, { plan: "starter", slug: "ada" });
    expect(taken.status).toBe(409);
    expect(taken.html).toContain("taken");
    const reserved = await visit(`${fleet.service.url}/orders`, { plan: "starter", slug: "www" });
    expect(reserved.status).toBe(400);
    expect(sessions()).toBe(before);
  });

  test("cancellation takes everything of the customer away, after two readings of billing", async () => {
    const [subscription] = fleet.sandbox.stripe.subscriptions();
    fleet.sandbox.stripe.cancelSubscription(subscription?.id ?? "");
    await fleet.untilStatus("ada", "gone");
    const { servers, firewalls } = fleet.sandbox.hetzner.counts();
    expect({ servers, firewalls }).toEqual({ servers: 0, firewalls: 0 });
    expect(fleet.sandbox.cloudflare.recordsNamed(host)).toEqual([]);
    const [row] = await fleet.database.sql<{ secrets: Uint8Array }[]>`
      select secrets from clawfleet.instances where slug = 'ada'`;
    expect(row?.secrets).toHaveLength(0);
    const { headline } = await readProgress(orderUrl);
    expect(headline).toContain("switched off");
  });
});

describe.skipIf(obstacle !== undefined)("a cloud that says no", () => {
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(() => fleet?.close());

  test("a record of the same name by another hand: stop, say so, overwrite nothing", async () => {
    fleet.sandbox.cloudflare.addRecord("claws.example", {
      name: "bob.claws.example",
      type: "A",
      content: "192.0.2.1",
    });
    await fleet.provision("bob");
    const row = await fleet.untilStatus("bob", "parked");
    expect(row.statusDetail).toContain("bob.claws.example has a A record to 192.0.2.1 that is not ours");
    expect(fleet.sandbox.hetzner.counts().servers).toBe(0);
    const records = fleet.sandbox.cloudflare.recordsNamed("bob.claws.example");
    expect(records.map(({ content }) => content)).toEqual(["192.0.2.1"]);
  });

  test("no capacity in the first place: the next location of the plan, in order", async () => {
    fleet.sandbox.hetzner.disturbances.add({ kind: "no-capacity", serverType: "cx23", location: "nbg1" });
    await fleet.provision("cleo");
    const row = await fleet.untilStatus("cleo", "ready");
    expect([row.serverType, row.location]).toEqual(["cx23", "fsn1"]);
    fleet.sandbox.hetzner.disturbances.clear();
  });

  test("no capacity anywhere: it waits, says so, and goes on when there is some", async () => {
    fleet.sandbox.hetzner.disturbances.add({ kind: "no-capacity" });
    await fleet.provision("dora");
    const row = await fleet.untilStatus("dora", "waiting");
    expect(row.statusDetail).toContain("no capacity at Hetzner");
    const asked = fleet.sandbox.hetzner.exchanges
      .filter(({ method, path, status }) => method === "POST" && path === "/v1/servers" && status === 412)
      .map(({ requestBody }) => requestBody as { server_type: string; location: string })
      .slice(-6)
      .map(({ server_type: type, location }) => `${type} ${location}`);
    expect(new Set(asked)).toEqual(
      new Set(["cx23 nbg1", "cx23 fsn1", "cx23 hel1", "cx33 nbg1", "cx33 fsn1", "cx33 hel1"]),
    );
    fleet.sandbox.hetzner.disturbances.clear();
    await fleet.untilStatus("dora", "ready");
  });

  test("two workers at once never run one stack twice", async () => {
    const second = await fleet.startSecond();
    expect(second.isAlive()).toBe(true);
    for (let round = 0; round < 4; round += 1) {
      await Promise.all(["cleo", "dora"].map((slug) => fleet.apply(slug)));
    }
    const overlapping = await fleet.database.sql`
      select a.id, b.id from clawfleet.operations a join clawfleet.operations b
        on a.stack = b.stack and a.id < b.id and b.started_at < a.ended_at`;
    expect(overlapping).toEqual([]);
    const [workers] = await fleet.database.sql<{ count: number }[]>`
      select count(distinct worker)::int as count from clawfleet.operations where stack in ('cleo', 'dora')`;
    expect(workers?.count).toBe(2);
  });

  test("a wrong signature is refused and stored nowhere", async () => {
    const answer = await fetch(`${fleet.service.url}/webhooks/stripe`, {
      method: "POST",
      headers: { "stripe-signature": "t=1,v1=00", "content-type": "application/json" },
      body: JSON.stringify({ id: "evt_forged", type: "customer.subscription.created" }),
    });
    expect(answer.status).toBe(400);
    const rows = await fleet.database.sql`select 1 from clawfleet.billing_events where id = 'evt_forged'`;
    expect(rows).toEqual([]);
  });

  test("Stripe down: an order is refused kindly and nothing is kept of it", async () => {
    fleet.sandbox.stripe.faults.add({
      path: "^/v1/(checkout|prices)",
      times: 20,
      effect: { kind: "drop-before" },
    });
    const answer = await visit(`${fleet.service.url}/orders`, { plan: "starter", slug: "erin" });
    expect(answer.status).toBe(503);
    expect(answer.html).toContain("Nothing was charged");
    fleet.sandbox.stripe.faults.clear();
    const again = await visit(`${fleet.service.url}/orders`, { plan: "starter", slug: "erin" });
    expect(again.url).toContain("/c/pay/");
  });
});
