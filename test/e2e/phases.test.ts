/**
 * Proves each way between the phases on the real engine and real machines: stopped and started again in place, archived as
 * a snapshot and made again from it with data, name, token and settings, and gone with nothing left but the ledger; and that a
 * stop of the world holds all of it. It cannot prove how long Hetzner's own copies take.
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { archiveLabel } from "../../components/naming.ts";
import { askAssistant } from "../sandbox/demo/visitor.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();
const host = "bob.claws.example";
const note = "/var/lib/openclaw/note";

type Row = {
  id: string;
  phase: string;
  observed: string | null;
  status: string;
  detail: string | null;
  email: string | null;
  secrets: Uint8Array;
  snapshot: string | null;
  ip: string | null;
};

let fleet: Fleet;
let customer = "";
let subscription = "";

async function row(): Promise<Row | undefined> {
  const [found] = await fleet.database.sql<Row[]>`
    select id, phase, observed_phase as observed, status, status_detail as detail, email, secrets, snapshot_id as snapshot,
      host(private_ip) as ip
    from clawfleet.instances where slug = 'bob' order by created_at desc limit 1`;
  return found;
}

/** Wanted and reached. */
async function untilPhase(phase: string): Promise<Row> {
  return await eventually(
    `bob is ${phase}`,
    async () => {
      const now = await row();
      const done = phase === "gone" ? now?.status === "gone" : now?.status === "ready";
      return now && done && now.phase === phase && now.observed === phase ? now : undefined;
    },
    240_000,
  );
}

function subscribe(): void {
  const made = fleet.sandbox.stripe.createPaidSubscription({
    lookupKey: "clawfleet-starter-monthly",
    email: "bob@example.com",
    metadata: { slug: "bob" },
    ...(customer === "" ? {} : { customer }),
  });
  subscription = made.id;
  customer = made.customer;
}

/** Days of grace, from now on. */
async function setGrace(archiveAfterDays: number, deleteAfterDays: number): Promise<void> {
  const file = join(fleet.stacksDir, "plans.yaml");
  const text = await readFile(file, "utf8");
  const grace = `grace: { pastDueDays: 7, archiveAfterDays: ${archiveAfterDays}, deleteAfterDays: ${deleteAfterDays} }`;
  await writeFile(file, text.replaceAll(/grace: .*/g, grace));
}

const project = () => fleet.sandbox.hetzner.project();
const snapshots = () =>
  project()
    .images()
    .filter(({ type }) => type === "snapshot");

async function onMachine(script: string): Promise<string> {
  const { id } = project().server("cf-bob");
  return (await fleet.sandbox.machines?.run(id, script))?.stdout.trim() ?? "";
}

async function readToken(): Promise<string> {
  const text = await onMachine("cat /etc/openclaw/gateway.env");
  return /OPENCLAW_GATEWAY_TOKEN="([^"]+)"/.exec(text)?.[1] ?? "";
}

async function answers(token: string): Promise<boolean> {
  const answer = await askAssistant(fleet.sandbox.edge, { host, path: "/v1/models", token });
  return answer.status === 200;
}

describe.skipIf(obstacle !== undefined)("a customer who leaves and comes back", () => {
  let token = "";
  let firstServer = 0;

  beforeAll(async () => {
    fleet = await startFleet();
    await setGrace(7, 30);
  });
  afterAll(() => fleet?.close());

  test("canceled: the gateway is stopped at once, server and data stay", async () => {
    subscribe();
    await untilPhase("running");
    token = await readToken();
    expect(await answers(token)).toBe(true);
    await onMachine(`echo 'what bob wrote' > ${note} && chown openclaw: ${note}`);
    firstServer = project().server("cf-bob").id;
    // A letter that has not left when its customer goes is withdrawn.
    await eventually("the customer is told that it is ready", () =>
      fleet.sandbox.mail.mails.some(({ subject }) => subject.includes("ready")),
    );
    fleet.sandbox.stripe.cancelSubscription(subscription);
    await untilPhase("suspended");
    expect(await answers(token)).toBe(false);
    expect(await onMachine(`cat ${note}`)).toBe("what bob wrote");
  });

  test("back from suspended: the same server goes on", async () => {
    subscribe();
    await untilPhase("running");
    expect(await answers(token)).toBe(true);
    expect(project().server("cf-bob").id).toBe(firstServer);
  });

  test("paid for again while the archive is being taken: the same server is switched on and goes on", async () => {
    const { faults } = fleet.sandbox.hetzner;
    const body = { error: { code: "locked", message: "Item is locked", details: null } };
    const effect = { kind: "answer", status: 423, body } as const;
    faults.add({ method: "POST", path: "create_image", times: 10_000, effect });
    await setGrace(0, 30);
    fleet.sandbox.stripe.cancelSubscription(subscription);
    await eventually("the server is off", () => project().server("cf-bob").status === "off", 240_000);
    subscribe();
    await untilPhase("running");
    expect(project().server("cf-bob")).toMatchObject({ id: firstServer, status: "running" });
    expect(await answers(token)).toBe(true);
    expect(await onMachine(`cat ${note}`)).toBe("what bob wrote");
    expect(snapshots()).toEqual([]);
    faults.clear();
  });

  test("canceled for long enough, and everything halted: nothing is taken away", async () => {
    const halted = await fleet.client.halt.$put({ json: { reason: "looking into billing" } });
    expect(halted.status).toBe(200);
    await setGrace(0, 30);
    fleet.sandbox.stripe.cancelSubscription(subscription);
    const [before] = await fleet.database.sql<
      { id: number }[]
    >`select max(id)::int as id from clawfleet.sweeps`;
    await eventually("four more sweeps", async () => {
      const [now] = await fleet.database.sql<{ id: number }[]>`
        select max(id)::int as id from clawfleet.sweeps where outcome = 'complete'`;
      return (now?.id ?? 0) >= (before?.id ?? 0) + 4;
    });
    expect(await row()).toMatchObject({ phase: "running", status: "ready" });
    expect(await answers(token)).toBe(true);
    await fleet.client.halt.$delete();
  });

  test("archived: a snapshot that is available, and neither server nor record", async () => {
    const archived = await untilPhase("archived");
    expect(project().servers()).toEqual([]);
    expect(fleet.sandbox.cloudflare.recordsNamed(host)).toEqual([]);
    const [snapshot, second] = snapshots();
    expect(second).toBeUndefined();
    expect(snapshot).toMatchObject({ status: "available" });
    expect(String(snapshot?.id)).toBe(archived.snapshot);
    expect(snapshot?.labels).toMatchObject({ "clawfleet-instance": archived.id, "clawfleet-slug": "bob" });
    expect(snapshot?.labels).toHaveProperty(archiveLabel);
    expect(archived.ip).not.toBeNull();
  });

  test("back from archived: a new server with data, name, token and settings, and no snapshot left", async () => {
    subscribe();
    await untilPhase("running");
    expect(project().server("cf-bob").id).not.toBe(firstServer);
    expect(await onMachine(`cat ${note}`)).toBe("what bob wrote");
    expect(await onMachine(`stat -c %U ${note}`)).toBe("openclaw");
    expect(await readToken()).toBe(token);
    expect(await answers(token)).toBe(true);
    await eventually("the snapshot is deleted", () => snapshots().length === 0);
    expect((await row())?.snapshot).toBeNull();
  });

  test("gone from archived: no snapshot, no key, no address; the ledger tells the story", async () => {
    fleet.sandbox.stripe.cancelSubscription(subscription);
    await untilPhase("archived");
    expect(snapshots()).toHaveLength(1);
    await setGrace(0, 0);
    const gone = await untilPhase("gone");
    expect(snapshots()).toEqual([]);
    expect(project().servers()).toEqual([]);
    expect(gone).toMatchObject({ email: null, snapshot: null, ip: null });
    expect(gone.secrets).toHaveLength(0);
    const kept = await fleet.database.sql`
      select email from clawfleet.subscriptions where customer_id = ${customer} and email is not null`;
    expect(kept).toEqual([]);
    const reached = await fleet.database.sql<{ value: string }[]>`
      select value from clawfleet.ledger where kind = 'reached' and instance_id = ${gone.id} order by id`;
    // It may or may not get to stop the gateway while the second reading is waited for.
    const served = reached.map(({ value }) => value).filter((value) => value !== "suspended");
    const changes = served.filter((value, index) => value !== served[index - 1]);
    expect(changes).toEqual(["running", "archived", "running", "archived", "gone"]);
    const mails = fleet.sandbox.mail.mails.map(({ subject }) => subject.split(":")[0]);
    expect(mails.filter((subject) => subject?.includes("ready"))).toHaveLength(1);
  });
});
