/**
 * Proves on the real engine and real machines that a customer's server changes with their plan: up and down in place, not at
 * all where there is nothing to be had, to another location with its data, to another address without a new server. It cannot prove
 * how long Hetzner takes for it.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAssistant } from "../sandbox/demo/visitor.ts";
import type { Subscription } from "../sandbox/stripe/billing.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();
const note = "/var/lib/openclaw/note";
const starter = "clawfleet-starter-monthly";
const pro = "clawfleet-pro-monthly";
/** What nobody waits for in a passing run. */
const waitMs = 240_000;

let fleet: Fleet;

const project = () => fleet.sandbox.hetzner.project();
const server = (slug: string) => project().server(`cf-${slug}`);
const onMachine = async (slug: string, script: string) =>
  (await fleet.sandbox.machines?.run(server(slug).id, script))?.stdout.trim() ?? "";

async function subscribe(slug: string, lookupKey: string): Promise<Subscription> {
  const email = `${slug}@example.com`;
  const made = fleet.sandbox.stripe.createPaidSubscription({ lookupKey, email, metadata: { slug } });
  await eventually(
    `${slug} is known`,
    async () => (await fleet.find(slug).catch(() => undefined)) !== undefined,
  );
  await fleet.untilStatus(slug, "ready");
  return made;
}

async function changePlan(of: Subscription, lookupKey: string): Promise<void> {
  const { data } = await fleet.stripe.prices.list({ lookup_keys: [lookupKey] });
  const item = { id: of.items.data[0]?.id ?? "", price: data[0]?.id ?? "" };
  await fleet.stripe.subscriptions.update(of.id, { items: [item] });
}

async function answersAt(slug: string, host: string): Promise<boolean> {
  const text = await onMachine(slug, "cat /etc/openclaw/gateway.env");
  const token = /OPENCLAW_GATEWAY_TOKEN="([^"]+)"/.exec(text)?.[1] ?? "";
  const answer = await askAssistant(fleet.sandbox.edge, { host, path: "/v1/models", token });
  return answer.status === 200;
}

async function untilPlan(slug: string, plan: string, serverType: string): Promise<void> {
  await eventually(
    `${slug} is a ${serverType} of ${plan}`,
    async () => {
      const row = await fleet.find(slug);
      const fits = row.plan === plan && row.status === "ready" && row.observedGeneration === row.generation;
      return fits && server(slug).serverType.name === serverType;
    },
    waitMs,
  );
}

describe.skipIf(obstacle !== undefined)("a customer who changes something", () => {
  let bob: Subscription;
  let firstServer = 0;

  beforeAll(async () => {
    fleet = await startFleet();
    // Of the smaller plan alone: the larger type is none of it.
    const file = join(fleet.stacksDir, "plans.yaml");
    const text = await readFile(file, "utf8");
    await writeFile(file, text.replace("serverTypes: [cx23, cx33]", "serverTypes: [cx23]"));
    bob = await subscribe("bob", starter);
    firstServer = server("bob").id;
    await onMachine("bob", `echo 'what bob wrote' > ${note} && chown openclaw: ${note}`);
  });
  afterAll(() => fleet?.close());

  test("a larger plan: the same server, larger, with the disk that it had", async () => {
    const disk = server("bob").primaryDiskGb;
    await changePlan(bob, pro);
    await untilPlan("bob", "pro", "cx33");
    expect(server("bob")).toMatchObject({ id: firstServer, primaryDiskGb: disk });
    expect(await answersAt("bob", "bob.claws.example")).toBe(true);
  });

  test("the smaller plan again: the same server, small again, with its data", async () => {
    await changePlan(bob, starter);
    await untilPlan("bob", "starter", "cx23");
    expect(server("bob").id).toBe(firstServer);
    expect(await onMachine("bob", `cat ${note}`)).toBe("what bob wrote");
  });

  test("a smaller plan of which no server is to be had: the server stays, its limits change, operators hear of it", async () => {
    const amy = await subscribe("amy", pro);
    const { id } = server("amy");
    fleet.sandbox.hetzner.disturbances.add({ kind: "no-capacity", serverType: "cx23" });
    await changePlan(amy, starter);
    await untilPlan("amy", "starter", "cx33");
    expect(server("amy").id).toBe(id);
    const alerts = await fleet.database
      .sql`select about from clawfleet.alerts where kind = 'plan_does_not_fit'`;
    expect(alerts).toEqual([{ about: "amy" }]);
    expect(await answersAt("amy", "amy.claws.example")).toBe(true);
    fleet.sandbox.hetzner.disturbances.clear();
  });

  test("another address: the same server, the old records gone, the new ones answering", async () => {
    await fleet.writeOverride("bob", ["address: robert"]);
    const host = "robert.claws.example";
    await eventually("it answers there", async () => await answersAt("bob", host), waitMs);
    expect(server("bob").id).toBe(firstServer);
    expect(fleet.sandbox.cloudflare.recordsNamed("bob.claws.example")).toEqual([]);
    expect(fleet.sandbox.cloudflare.recordsNamed(host)).toHaveLength(2);
  });

  test("another location: a new server there, made from a snapshot of the old one, and no snapshot left", async () => {
    await fleet.writeOverride("bob", ["address: robert", "location: hel1"]);
    await eventually(
      "bob is in hel1",
      async () => {
        const row = await fleet.find("bob");
        return row.status === "ready" && row.location === "hel1" && row.observedGeneration === row.generation;
      },
      waitMs,
    );
    expect(server("bob").id).not.toBe(firstServer);
    expect(server("bob").location.name).toBe("hel1");
    expect(await onMachine("bob", `cat ${note}`)).toBe("what bob wrote");
    expect(await answersAt("bob", "robert.claws.example")).toBe(true);
    await eventually("no snapshot is left", () =>
      project()
        .images()
        .every(({ type }) => type !== "snapshot"),
    );
  });
});
