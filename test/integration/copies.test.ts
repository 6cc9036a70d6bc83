/**
 * Proves on real rows, a simulated Hetzner and machines that keep files in memory that a copy to another disk survives the death of
 * its worker and the loss of an answer at each of its steps, that one that is taken back leaves everything as it was, and that
 * who cannot be copied keeps what they have. Whether real files come through is e2e/copies.test.ts; no engine runs here.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { customerFiles } from "../../cloud-init/customer-files.ts";
import { carrierName, serverName } from "../../components/naming.ts";
import { planSchema } from "../../infra/plans.ts";
import { listHetzner } from "../../reconciler/cloud/inventory.ts";
import { beginHalt, endHalt } from "../../reconciler/db/halt.ts";
import { adoptInstances, takeDue } from "../../reconciler/db/health.ts";
import { readStackFiles } from "../../reconciler/desired/stack-files.ts";
import { sandboxStacks } from "../sandbox/start.ts";
import { proKey, starterKey } from "../support/billing.ts";
import { startCopyRig, type CopyRig } from "../support/copy-rig.ts";

const everybody = { kind: "all" } as const;
let rig: CopyRig;
let count = 0;
let slug: string;
let subscription: ReturnType<CopyRig["side"]["subscribe"]>;
let former: number;
let proLocations = ["nbg1"];

const server = () => rig.hetzner.project().server(serverName(slug));
const serversOf = async () => (await rig.cloud.findServers((await rig.rowOf(slug)).id)).length;
const carriers = async () => await rig.cloud.findCarriers((await rig.rowOf(slug)).id);
const snapshots = async () => await rig.cloud.findSnapshots((await rig.rowOf(slug)).id);
const alerts = async () =>
  await rig.deps.sql<{ message: string }[]>`
    select message from clawfleet.alerts where kind = 'plan_does_not_fit' and about = ${slug}`;

const changePlan = (lookupKey: string) => rig.changePlan(subscription, lookupKey);
const convergeToEnd = () => rig.convergeToEnd(slug);

async function expectCopied(serverType = "cx23"): Promise<void> {
  expect(server()).toMatchObject({ serverType: { name: serverType }, status: "running" });
  expect(server().id).not.toBe(former);
  await expectWhole();
}

async function expectAsBefore(): Promise<void> {
  expect(server()).toMatchObject({ id: former, serverType: { name: "cx33" }, status: "running" });
  await expectWhole();
}

/** One server that serves the customer's files, and nothing beside it. */
async function expectWhole(): Promise<void> {
  expect(rig.machines.disk(server().id).files).toBe(`what ${slug} wrote`);
  expect(rig.machines.gatewayRuns(server().id)).toBe(true);
  expect(await serversOf()).toBe(1);
  expect(await carriers()).toEqual([]);
  expect(await snapshots()).toEqual([]);
  expect(await rig.rowOf(slug)).toMatchObject({ transferMark: null, snapshotId: null, status: "ready" });
}

beforeAll(async () => {
  rig = await startCopyRig();
  // The small plan has no type as large as the other's.
  rig.side.apply.files = async () => {
    const files = await readStackFiles(sandboxStacks);
    const { starter, pro, ...others } = files.plans ?? {};
    const small = planSchema.parse({ ...starter, serverTypes: ["cx23"], locations: ["nbg1", "fsn1"] });
    const large = planSchema.parse({ ...pro, locations: proLocations });
    return { ...files, plans: { ...others, starter: small, pro: large } };
  };
});
beforeEach(async () => {
  count += 1;
  slug = `amy${count}`;
  subscription = rig.side.subscribe(slug, proKey);
  await rig.side.settle();
  await rig.converge(slug, { reason: "paid" });
  former = server().id;
  rig.machines.disk(former).files = `what ${slug} wrote`;
  await changePlan(starterKey);
});
afterEach(() => {
  rig.hetzner.faults.clear();
  rig.hetzner.disturbances.clear();
  rig.machines.clearFaults();
  rig.runs.splice(0);
});
afterAll(() => rig.close());

describe("a copy to a smaller disk", () => {
  test("ends with a smaller server that has the files, and nothing beside it", async () => {
    await convergeToEnd();
    await expectCopied();
    expect(await alerts()).toEqual([]);
  });

  test("survives the death of its worker before each command that it gives to a machine", async () => {
    for (const nth of [1, 2, 3, 4, 5]) await rig.converge(slug, { signal: rig.dieAtCommand(nth) });
    await convergeToEnd();
    await expectCopied();
  });

  test("survives that nobody hears of any of its orders at Hetzner", async () => {
    const orders = [
      { method: "POST", path: "/servers$" },
      { method: "POST", path: "actions/shutdown" },
      { method: "PUT", path: "/servers/" },
      { method: "POST", path: "create_image" },
      { method: "DELETE", path: "/servers/" },
    ];
    for (const order of orders)
      rig.hetzner.faults.add({ ...order, times: 1, effect: { kind: "drop-after" } });
    await convergeToEnd();
    expect(rig.hetzner.faults.pending()).toBe(0);
    await expectCopied();
  });

  test.each([
    ["stop", 3],
    ["pack", 4],
    ["unpack", 5],
    ["digest", 6],
  ])("whose %s is cut off is made again, and the customer is served meanwhile", async (_verb, nth) => {
    for (let before = 1; before < nth; before += 1) rig.machines.failNext({ kind: "slow", ms: 0 });
    rig.machines.failNext({ kind: "cut-after" });
    expect((await rig.converge(slug)).status).toBe("waiting");
    expect(rig.machines.gatewayRuns(former)).toBe(true);
    await convergeToEnd();
    await expectCopied();
  });

  test("is of what was written last: a server that ran since is copied anew", async () => {
    rig.hetzner.faults.add({
      method: "POST",
      path: "create_image",
      times: 1,
      effect: { kind: "drop-before" },
    });
    await rig.converge(slug);
    await rig.cloud.rebootServer({ id: former, status: "off" });
    rig.machines.disk(former).files = `what ${slug} wrote later`;
    await convergeToEnd();
    expect(rig.machines.disk(server().id).files).toBe(`what ${slug} wrote later`);
  });

  test("whose worker died between the deletion and its record goes on from the snapshot", async () => {
    rig.runs.push({ kind: "interrupted", why: "killed" });
    await rig.converge(slug);
    await rig.hetzner.project().vanish("server", server().name);
    await convergeToEnd();
    await expectCopied();
  });
});

describe("in the middle of it", () => {
  beforeEach(async () => {
    const effect = {
      kind: "answer",
      status: 503,
      body: { error: { code: "unavailable", message: "" } },
    } as const;
    rig.hetzner.faults.add({ method: "POST", path: "create_image", times: 1, effect });
    await rig.converge(slug);
    if (server().status !== "off") throw new Error("it is not in the middle of it");
  });

  test("what a machine says counts for nothing, and a carrier is its instance's, known to scans and paid for", async () => {
    const { id } = await rig.rowOf(slug);
    const access = { baseUrl: rig.hetzner.url, token: rig.hetzner.token, fetch };
    const seen = (await listHetzner(access)).find(({ name }) => name === carrierName(id));
    expect(seen?.owner).toBe(id);
    const stocked = (await rig.cloud.readStock()).servers.find(({ name }) => name === carrierName(id));
    expect(stocked?.instance).toBe(id);
    await adoptInstances(rig.deps.sql, everybody, 0);
    await rig.deps.sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
    const due = await takeDue(rig.deps.sql, { binding: everybody, limit: 1000 });
    expect(due.find((one) => one.slug === slug)).toMatchObject({ settled: false, mayRebuild: false });
  });

  test("taken back, the old server is switched on and nothing else is left", async () => {
    await changePlan(proKey);
    await convergeToEnd();
    await expectAsBefore();
  });

  test("suspended, the old server is kept for when they go on, and only then copied", async () => {
    const { sql } = rig.deps;
    await sql`update clawfleet.instances set phase = 'suspended', generation = generation + 1 where slug = ${slug}`;
    await convergeToEnd();
    expect(server()).toMatchObject({ id: former, status: "running" });
    expect([await carriers(), await snapshots()]).toEqual([[], []]);
    expect(rig.machines.gatewayRuns(former)).toBe(false);
    await sql`update clawfleet.instances set phase = 'running', generation = generation + 1 where slug = ${slug}`;
    await convergeToEnd();
    await expectCopied();
  });

  test("canceled, an archive is taken of the server that there is", async () => {
    await rig.deps
      .sql`update clawfleet.instances set phase = 'archived', generation = generation + 1 where slug = ${slug}`;
    await convergeToEnd();
    expect([await serversOf(), (await carriers()).length]).toEqual([0, 0]);
    const { snapshotId } = await rig.rowOf(slug);
    expect((await snapshots()).find(({ id }) => id === snapshotId)).toMatchObject({ diskGb: 80 });
  });
});

describe("who cannot be copied keeps what they have, and operators hear why", () => {
  test("no room anywhere for the new server; once there is some, the next converge copies them", async () => {
    rig.hetzner.disturbances.add({ kind: "no-capacity", serverType: "cx23" });
    await convergeToEnd();
    await expectAsBefore();
    expect(await alerts()).toEqual([{ message: expect.stringContaining("no capacity for a cx23") }]);
    expect(await rig.isTriedAgain(slug)).toBe(true);
    rig.hetzner.disturbances.clear();
    await rig.converge(slug, { reason: "operator" });
    await expectCopied();
  });

  test("more files than the plan's disks hold", async () => {
    rig.machines.disk(former).usedBytes = 35e9;
    await convergeToEnd();
    await expectAsBefore();
    expect(await alerts()).toEqual([{ message: expect.stringContaining("its files take 35.0 GB") }]);
    expect(await rig.isTriedAgain(slug)).toBe(true);
  });

  test("files that are never the same on both sides: given up after some tries", async () => {
    const { runOnMachine } = rig.deps;
    rig.deps.runOnMachine = async (address, command, options) =>
      command === customerFiles.digest
        ? { kind: "ran", code: 0, stdout: address.host, stderr: "" }
        : await runOnMachine(address, command, options);
    await convergeToEnd();
    rig.deps.runOnMachine = runOnMachine;
    await expectAsBefore();
    expect(await alerts()).toEqual([{ message: expect.stringContaining("is not what its server has") }]);
    expect(await rig.isTriedAgain(slug), "each try stops the gateway").toBe(false);
  });

  test("a snapshot that Hetzner never finishes: the old server is switched on again", async () => {
    rig.hetzner.disturbances.add({ kind: "action-error", command: "create_image", times: 10 });
    await convergeToEnd();
    await expectAsBefore();
    expect(await alerts()).toEqual([{ message: expect.stringContaining("did not finish the snapshot") }]);
  });

  test("a project that may have no server more", async () => {
    rig.hetzner.project().setLimits({ servers: rig.hetzner.project().servers().length });
    await convergeToEnd();
    await expectAsBefore();
    expect(await alerts()).toHaveLength(1);
    rig.hetzner.project().setLimits({ servers: Infinity });
  });

  test("everything halted: it waits", async () => {
    await beginHalt(rig.deps.sql, { by: "ops", reason: null, since: rig.side.now() });
    expect((await rig.converge(slug)).status).toBe("waiting");
    expect(server()).toMatchObject({ id: former, status: "running" });
    await endHalt(rig.deps.sql);
    await convergeToEnd();
    await expectCopied();
  });
});

describe("a plan that is sold elsewhere, on disks that hold what there is", () => {
  beforeEach(async () => {
    slug = `bob${count}`;
    subscription = rig.side.subscribe(slug, starterKey);
    await rig.side.settle();
    await rig.converge(slug, { reason: "paid" });
    former = server().id;
    rig.machines.disk(former).files = `what ${slug} wrote`;
    proLocations = ["hel1"];
    await changePlan(proKey);
  });
  afterEach(() => {
    proLocations = ["nbg1"];
  });

  test("moves the server there by a snapshot, and nothing is left of the old one", async () => {
    await convergeToEnd();
    expect(server().location.name).toBe("hel1");
    await expectCopied("cx33");
    expect(await alerts()).toEqual([]);
  });

  test("and is taken back in the middle: the old server goes on", async () => {
    rig.hetzner.faults.add({
      method: "POST",
      path: "create_image",
      times: 1,
      effect: { kind: "drop-after" },
    });
    await rig.converge(slug);
    await changePlan(starterKey);
    await convergeToEnd();
    expect(server()).toMatchObject({ id: former, location: { name: "nbg1" }, serverType: { name: "cx23" } });
    await expectWhole();
  });
});
