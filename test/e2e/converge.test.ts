/**
 * Proves with the real engine, the real reconciler and machines that run scripts: create, no change, plan change,
 * override change, drift and destroy, each also with one cloud call that fails. It cannot prove that the official
 * providers behave as the stand-ins do; `PROVIDERS=official` runs the same file against those.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Simulator } from "../sandbox/kit/simulator.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();
if (obstacle !== undefined) process.stderr.write(`skipped: ${obstacle}\n`);

let fleet: Fleet;
const host = (slug: string) => `${slug}.claws.example`;
const server = (slug: string) => fleet.sandbox.hetzner.project().server(`cf-${slug}`);
const records = (slug: string) => fleet.sandbox.cloudflare.recordsNamed(host(slug));

/** The next matching request gets an error instead of its effect. Returns a check that it was really hit. */
function failOnce(cloud: Simulator, method: string, path: string): () => void {
  const body =
    cloud === fleet.sandbox.hetzner
      ? { error: { code: "service_error", message: "told to fail", details: null } }
      : { success: false, errors: [{ code: 1000, message: "told to fail" }], messages: [], result: null };
  cloud.faults.add({ method, path, effect: { kind: "answer", status: 500, body } });
  return () => expect(cloud.faults.pending(), `${method} ${path} was asked and failed`).toBe(0);
}

function countWrites(): number {
  const clouds = [fleet.sandbox.hetzner, fleet.sandbox.cloudflare];
  return clouds.flatMap((cloud) => cloud.exchanges).filter(({ method }) => method !== "GET").length;
}

async function expectGone(slug: string): Promise<void> {
  await fleet.untilStatus(slug, "gone");
  expect(
    fleet.sandbox.hetzner
      .project()
      .servers()
      .map(({ name }) => name),
  ).not.toContain(`cf-${slug}`);
  expect(
    fleet.sandbox.hetzner
      .project()
      .firewalls()
      .map(({ name }) => name),
  ).not.toContain(`cf-${slug}`);
  expect(records(slug)).toEqual([]);
  const keys = await fleet.database.sql<{ key: string }[]>`
    select key from public.pulumi_state where key like ${`%/clawfleet/${slug}%`}`;
  expect(keys, `what Pulumi still keeps of ${slug}`).toEqual([]);
}

/** Bought with a card, so that billing can change it. */
async function subscribe(slug: string): Promise<{ id: string; itemId: string }> {
  const { id, items } = fleet.sandbox.stripe.createPaidSubscription({
    lookupKey: "clawfleet-starter-monthly",
    email: `${slug}@example.com`,
    metadata: { slug },
  });
  await eventually(
    `${slug} is known`,
    async () => (await fleet.find(slug).catch(() => undefined)) !== undefined,
  );
  return { id, itemId: items.data[0]?.id ?? "" };
}

async function changePlan(subscription: { id: string; itemId: string }, lookupKey: string): Promise<void> {
  const { data } = await fleet.stripe.prices.list({ lookup_keys: [lookupKey] });
  const items = [{ id: subscription.itemId, price: data[0]?.id ?? "" }];
  await fleet.stripe.subscriptions.update(subscription.id, { items });
}

describe.skipIf(obstacle !== undefined)("one instance through its life", () => {
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(() => fleet?.close());
  afterEach(() => {
    fleet.sandbox.hetzner.faults.clear();
    fleet.sandbox.cloudflare.faults.clear();
  });

  test("create: server, firewall, network and records stand, and the gateway answers", async () => {
    await subscribe("grace");
    const row = await fleet.untilStatus("grace", "ready");
    expect(row.url).toBe("https://grace.claws.example");
    expect(server("grace").serverType.name).toBe("cx23");
    expect(server("grace").deleteProtected).toBe(true);
    expect(
      records("grace")
        .map(({ type, proxied }) => `${type} ${proxied}`)
        .toSorted(),
    ).toEqual(["A true", "AAAA true"]);
    const gateway = await fleet.sandbox.machines?.run(
      server("grace").id,
      "curl -sS http://10.0.0.3:18789/startupz || /opt/node/bin/node -e \"fetch('http://10.0.0.3:18789/startupz').then(r => r.text()).then(console.log)\"",
    );
    expect(gateway?.stdout).toContain('"status":"started"');
  });

  test("create, and the order of the server fails once: one server, after a second try", async () => {
    const expectHit = failOnce(fleet.sandbox.hetzner, "POST", "^/v1/servers$");
    await subscribe("hedy");
    await fleet.untilStatus("hedy", "ready");
    expectHit();
    const outcomes = (await fleet.operations("hedy")).map(({ outcome }) => outcome);
    expect(outcomes.toReversed()).toEqual(["failed", "succeeded"]);
    const made = fleet.sandbox.hetzner
      .project()
      .servers()
      .filter(({ name }) => name === "cf-hedy");
    expect(made).toHaveLength(1);
  });

  test("create, and Hetzner's own work on the server fails once: that server is replaced, one is left", async () => {
    fleet.sandbox.hetzner.disturbances.add({ kind: "action-error", command: "create_server" });
    await subscribe("kay");
    await fleet.untilStatus("kay", "ready");
    const outcomes = (await fleet.operations("kay")).map(({ outcome }) => outcome);
    expect(outcomes.toReversed()).toEqual(["failed", "succeeded"]);
    const made = fleet.sandbox.hetzner
      .project()
      .servers()
      .filter(({ name }) => name === "cf-kay");
    expect(made.map(({ status }) => status)).toEqual(["running"]);
  });

  test("no change: applied again it stays as it is, without a write to any cloud", async () => {
    const before = countWrites();
    const operation = await fleet.apply("grace");
    expect(operation.outcome).toBe("unchanged");
    expect(operation.changes).toEqual({ same: 15 });
    expect(countWrites()).toBe(before);
  });

  test("no change, and a reading fails once: still no write, and it ends well", async () => {
    const before = countWrites();
    const expectHit = failOnce(fleet.sandbox.hetzner, "GET", `^/v1/servers/${server("grace").id}$`);
    await fleet.apply("grace", { refresh: true });
    expectHit();
    await fleet.untilStatus("grace", "ready");
    expect(countWrites()).toBe(before);
  });

  test("plan change: the same server becomes larger and is up again", async () => {
    const subscription = await subscribe("ida");
    await fleet.untilStatus("ida", "ready");
    const { id } = server("ida");
    const after = await fleet.lastOperationId("ida");
    await changePlan(subscription, "clawfleet-pro-monthly");
    const operation = await fleet.nextOperation("ida", after, ["up"]);
    expect(operation.outcome).toBe("succeeded");
    expect(operation.changes).not.toHaveProperty("replace");
    expect(server("ida")).toMatchObject({ id, status: "running" });
    expect(server("ida").serverType.name).toBe("cx33");
    await fleet.untilStatus("ida", "ready");
  });

  test("plan change, and the resize fails once: it is tried again and done", async () => {
    const subscription = await subscribe("joan");
    await fleet.untilStatus("joan", "ready");
    const { id } = server("joan");
    const expectHit = failOnce(fleet.sandbox.hetzner, "POST", `^/v1/servers/${id}/actions/change_type$`);
    await changePlan(subscription, "clawfleet-pro-monthly");
    await eventually("joan is resized", () => server("joan").serverType.name === "cx33");
    expectHit();
    await fleet.untilStatus("joan", "ready");
    expect(server("joan")).toMatchObject({ id, status: "running" });
  });

  test("override change: another release is installed beside the first, on the same server", async () => {
    const { id } = server("grace");
    const after = await fleet.lastOperationId("grace");
    await fleet.writeOverride("grace", ["openclawVersion: 2026.9.7"]);
    const operation = await fleet.nextOperation("grace", after, ["up"]);
    expect(operation.changes).toMatchObject({ update: 2, same: 13 });
    expect(server("grace").id).toBe(id);
    const link = await fleet.sandbox.machines?.run(id, "readlink /opt/openclaw/current");
    expect(link?.stdout.trim()).toBe("/opt/openclaw/2026.9.7");
  });

  test("override change, and the firewall's rules are refused once: they are set in the end", async () => {
    const expectHit = failOnce(fleet.sandbox.hetzner, "POST", "/actions/set_rules$");
    await fleet.writeOverride("hedy", [
      'extraFirewallRules: [{ description: "game", protocol: udp, port: "5000", sourceIps: ["192.0.2.0/24"] }]',
    ]);
    const port = () =>
      fleet.sandbox.hetzner
        .project()
        .firewall("cf-hedy")
        .rules.some((rule) => rule.port === "5000");
    await eventually("the rule is there", port);
    expectHit();
    await fleet.untilStatus("hedy", "ready");
  });

  test("override of the location: the protected server is replaced, the records follow, the gateway answers", async () => {
    const { id } = server("hedy");
    const after = await fleet.lastOperationId("hedy");
    await fleet.writeOverride("hedy", ["location: hel1"]);
    const operation = await fleet.nextOperation("hedy", after, ["up"]);
    expect(operation.error).toBeNull();
    expect(server("hedy").id).not.toBe(id);
    expect(server("hedy").deleteProtected).toBe(true);
    const row = await fleet.untilStatus("hedy", "ready");
    expect(row.location).toBe("hel1");
    expect(records("hedy").find(({ type }) => type === "A")?.content).toBe(server("hedy").ipv4?.ip);
  });

  test("drift: a record changed by somebody else is put right when the clouds are read again", async () => {
    const a = records("grace").find(({ type }) => type === "A");
    if (!a) throw new Error("grace has an A record");
    a.content = "192.0.2.66";
    const operation = await fleet.apply("grace", { refresh: true });
    expect(operation.outcome).toBe("succeeded");
    expect(records("grace").find(({ type }) => type === "A")?.content).toBe(server("grace").ipv4?.ip);
  });

  test("drift, and the repair fails once: it is tried again and done", async () => {
    const a = records("grace").find(({ type }) => type === "A");
    if (!a) throw new Error("grace has an A record");
    a.content = "192.0.2.67";
    const expectHit = failOnce(fleet.sandbox.cloudflare, "PUT", `/dns_records/${a.id}$`);
    await fleet.apply("grace", { refresh: true });
    await eventually(
      "the record is right",
      () => records("grace").find(({ type }) => type === "A")?.content === server("grace").ipv4?.ip,
    );
    expectHit();
  });

  test("destroy: protection is lifted and nothing is left", async () => {
    await fleet.deprovision("grace");
    await expectGone("grace");
  });

  test("destroy, and the deletion of the server fails once: it is tried again until it is gone", async () => {
    const expectHit = failOnce(fleet.sandbox.hetzner, "DELETE", `^/v1/servers/${server("hedy").id}$`);
    await fleet.deprovision("hedy");
    await expectGone("hedy");
    expectHit();
  });
});
