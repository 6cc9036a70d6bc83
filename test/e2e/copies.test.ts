/**
 * Proves on the real engine and real machines that a customer's files come to a smaller disk and to another processor as they
 * were, that who was archived on a disk that no type of their plan holds comes back to that plan, and that nothing of a copy is
 * left. Where a worker can die in it is integration/copies.test.ts. It cannot prove how long a copy takes.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askAssistant } from "../sandbox/demo/visitor.ts";
import type { Subscription } from "../sandbox/stripe/billing.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();
const slug = "amy";
const host = "amy.claws.example";
const folder = "/var/lib/openclaw";
const starter = "clawfleet-starter-monthly";
const pro = "clawfleet-pro-monthly";
const waitMs = 480_000;

/** What a copy could lose: owners, modes, links, odd names, holes, empty folders. */
const write = `cd ${folder} && mkdir -p kept/empty && echo 'what amy wrote' > kept/note && chmod 640 kept/note
  printf odd > "kept/two words
and a line" && ln -s note kept/link && truncate -s 5M kept/sparse && chown -Rh openclaw: kept`;
const look = `cd ${folder} && find kept -printf '%y %m %u %g %l %p\\n' | sort && cat kept/note && sha256sum kept/sparse`;

let fleet: Fleet;
let amy: Subscription;
let before: string;
let token: string;

const project = () => fleet.sandbox.hetzner.project();
const server = () => project().server(`cf-${slug}`);
const onMachine = async (script: string) =>
  (await fleet.sandbox.machines?.run(server().id, script))?.stdout.trim() ?? "";

async function readToken(): Promise<string> {
  const text = await onMachine("cat /etc/openclaw/gateway.env");
  return /OPENCLAW_GATEWAY_TOKEN="([^"]+)"/.exec(text)?.[1] ?? "";
}

async function setTypes(plan: string, types: string): Promise<void> {
  const file = join(fleet.stacksDir, "plans.yaml");
  const text = await readFile(file, "utf8");
  const section = new RegExp(`(\\n${plan}:\\n(?:  .*\\n)*?  serverTypes: )\\[.*\\]`);
  await writeFile(file, `\n${text}`.replace(section, `$1[${types}]`).slice(1));
}

async function setGrace(archiveAfterDays: number): Promise<void> {
  const file = join(fleet.stacksDir, "plans.yaml");
  const text = await readFile(file, "utf8");
  const grace = `grace: { pastDueDays: 7, archiveAfterDays: ${archiveAfterDays}, deleteAfterDays: 30 }`;
  await writeFile(file, text.replaceAll(/grace: .*/g, grace));
}

function subscribe(lookupKey: string): void {
  amy = fleet.sandbox.stripe.createPaidSubscription({
    lookupKey,
    email: "amy@example.com",
    metadata: { slug },
    ...(amy === undefined ? {} : { customer: amy.customer }),
  });
}

async function changePlan(lookupKey: string): Promise<void> {
  const { data } = await fleet.stripe.prices.list({ lookup_keys: [lookupKey] });
  const item = { id: amy.items.data[0]?.id ?? "", price: data[0]?.id ?? "" };
  await fleet.stripe.subscriptions.update(amy.id, { items: [item] });
}

async function untilOn(plan: string, serverType: string): Promise<void> {
  await eventually(
    `${slug} is a ${serverType} of ${plan}`,
    async () => {
      const row = await fleet.find(slug).catch(() => undefined);
      const fits = row?.plan === plan && row.status === "ready" && row.observedGeneration === row.generation;
      return fits && row.phase === "running" && server().serverType.name === serverType;
    },
    waitMs,
  );
}

async function isArchived(): Promise<boolean> {
  const rows = await fleet.database.sql`
    select 1 from clawfleet.instances where slug = ${slug} and observed_phase = 'archived' and status = 'ready'`;
  return rows.length === 1;
}

async function expectSame(): Promise<void> {
  expect(await onMachine(look)).toBe(before);
  expect(await readToken()).toBe(token);
  const answer = await askAssistant(fleet.sandbox.edge, { host, path: "/v1/models", token });
  expect(answer.status).toBe(200);
  await eventually("no snapshot is left", () =>
    project()
      .images()
      .every(({ type }) => type !== "snapshot"),
  );
  expect(
    project()
      .servers()
      .map(({ name }) => name),
  ).toEqual([`cf-${slug}`]);
}

describe.skipIf(obstacle !== undefined)("a customer whose disk does not go with them", () => {
  beforeAll(async () => {
    fleet = await startFleet();
    await setTypes("starter", "cx23");
    await setGrace(7);
    subscribe(pro);
    await untilOn("pro", "cx33");
    await onMachine(write);
    before = await onMachine(look);
    token = await readToken();
    if (!before.includes("what amy wrote")) throw new Error("amy's files were not written");
  });
  afterAll(() => fleet?.close());

  test("a smaller disk: a new server with all files, the same token and name", async () => {
    const { id, primaryDiskGb } = server();
    await changePlan(starter);
    await untilOn("starter", "cx23");
    expect(server().id).not.toBe(id);
    expect(server().primaryDiskGb).toBeLessThan(primaryDiskGb);
    await expectSame();
  });

  test("another processor: the same", async () => {
    await setTypes("pro", "cax21");
    await changePlan(pro);
    await untilOn("pro", "cax21");
    await expectSame();
  });

  test("back from the archive into a plan whose disks are too small: at once on a larger one, then on the plan's", async () => {
    await setGrace(0);
    fleet.sandbox.stripe.cancelSubscription(amy.id);
    await eventually(
      "amy is archived",
      async () => (await isArchived()) && project().servers().length === 0,
      waitMs,
    );
    subscribe(starter);
    await untilOn("starter", "cx23");
    await expectSame();
  });
});
