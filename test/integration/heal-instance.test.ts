/**
 * Proves on real rows and the real queue how the ladder is climbed when steps wait, fail, are not possible, are cut off or are
 * taken while a reading is under way: the rung says what was really done, and nobody loses their disk without a reboot before it
 * and without permission at that moment. Machines and Hetzner are stand-ins; a real rebuild is in `e2e/healing.test.ts`.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { beginHalt, endHalt } from "../../reconciler/db/halt.ts";
import { createTakeStep } from "../../reconciler/operators/steps.ts";
import { startWard, unreachable, type Ward } from "../support/ward.ts";

let ward: Ward;
beforeAll(async () => {
  ward = await startWard();
});
beforeEach(() => ward.clear());
afterAll(() => ward.close());

const failed = { gateway: { unit: "failed", upSeconds: null, answer: "none" } };
const withoutProxy = { proxy: { unit: "failed", listens: false } };
const allowRebuild = (allowed = true) => ward.side.apply.sql`
  update clawfleet.instances
  set plan_settings = jsonb_set(plan_settings, '{healing}', ${ward.side.apply.sql.json({ rebuild: allowed })})`;
const set = (assignment: string) =>
  ward.side.apply.sql.unsafe(`update clawfleet.instances set ${assignment} where slug = 'bob'`);
const kinds = () => ward.alerts.map(({ kind, about }) => `${kind} ${about}`);
const operations = async () => {
  const rows = await ward.side.apply.sql<{ line: string }[]>`
    select concat(kind, ' ', outcome) as line from clawfleet.operations where stack = 'bob' order by id`;
  return rows.map(({ line }) => line);
};

/** Read once a minute, and every step is taken within it. */
async function live(minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute += 1) {
    await ward.read();
    await ward.help();
  }
}

describe("the ladder", () => {
  beforeEach(async () => {
    await ward.side.apply.sql`truncate clawfleet.operations cascade`;
    ward.ill.set("bob", failed);
  });

  test("restart, reboot, rebuild where it is allowed, then a person", async () => {
    await allowRebuild();
    await live(35);
    expect(ward.done).toEqual(["bob restart", "bob reset", "bob rebuild"]);
    expect(kinds()).toEqual(["unhealthy bob", "healing_exhausted bob"]);
    expect(await operations()).toEqual(["restart succeeded", "reboot succeeded"]);
  });

  test("a server that is not there any more: a person is called, once", async () => {
    ward.reset = "gone";
    await live(12);
    expect(ward.done).toEqual(["bob restart"]);
    expect(kinds()).toEqual(["unhealthy bob", "healing_exhausted bob"]);
    expect(ward.alerts[1]?.message).toBe("bob needs a person: bob has no server at Hetzner any more");
    expect(await ward.row("bob")).toMatchObject({ exhausted: true });
  });

  test("a proxy that cannot start: the gateway is left alone, and the ladder is climbed all the same", async () => {
    ward.ill.set("bob", withoutProxy);
    ward.onRestart = { kind: "ran", code: 1, stdout: "", stderr: "not restarted: caddy.service" };
    await live(6 * 60);
    expect(ward.done.slice(0, 2)).toEqual(["bob restart proxy", "bob reset"]);
    expect(kinds()).toEqual(["unhealthy bob", "healing_exhausted bob"]);
    expect(ward.done.length).toBeLessThan(16);
    expect((await operations())[0]).toBe("restart failed");
  });

  test("a restart whose end nobody heard of was one; one that was not let in was none", async () => {
    ward.onRestart = unreachable;
    await live(9);
    expect(ward.done).toEqual([]);
    expect(await ward.row("bob")).toMatchObject({ rung: null, attempt: 3 });
    ward.onRestart = { kind: "cut-off", reason: "no end within 120 s" };
    await live(3);
    expect(await ward.row("bob")).toMatchObject({ rung: "restart", attempt: 4 });
  });

  test.each(["down", "error"] as const)(
    "a reset that Hetzner does not do (%s) leads to no rebuild",
    async (how) => {
      await allowRebuild();
      ward.reset = how;
      await live(30);
      expect(ward.done).not.toContain("bob rebuild");
      expect(await ward.row("bob")).toMatchObject({ rung: "restart", exhausted: false });
      ward.reset = "success";
      await live(12);
      expect(ward.done.filter((one) => one !== "bob reset")).toEqual(["bob restart", "bob rebuild"]);
    },
    60_000,
  );

  test("a restart that waits for an hour leads to nothing harder, and not to a rebuild once it was taken", async () => {
    await allowRebuild();
    await ward.read(60);
    expect(await ward.queued()).toEqual(["bob restart"]);
    await ward.help();
    await ward.read(2);
    expect(await ward.queued()).toEqual([]);
    await ward.read();
    expect(await ward.queued()).toEqual(["bob reboot"]);
  });

  test("a reading that was under way while a step was taken does not undo it", async () => {
    await ward.read(3);
    await ward.read(1, () => ward.help());
    expect(await ward.row("bob")).toMatchObject({ rung: "restart", strikes: 0, attempt: 1 });
  });

  test("one that drains for ever is restarted", async () => {
    ward.ill.set("bob", { gateway: { answer: "draining", upSeconds: 9000 } });
    await live(10);
    expect(ward.done).toEqual(["bob restart"]);
  });
});

describe("what is asked once more before a step is taken", () => {
  beforeEach(() => {
    ward.ill.set("bob", failed);
  });

  test.each<[string, () => unknown]>([
    ["it is well again", () => (ward.ill.clear(), ward.read(2))],
    ["a person holds it", () => set(`override = '{"hold": true}'`)],
    ["it is to be suspended", () => set("phase = 'suspended'")],
    [
      "many are ill by now",
      () => ward.side.apply.sql`insert into clawfleet.health_brakes values ('fleet', now(), 5, 10)`,
    ],
  ])("%s: nothing is done, and no rung is climbed", async (_what, change) => {
    await ward.read(3);
    await change();
    await ward.help();
    expect(ward.done).toEqual([]);
    expect(await ward.row("bob")).toMatchObject({ rung: null, attempt: 0 });
  });

  test.each<[string, () => unknown]>([
    ["the plan allows it no longer", () => allowRebuild(false)],
    ["a change of ours waits", () => set("generation = generation + 1")],
    ["a change of ours has failed", () => set("status = 'parked'")],
  ])("a rebuild waits, and %s: the disk stays", async (_what, change) => {
    await allowRebuild();
    await live(8);
    await ward.read(3);
    expect(await ward.queued()).toEqual(["bob rebuild"]);
    await change();
    await ward.help();
    expect(ward.done).toEqual(["bob restart", "bob reset"]);
    await live(10);
    expect(ward.done).not.toContain("bob rebuild");
    expect(kinds()).toContain("healing_exhausted bob");
  });

  test("a rebuild is a removal: it waits until those go on", async () => {
    await allowRebuild();
    await live(8);
    await ward.read(3);
    await beginHalt(ward.side.apply.sql, { by: "anna", reason: null, since: ward.side.now() });
    await ward.help();
    await live(10);
    expect(ward.done).toEqual(["bob restart", "bob reset"]);
    await endHalt(ward.side.apply.sql);
    await live(10);
    expect(ward.done).toEqual(["bob restart", "bob reset", "bob rebuild"]);
  });

  test("our own failed change: restart, reboot, a person, and never a rebuild", async () => {
    await allowRebuild();
    await set("status = 'waiting', generation = generation + 1");
    await live(40);
    expect(ward.done.slice(0, 2)).toEqual(["bob restart", "bob reset"]);
    expect(ward.done).not.toContain("bob rebuild");
    expect(kinds()).toEqual(["unhealthy bob", "healing_exhausted bob"]);
  });
});

describe("a worker that loses its job", () => {
  beforeEach(() => {
    ward.ill.set("bob", failed);
  });

  test("without the claim nothing is done", async () => {
    await ward.read(3);
    const claim = {
      lost: new AbortController().signal,
      endWithinMs: 0,
      confirm: () => Promise.resolve(false),
    };
    await expect(ward.help({ claim })).rejects.toThrow("the claim on this stack is lost");
    expect(ward.done).toEqual([]);
  });

  test("it died over a restart: the next one does not do it again, and no rung is climbed", async () => {
    await ward.read(3);
    await ward.side.apply.sql`update clawfleet.health set begun = true`;
    await ward.help();
    expect(ward.done).toEqual([]);
    expect(await ward.row("bob")).toMatchObject({ rung: null, attempt: 1, begun: false, strikes: 0 });
  });

  test("it has died after the step's end: nothing is done twice", async () => {
    await ward.read(3);
    const jobs = ward.side.apply.sql`update pgboss.job set state = 'created' where data ->> 'kind' = 'heal'`;
    await ward.help();
    await jobs;
    await ward.help();
    expect(ward.done).toEqual(["bob restart"]);
  });

  test("it died over a rebuild that is allowed no longer: what there is is completed, nothing thrown away", async () => {
    await allowRebuild();
    await live(8);
    await ward.read(3);
    await ward.side.apply.sql`update clawfleet.health set begun = true`;
    await allowRebuild(false);
    await ward.help();
    expect(ward.done).toEqual(["bob restart", "bob reset", "bob completed"]);
  });
});

describe("a small cell", () => {
  async function onlyThese(...slugs: string[]): Promise<void> {
    await ward.side.apply.sql`
      update clawfleet.instances set observed_phase = 'suspended', phase = 'suspended' where slug <> all(${slugs})`;
    await ward.side.apply.sql`truncate clawfleet.health`;
    for (const slug of slugs) ward.ill.set(slug, "lost");
    await allowRebuild();
  }

  test("its only machine is out of reach: it is reset, and its disk stays", async () => {
    await onlyThese("bob");
    await live(40);
    expect(ward.done[0]).toBe("bob reset");
    expect(ward.done).not.toContain("bob rebuild");
    expect(kinds()).toEqual(["unhealthy bob", "healing_exhausted bob"]);
  });

  test("both of two are out of reach: our own network may be, and nothing is done", async () => {
    await onlyThese("amy", "bob");
    await live(40);
    expect(ward.done).toEqual([]);
    ward.ill.delete("amy");
    await live(2);
    expect(ward.done).toEqual(["bob reset"]);
  });
});

describe("a step that an operator has ordered", () => {
  const order = async (step: "restart" | "reboot" | "rebuild") => {
    await ward.read();
    await createTakeStep(ward.side.apply)({ slug: "bob", step, actor: "anna" });
  };

  test("is taken although it is well, is no rung, and what was read before counts for nothing", async () => {
    await order("reboot");
    await ward.help();
    expect(ward.done).toEqual(["bob reset"]);
    expect(await ward.row("bob")).toMatchObject({ rung: null, attempt: 1, exhausted: false });
    expect(await ward.queued()).toEqual([]);
  });

  test("throws no disk away once every removal was stopped", async () => {
    await order("rebuild");
    await beginHalt(ward.side.apply.sql, { by: "anna", reason: null, since: ward.side.now() });
    await ward.help();
    expect(ward.done).toEqual([]);
  });

  test("may throw the disk away without the plan's permission, and is not taken from who is paused meanwhile", async () => {
    await order("rebuild");
    await ward.help();
    expect(ward.done).toEqual(["bob rebuild"]);
    await order("restart");
    const { sql } = ward.side.apply;
    await sql`insert into clawfleet.pauses (scope, actor, since) values ('bob', 'anna', now())`;
    await ward.help();
    expect(ward.done).toEqual(["bob rebuild"]);
    await sql`delete from clawfleet.pauses`;
  });
});
