/**
 * Proves with the real engine what a run leaves behind that died, or lost its answer, between "created" and "saved": the next
 * run adopts the object, and there is never a second one. It cannot prove that the official
 * providers take an import as the stand-ins do; `PROVIDERS=official` runs the same file against those.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { killSession } from "../../infra/process-session.ts";
import type { FaultEffect } from "../sandbox/kit/faults.ts";
import type { Simulator } from "../sandbox/kit/simulator.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";
import { listDescendants } from "../support/processes.ts";
import { stateRoot } from "../support/state-rows.ts";

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
    await fleet.untilStatus("dora", "ready");
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

  test("the checkpoint is broken: parked with what to do; once it is removed everything is adopted, nothing made twice", async () => {
    const [server] = serversOf("bea");
    const key = `${stateRoot(fleet.database.url)}/stacks/clawfleet/bea.json`;
    const half = Buffer.from("{ half a fi").toString("base64");
    await fleet.database
      .sql`update public.pulumi_state set data = jsonb_build_object('data', ${half}::text) where key = ${key}`;
    await fleet.apply("bea");
    const row = await fleet.untilStatus("bea", "parked");
    expect(row.statusDetail).toContain("the state of bea cannot be read");
    expect(row.statusDetail).toContain(`delete from pulumi_state where key = '${key}'`);
    await fleet.database.sql`delete from public.pulumi_state where key = ${key}`;
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

describe.skipIf(obstacle !== undefined)("a cell whose first run lost every answer", () => {
  beforeAll(async () => {
    const prepare = ({ hetzner }: Fleet["sandbox"]) => {
      for (const path of ["^/v1/networks$", "/actions/add_subnet$", "^/v1/ssh_keys$"])
        lose(hetzner, path, { kind: "drop-after" });
    };
    fleet = await startFleet({}, { prepare });
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
