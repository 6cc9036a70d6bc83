/**
 * Proves on real rows and the real queue who is read when and by whom, what a lot of readings leads to, and that many who fall ill
 * at once are not helped while a single one is. What machines say is given: nobody dials here.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readConditions } from "../../reconciler/conditions.ts";
import { adoptInstances, takeDue } from "../../reconciler/db/health.ts";
import { recordReady } from "../../reconciler/db/observed.ts";
import { updateBrakes } from "../../reconciler/health/brakes.ts";
import type { RunOnMachine } from "../../reconciler/health/machine-ssh.ts";
import { readLot } from "../../reconciler/health/round.ts";
import type { RaisedAlert } from "../../reconciler/messages/alerts.ts";
import type { Binding } from "../../reconciler/queue/binding.ts";
import { startBillingSide, type BillingSide } from "../support/billing.ts";
import { vitalsOf } from "../support/vitals.ts";

const all: Binding = { kind: "all" };
const slugs = ["amy", "bob", "cleo", "dora", "eve", "finn", "gus", "hal", "ida", "joe"];
const outputsOf = {
  serverId: "1",
  serverType: "cx23",
  location: "nbg1",
  ipv6: "2001:db8::1",
  url: "https://x.claws.example",
  openclawVersion: "2026.9.6",
  health: "started 2026.9.6",
};
let side: BillingSide;
let alerts: RaisedAlert[] = [];
/** Slugs of machines that let nobody in. */
let lost = new Set<string>();
let addresses = new Map<string, string>();

beforeAll(async () => {
  side = await startBillingSide();
  for (const slug of slugs) side.subscribe(slug);
  await side.settle();
});
beforeEach(async () => {
  const { sql } = side.apply;
  await sql`delete from pgboss.job`;
  await sql`truncate clawfleet.health, clawfleet.health_brakes`;
  const rows = await sql<{ id: string; slug: string; address: string }[]>`
    update clawfleet.instances set status = 'ready' returning id, slug, host(private_ip) as address`;
  for (const { id, address } of rows) {
    const outputs = { ...outputsOf, ipv4: address, privateIp: address };
    await recordReady(sql, id, { generation: 1, phase: "running", outputs, now: side.now() });
  }
  addresses = new Map(rows.map(({ slug, address }) => [address, slug]));
  alerts = [];
  lost = new Set();
});
afterAll(() => side.close());

const run: RunOnMachine = async ({ host }) =>
  lost.has(addresses.get(host) ?? "")
    ? { kind: "unreachable", reason: "ETIMEDOUT" }
    : { kind: "ran", code: 0, stdout: JSON.stringify(vitalsOf()), stderr: "" };

/** Everybody is read once more. */
async function readAll(): Promise<void> {
  const { sql } = side.apply;
  await adoptInstances(sql, all, 60_000);
  await sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
  const lot = await takeDue(sql, { binding: all, limit: 1000 });
  await readLot(
    { ...side.apply, intervalMs: 60_000, run, onAlert: (alert) => alerts.push(alert) },
    lot,
    new AbortController().signal,
  );
}

async function readTimes(times: number): Promise<void> {
  for (let count = 0; count < times; count += 1) await readAll();
}

const queued = async () =>
  (
    await side.apply.sql<{ job: string }[]>`
      select concat(data ->> 'stack', ' ', data -> 'heal' ->> 'step') as job from pgboss.job
      where name = 'converge' and state = 'created' order by data ->> 'stack'`
  ).map(({ job }) => job);
const kinds = () => alerts.map(({ kind, about }) => `${kind} ${about}`);
const verdict = async (slug: string) => {
  const [row] = await side.apply.sql<{ verdict: string }[]>`
    select h.verdict from clawfleet.health h join clawfleet.instances i on i.id = h.instance_id where i.slug = ${slug}`;
  return row?.verdict;
};

describe("who is read", () => {
  test("everybody that runs, each once for an interval, by whom it is due to first", async () => {
    const { sql } = side.apply;
    await adoptInstances(sql, all, 60_000);
    await adoptInstances(sql, all, 60_000);
    await sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
    const take = (binding: Binding, limit: number) => takeDue(sql, { binding, limit });
    const [first, second] = await Promise.all([take(all, 4), take(all, 4)]);
    const third = await take(all, 100);
    const taken = [...first, ...second, ...third].map(({ slug }) => slug);
    expect(taken.toSorted()).toEqual(slugs);
    expect(await take(all, 100)).toEqual([]);
  });

  test("a worker of other cells takes nobody, one of this cell takes all", async () => {
    const { sql } = side.apply;
    await adoptInstances(sql, all, 60_000);
    await sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
    const [{ cell } = { cell: "" }] = await sql<
      { cell: string }[]
    >`select name as cell from clawfleet.cells limit 1`;
    const take = (binding: Binding) => takeDue(sql, { binding, limit: 100 });
    expect(await take({ kind: "cells", cells: ["elsewhere"] })).toEqual([]);
    expect(await take({ kind: "cells", cells: [cell] })).toHaveLength(slugs.length);
  });

  test("who is being changed is read without it counting; who is gone is forgotten", async () => {
    const { sql } = side.apply;
    lost = new Set(["amy"]);
    await readAll();
    await sql`update clawfleet.instances set status = 'converging' where slug = 'amy'`;
    await readTimes(5);
    expect(await verdict("amy")).toBe("unknown");
    await sql`update clawfleet.instances set status = 'gone' where slug = 'amy'`;
    await readAll();
    expect(await verdict("amy")).toBeUndefined();
  });
});

describe("what follows", () => {
  test("no clock of a customer's runs from when theirs is ill until it is well", async () => {
    const { sql } = side.apply;
    await sql`truncate clawfleet.outages`;
    const outages = async () =>
      await sql`
        select i.slug, o.to_at is not null as over from clawfleet.outages o
        join clawfleet.instances i on i.id = o.instance_id order by o.from_at`;
    lost = new Set(["cleo"]);
    await readTimes(4);
    expect(await outages()).toEqual([{ slug: "cleo", over: false }]);
    lost = new Set();
    await readTimes(3);
    expect(await outages()).toEqual([{ slug: "cleo", over: true }]);
  });

  test("one of ten that is lost three times in a row: an alert and a reboot, and nobody else's", async () => {
    lost = new Set(["bob"]);
    await readTimes(2);
    expect(await queued()).toEqual([]);
    await readAll();
    expect(await queued()).toEqual(["bob reboot"]);
    expect(kinds()).toEqual(["unhealthy bob"]);
    lost = new Set();
    await readTimes(2);
    expect(await verdict("bob")).toBe("well");
  });

  test("a step waits in the queue once, whatever the readings say meanwhile", async () => {
    lost = new Set(["bob"]);
    await readTimes(12);
    expect(await queued()).toEqual(["bob reboot"]);
    expect(kinds()).toEqual(["unhealthy bob", "healing_exhausted bob"]);
  });

  test("half of them at once are our fault: everybody is ill and nobody is helped, until fewer are", async () => {
    lost = new Set(slugs.slice(0, 5));
    await readTimes(6);
    expect(await verdict("amy")).toBe("ill");
    expect(await queued()).toEqual([]);
    const braked = (await readConditions(side.apply.sql)).find(({ kind }) => kind === "healing_braked");
    expect(braked).toMatchObject({ count: 5 });
    expect(braked?.detail).toMatch(/fleet \(5 of 10\)/);

    lost = new Set(["amy"]);
    await readTimes(2);
    await updateBrakes(side.apply);
    expect((await readConditions(side.apply.sql)).find(({ kind }) => kind === "healing_braked")?.count).toBe(
      0,
    );
    await readAll();
    expect(await queued()).toEqual(["amy reboot"]);
  });

  test("the brake holds in the very lot in which the third strike of all of them comes", async () => {
    lost = new Set(slugs);
    await readTimes(3);
    expect(await queued()).toEqual([]);
    expect(kinds()).toHaveLength(slugs.length);
  });
});
