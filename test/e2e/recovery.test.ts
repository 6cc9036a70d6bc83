/**
 * Proves with the real engine what a run leaves behind that died, or lost its answer, between "created" and "saved": the next
 * run adopts the object, and there is never a second one; and whose locks are removed. It cannot prove that the official
 * providers take an import as the stand-ins do; `PROVIDERS=official` runs the same file against those.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { killSession } from "../../infra/process-session.ts";
import type { FaultEffect } from "../sandbox/kit/faults.ts";
import type { Simulator } from "../sandbox/kit/simulator.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";
import { listDescendants, isRunning } from "../support/processes.ts";

const obstacle = await findObstacle();
if (obstacle !== undefined) process.stderr.write(`skipped: ${obstacle}\n`);

let fleet: Fleet;
const project = () => fleet.sandbox.hetzner.project();
const serversOf = (slug: string) =>
  project()
    .servers()
    .filter(({ name }) => name === `cf-${slug}`);
const firewallsOf = (slug: string) =>
  project()
    .firewalls()
    .filter(({ name }) => name === `cf-${slug}`);
const recordsOf = (slug: string) => fleet.sandbox.cloudflare.recordsNamed(`${slug}.claws.example`);
const certificatesOf = (slug: string) =>
  fleet.sandbox.cloudflare
    .certificates()
    .filter(({ hostnames }) => hostnames.includes(`${slug}.claws.example`));

/** The answer to the next such request is lost or withheld, its effect is not. */
function lose(cloud: Simulator, path: string, effect: FaultEffect): void {
  cloud.faults.add({ method: "POST", path, effect });
}

const withheld: FaultEffect = { kind: "hold-after", ms: 120_000 };

async function untilHit(cloud: Simulator): Promise<void> {
  await eventually("the order was taken", () => cloud.faults.pending() === 0, 60_000);
}

/** As the kernel's memory killer would: engine and all that it started, without a word to anybody. */
async function killRun(path: string, cloud: Simulator): Promise<void> {
  await untilHit(cloud);
  await eventually(`${path} has had its effect`, () =>
    cloud.exchanges.some((one) => new RegExp(path).test(one.path)),
  );
  const engines = (await listDescendants(fleet.service.pid)).filter(({ command }) =>
    command.includes("runner.ts"),
  );
  expect(engines.length).toBeGreaterThan(0);
  for (const { pid } of engines) killSession(pid);
}

async function recoveryNotes(slug: string): Promise<string[]> {
  const rows = await fleet.database.sql<{ message: string }[]>`
    select e.message from clawfleet.operation_events e join clawfleet.operations o on o.id = e.operation_id
    where o.stack = ${slug} and e.message like 'recovery: %' order by e.operation_id, e.seq`;
  return rows.map(({ message }) => message);
}

async function expectWhole(slug: string): Promise<void> {
  await fleet.untilStatus(slug, "ready", 150_000);
  expect(serversOf(slug)).toHaveLength(1);
  expect(firewallsOf(slug)).toHaveLength(1);
  expect(certificatesOf(slug)).toHaveLength(1);
  expect(
    recordsOf(slug)
      .map(({ type }) => type)
      .toSorted(),
  ).toEqual(["A", "AAAA"]);
  const again = await fleet.apply(slug);
  expect([again.outcome, again.error]).toEqual(["unchanged", null]);
}

async function writeLock(
  stack: string,
  owner: { pid: number; hostname: string; takenAt: Date },
): Promise<string> {
  const key = `${stateRoot()}/locks/organization/clawfleet/${stack}/${crypto.randomUUID()}.json`;
  const { pid, hostname: host, takenAt } = owner;
  const content = JSON.stringify({ pid, username: "alice", hostname: host, timestamp: takenAt });
  const data = { data: Buffer.from(content).toString("base64") };
  await fleet.database
    .sql`insert into public.pulumi_state (key, data) values (${key}, ${fleet.database.sql.json(data)})`;
  return key;
}

/** The database's name is part of every key (backend/diy/backend.go of Pulumi). */
function stateRoot(): string {
  return `${new URL(fleet.database.url).pathname.slice(1)}/.pulumi`;
}

async function isLocked(key: string): Promise<boolean> {
  return (await fleet.database.sql`select 1 from public.pulumi_state where key = ${key}`).length === 1;
}

describe.skipIf(obstacle !== undefined)("what a dead run left behind", () => {
  beforeAll(async () => {
    fleet = await startFleet();
  });
  afterAll(() => fleet?.close());
  afterEach(() => {
    fleet.sandbox.hetzner.faults.clear();
    fleet.sandbox.cloudflare.faults.clear();
  });

  test("server, killed between created and saved: its lock goes, the same server is adopted", async () => {
    const { hetzner } = fleet.sandbox;
    lose(hetzner, "^/v1/servers$", withheld);
    await fleet.provision("ada");
    await killRun("^/v1/servers$", hetzner);
    const [made] = serversOf("ada");
    await expectWhole("ada");
    expect(serversOf("ada").map(({ id }) => id)).toEqual([made?.id]);
    const notes = await recoveryNotes("ada");
    expect(notes.join("\n")).toMatch(/lock of .* is removed: its process \d+ is gone/);
    expect(notes.join("\n")).toMatch(/pending create of .*::server is resolved/);
    expect(notes.join("\n")).toMatch(/adopted into the state: hcloud:index\/server:Server server \d+/);
  });

  test("server, its answer lost: the same server is adopted", async () => {
    lose(fleet.sandbox.hetzner, "^/v1/servers$", { kind: "drop-after" });
    await fleet.provision("bea");
    await untilHit(fleet.sandbox.hetzner);
    await expectWhole("bea");
  });

  test("firewall, killed between created and saved: the same firewall is adopted", async () => {
    const { hetzner } = fleet.sandbox;
    lose(hetzner, "^/v1/firewalls$", withheld);
    await fleet.provision("cleo");
    await killRun("^/v1/firewalls$", hetzner);
    const [made] = firewallsOf("cleo");
    await expectWhole("cleo");
    expect(firewallsOf("cleo").map(({ id }) => id)).toEqual([made?.id]);
  });

  test("network attachment, killed between created and saved: attached once, with its address", async () => {
    const { hetzner } = fleet.sandbox;
    lose(hetzner, "/actions/attach_to_network$", withheld);
    await fleet.provision("dora");
    await killRun("/actions/attach_to_network$", hetzner);
    await expectWhole("dora");
    expect((await fleet.find("dora")).status).toBe("ready");
    expect((await recoveryNotes("dora")).join("\n")).toMatch(/pending create of .*::network is resolved/);
  });

  test("record, killed between created and saved: the same record is adopted", async () => {
    const { cloudflare } = fleet.sandbox;
    lose(cloudflare, "/dns_records$", withheld);
    await fleet.provision("edna");
    await killRun("/dns_records$", cloudflare);
    await expectWhole("edna");
  });

  test("record, its answer lost: one of each kind in the end", async () => {
    lose(fleet.sandbox.cloudflare, "/dns_records$", { kind: "drop-after" });
    await fleet.provision("faye");
    await untilHit(fleet.sandbox.cloudflare);
    await expectWhole("faye");
  });

  test("certificate, killed between created and saved: it is revoked, since nobody can take it over", async () => {
    const { cloudflare } = fleet.sandbox;
    lose(cloudflare, "/certificates$", withheld);
    await fleet.provision("fern");
    await killRun("/certificates$", cloudflare);
    const [lost] = certificatesOf("fern");
    await expectWhole("fern");
    expect(certificatesOf("fern")[0]?.id).not.toBe(lost?.id);
  });

  test("certificate, made twice by the provider's own second try: none is left when the instance is gone", async () => {
    lose(fleet.sandbox.cloudflare, "/certificates$", { kind: "drop-after" });
    await fleet.provision("flor");
    await untilHit(fleet.sandbox.cloudflare);
    await fleet.untilStatus("flor", "ready", 150_000);
    await fleet.deprovision("flor");
    await fleet.untilStatus("flor", "gone");
    expect(certificatesOf("flor")).toEqual([]);
  });

  test("nothing was made before the death: the pending create is cleared, one server is made", async () => {
    const { hetzner } = fleet.sandbox;
    hetzner.faults.add({ method: "POST", path: "^/v1/servers$", effect: { kind: "delay", ms: 120_000 } });
    await fleet.provision("gwen");
    await untilHit(hetzner);
    const engines = (await listDescendants(fleet.service.pid)).filter(({ command }) =>
      command.includes("runner.ts"),
    );
    for (const { pid } of engines) killSession(pid);
    await expectWhole("gwen");
    expect((await recoveryNotes("gwen")).join("\n")).not.toContain("adopted");
  });

  test("the checkpoint is lost: everything is adopted again, nothing is made twice", async () => {
    const [server] = serversOf("bea");
    await fleet.database
      .sql`delete from public.pulumi_state where key = ${`${stateRoot()}/stacks/clawfleet/bea.json`}`;
    await fleet.apply("bea");
    await expectWhole("bea");
    expect(serversOf("bea").map(({ id }) => id)).toEqual([server?.id]);
  });

  test("a stranger's object of that name is left alone, and the instance parked with what to do", async () => {
    const { token } = fleet.sandbox.hetzner;
    await fetch(`${fleet.sandbox.hetzner.url}/firewalls`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name: "cf-hana" }),
    });
    await fleet.provision("hana");
    const row = await fleet.untilStatus("hana", "parked");
    expect(row.statusDetail).toContain("firewall cf-hana");
    expect(row.statusDetail).toContain("npm run fleet -- apply hana");
    expect(firewallsOf("hana")).toHaveLength(1);
  });
});

describe.skipIf(obstacle !== undefined)("a locked stack", () => {
  beforeAll(async () => {
    fleet = await startFleet();
    await fleet.provision("iris");
    await fleet.untilStatus("iris", "ready");
  });
  afterAll(() => fleet?.close());

  test("a living owner's lock stays; the instance waits, says for whom, and goes on when it is given back", async () => {
    const key = await writeLock("iris", { pid: process.pid, hostname: hostname(), takenAt: new Date() });
    const operation = await fleet.apply("iris");
    expect(operation.outcome).toBe("failed");
    const row = await fleet.untilStatus("iris", "waiting");
    expect(row.statusDetail).toContain(`iris is locked by alice@${hostname()} (pid ${process.pid}) since `);
    expect(await isLocked(key)).toBe(true);
    await fleet.database.sql`delete from public.pulumi_state where key = ${key}`;
    await fleet.untilStatus("iris", "ready");
  });

  test("a dead owner's lock is removed, the locks of other stacks stay", async () => {
    const child = spawn(process.execPath, ["-e", ""]);
    await once(child, "exit");
    const dead = { pid: child.pid ?? 0, hostname: hostname(), takenAt: new Date() };
    const [key, other, longer] = [
      await writeLock("iris", dead),
      await writeLock("other", dead),
      await writeLock("iris2", dead),
    ];
    const operation = await fleet.apply("iris");
    expect(operation.outcome).toBe("unchanged");
    expect(await Promise.all([key, other, longer].map(isLocked))).toEqual([false, true, true]);
  });

  test("a run of ours without a claim that is still alive is ended, and its lock removed", async () => {
    const orphan = spawn(process.execPath, ["-e", "setTimeout(() => {}, 600000)"], {
      detached: true,
      env: { CLAWFLEET_RUNNER: "some-worker-1" },
      stdio: "ignore",
    });
    await once(orphan, "spawn");
    const key = await writeLock("iris", { pid: orphan.pid ?? 0, hostname: hostname(), takenAt: new Date() });
    expect((await fleet.apply("iris")).outcome).toBe("unchanged");
    expect([await isLocked(key), await isRunning(orphan.pid ?? 0)]).toEqual([false, false]);
  });

  test("nobody knows whether a lock's owner lives: after an hour the instance is parked with the commands", async () => {
    const takenAt = new Date(Date.now() - 2 * 3_600_000);
    const key = await writeLock("iris", { pid: 4242, hostname: "laptop", takenAt });
    await fleet.apply("iris");
    const { statusDetail } = await fleet.untilStatus("iris", "parked");
    for (const text of [
      `alice@laptop (pid 4242) since ${takenAt.toISOString()}`,
      "on laptop: ps -fp 4242",
      "npm run pulumi -- cancel --yes --stack iris",
      "npm run fleet -- apply iris",
    ])
      expect(statusDetail).toContain(text);
    expect(await isLocked(key)).toBe(true);
  });
});

describe.skipIf(obstacle !== undefined)("a cell whose first run lost every answer", () => {
  beforeAll(async () => {
    fleet = await startFleet({}, ({ hetzner }) => {
      for (const path of ["^/v1/networks$", "/actions/add_subnet$", "^/v1/ssh_keys$"])
        lose(hetzner, path, { kind: "drop-after" });
    });
  });
  afterAll(() => fleet?.close());

  test("network, subnet and key are adopted, and instances find their cell", async () => {
    await fleet.provision("jill");
    await fleet.untilStatus("jill", "ready", 150_000);
    expect(fleet.sandbox.hetzner.faults.pending()).toBe(0);
    expect(
      project()
        .networks()
        .map(({ name, subnets }) => [name, subnets.length]),
    ).toEqual([["cf-cell-lab", 1]]);
    expect(project().sshKeys()).toHaveLength(1);
    expect((await recoveryNotes("cell.lab")).join("\n")).toMatch(
      /adopted into the state: hcloud:index\/network:Network network \d+/,
    );
  });
});
