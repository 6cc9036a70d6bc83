/**
 * Proves on real rows and the real queue who is read when and by whom, what a lot of readings leads to, and that many who fall ill
 * at once are not helped while a single one is. What machines say is given: nobody dials here.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { readConditions } from "../../reconciler/conditions.ts";
import { adoptInstances, takeDue } from "../../reconciler/db/health.ts";
import type { Binding } from "../../reconciler/queue/binding.ts";
import { startWard, wardSlugs, type Ward } from "../support/ward.ts";

const all: Binding = { kind: "all" };
let ward: Ward;

beforeAll(async () => {
  ward = await startWard();
});
beforeEach(() => ward.clear());
afterAll(() => ward.close());

const lose = (...slugs: string[]) => (ward.ill = new Map(slugs.map((slug) => [slug, "lost"])));
const verdict = async (slug: string) => (await ward.row(slug))?.verdict;
const kinds = () => ward.alerts.map(({ kind, about }) => `${kind} ${about}`);
const brake = async () =>
  (await readConditions(ward.side.apply.sql)).find(({ kind }) => kind === "healing_braked");

describe("who is read", () => {
  test("everybody that runs, each once for an interval, by whom it is due to first", async () => {
    const { sql } = ward.side.apply;
    await adoptInstances(sql, all, 60_000);
    await adoptInstances(sql, all, 60_000);
    await sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
    const take = (binding: Binding, limit: number) => takeDue(sql, { binding, limit });
    const [first, second] = await Promise.all([take(all, 4), take(all, 4)]);
    const third = await take(all, 100);
    const taken = [...first, ...second, ...third].map(({ slug }) => slug);
    expect(taken.toSorted()).toEqual(wardSlugs);
    expect(await take(all, 100)).toEqual([]);
  });

  test("a worker of other cells takes nobody, one of this cell takes all", async () => {
    const { sql } = ward.side.apply;
    await adoptInstances(sql, all, 60_000);
    await sql`update clawfleet.health set probe_at = now() - interval '1 s'`;
    const [{ cell } = { cell: "" }] = await sql<
      { cell: string }[]
    >`select name as cell from clawfleet.cells limit 1`;
    const take = (binding: Binding) => takeDue(sql, { binding, limit: 100 });
    expect(await take({ kind: "cells", cells: ["elsewhere"] })).toEqual([]);
    expect(await take({ kind: "cells", cells: [cell] })).toHaveLength(wardSlugs.length);
  });

  test("who is being changed is read without it counting; who is gone is forgotten", async () => {
    const { sql } = ward.side.apply;
    lose("amy");
    await ward.read();
    await sql`update clawfleet.instances set status = 'converging' where slug = 'amy'`;
    await ward.read(5);
    expect(await verdict("amy")).toBe("unknown");
    await sql`update clawfleet.instances set status = 'gone' where slug = 'amy'`;
    await ward.read();
    expect(await verdict("amy")).toBeUndefined();
  });

  test("one that nobody knows the way to counts as not read, however often it was looked at", async () => {
    const { sql } = ward.side.apply;
    const unread = async () => (await readConditions(sql)).find(({ kind }) => kind === "not_read")?.count;
    await sql`update clawfleet.instances set outputs = null where slug = 'amy'`;
    await sql`update clawfleet.instances set status = 'converging' where slug = 'bob'`;
    await ward.read();
    await sql`update clawfleet.health set attended_at = attended_at - interval '6 minutes'`;
    expect(await unread()).toBe(wardSlugs.length);
    await ward.read();
    expect(await unread()).toBe(1);
  });
});

describe("what follows", () => {
  test("no clock of a customer's runs from when theirs is ill until it is well", async () => {
    const { sql } = ward.side.apply;
    await sql`truncate clawfleet.outages`;
    const outages = async () =>
      await sql`
        select i.slug, o.to_at is not null as over from clawfleet.outages o
        join clawfleet.instances i on i.id = o.instance_id order by o.from_at`;
    lose("cleo");
    await ward.read(4);
    expect(await outages()).toEqual([{ slug: "cleo", over: false }]);
    lose();
    await ward.read(3);
    expect(await outages()).toEqual([{ slug: "cleo", over: true }]);
  });

  test("one of ten that is lost three times in a row: an alert and a reboot, and nobody else's", async () => {
    lose("bob");
    await ward.read(2);
    expect(await ward.queued()).toEqual([]);
    await ward.read();
    expect(await ward.queued()).toEqual(["bob reboot"]);
    expect(kinds()).toEqual(["unhealthy bob"]);
    lose();
    await ward.read(2);
    expect(await verdict("bob")).toBe("well");
  });

  test("while a step waits nothing harder follows, whatever the readings say meanwhile", async () => {
    lose("bob");
    await ward.read(30);
    expect(await ward.queued()).toEqual(["bob reboot"]);
    expect(kinds()).toEqual(["unhealthy bob"]);
    expect(await ward.row("bob")).toMatchObject({ rung: null, exhausted: false, attempt: 0 });
  });

  test("half of them at once are our fault: everybody is ill and nobody is helped, until fewer are", async () => {
    lose(...wardSlugs.slice(0, 5));
    await ward.read(6);
    expect(await verdict("amy")).toBe("ill");
    expect(await ward.queued()).toEqual([]);
    const braked = await brake();
    expect(braked).toMatchObject({ count: 5 });
    expect(braked?.detail).toMatch(/fleet \(5 of 10\)/);

    lose("amy");
    await ward.read(3);
    expect((await brake())?.count).toBe(0);
    expect(await ward.queued()).toEqual(["amy reboot"]);
  });

  test("a brake lets go by itself when everybody is well again", async () => {
    lose(...wardSlugs);
    await ward.read(4);
    expect((await brake())?.count).toBe(wardSlugs.length);
    lose();
    await ward.read(2);
    expect((await brake())?.count).toBe(0);
  });

  test("the brake holds in the very lot in which the third strike of all of them comes", async () => {
    lose(...wardSlugs);
    await ward.read(3);
    expect(await ward.queued()).toEqual([]);
    expect(kinds()).toHaveLength(wardSlugs.length);
  });
});
