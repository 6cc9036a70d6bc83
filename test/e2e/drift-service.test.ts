/**
 * Proves drift as an operator has it: the service looks by itself and repairs what it may, no more than the hour allows; the rest
 * is listed by `fleet drift` and done on command. Which difference is of which class is drift.test.ts' matter.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DriftAnswer } from "../../reconciler/operators/drift.ts";
import { runScript } from "../sandbox/demo/visitor.ts";
import { findObstacle, startFleet, type Fleet } from "../support/fleet.ts";
import { eventually } from "../support/poll.ts";

const obstacle = await findObstacle();

describe.skipIf(obstacle !== undefined)("drift", () => {
  let fleet: Fleet;
  const project = () => fleet.sandbox.hetzner.project();
  const record = (slug: string, type: string) => {
    const found = fleet.sandbox.cloudflare
      .recordsNamed(`${slug}.claws.example`)
      .find((one) => one.type === type);
    if (!found) throw new Error(`${slug} has no ${type} record`);
    return found;
  };
  const run = (...args: string[]) => runScript("reconciler/cli/main.ts", args, fleet.service.env);
  const read = async (): Promise<DriftAnswer> => JSON.parse((await run("drift", "--json")).output);
  const findingOf = async (name: string) =>
    (await read()).findings.find((one) => (one.name ?? one.subject) === name);

  beforeAll(async () => {
    fleet = await startFleet({ CLAWFLEET_DRIFT_SECONDS: "2", CLAWFLEET_DRIFT_REPAIRS_PER_HOUR: "1" });
    for (const slug of ["ada", "bob"]) await fleet.provision(slug);
    for (const slug of ["ada", "bob"]) await fleet.untilStatus(slug, "ready");
  });
  afterAll(() => fleet?.close());

  test("is looked for by the clock, repaired by itself, and closed", async () => {
    const after = await fleet.lastOperationId("ada");
    const { content } = record("ada", "A");
    record("ada", "A").content = "192.0.2.66";
    const repair = await fleet.nextOperation("ada", after, ["up"]);
    expect(repair).toMatchObject({ reason: "drift", actor: "drift scan", outcome: "succeeded" });
    expect(record("ada", "A").content).toBe(content);
    await eventually("nothing is open", async () => (await read()).findings.length === 0);
  });

  test("beyond the hour's cap waits, is told, and is repaired on command", async () => {
    const { content } = record("bob", "A");
    record("bob", "A").content = "192.0.2.67";
    await eventually("it is found", () => findingOf("bob"));
    await eventually("the alert is told", async () => (await fleet.readLog()).includes("drift_cap"));
    expect(record("bob", "A").content).toBe("192.0.2.67");
    const list = await run("drift");
    expect(list.output).toMatch(/^bob +repair +repair .*record content: 192\.0\.2\.67 instead of /m);
    expect(list.output).toMatch(/account default: last look \d+ s ago, 3 stacks, 6 requests/);
    const repaired = await run("drift", "repair", "bob");
    expect([repaired.code, repaired.output]).toEqual([0, expect.stringContaining("changed record-a")]);
    expect(record("bob", "A").content).toBe(content);
    const scan = await run("drift", "scan");
    expect([scan.code, scan.output]).toEqual([0, expect.stringContaining("no drift is known")]);
  });

  test("a server that somebody deleted is asked about with Pulumi's own words, and never made anew by itself", async () => {
    const after = await fleet.lastOperationId("bob");
    await project().vanish("server", "cf-bob");
    await eventually("it is found", () => findingOf("bob"));
    expect(await findingOf("bob")).toMatchObject({ class: "dangerous", action: "ask" });
    const preview = await fleet.nextOperation("bob", after, ["preview"]);
    const show = await run("show", "bob", "--json");
    const { events }: { events: { kind: string; message: string }[] } = JSON.parse(show.output);
    expect(preview.changes).toMatchObject({ create: expect.any(Number) });
    expect(events.find(({ kind }) => kind === "diff")?.message).toContain("hcloud:index/server:Server");
    expect((await fleet.operations("bob")).filter(({ kind, id }) => kind === "up" && id > after)).toEqual([]);
    const unasked = await run("drift", "repair", "bob");
    expect([unasked.code, unasked.output]).toEqual([2, expect.stringContaining("add --yes")]);
    expect((await run("drift", "repair", "bob", "--yes")).code).toBe(0);
    expect(project().server("cf-bob").name).toBe("cf-bob");
  });

  test("an object that nobody owns is listed with its price and deleted only on command", async () => {
    const labels = { ...project().server("cf-ada").labels, "clawfleet-instance": "idead00000000" };
    const order = { name: "stray", server_type: "cx23", image: "ubuntu-24.04", location: "nbg1", labels };
    await project().api("POST", "/servers", { ...order, start_after_create: false });
    await project().settled();
    const { id } = project().server("stray");
    const object = `server:${id}`;
    await eventually("it is found", () => findingOf(object));
    expect((await run("drift")).output).toMatch(
      new RegExp(`^${object} +leak +ask .* \\d+\\.\\d\\d +${object} is in no state`, "m"),
    );
    expect(project().server("stray").id).toBe(id);
    const unasked = await run("drift", "delete", object);
    expect([unasked.code, unasked.output]).toEqual([2, expect.stringContaining("add --yes")]);
    expect((await run("drift", "delete", "server:1", "--yes")).code).toBe(3);
    const owned = `server:${project().server("cf-ada").id}`;
    expect((await run("drift", "delete", owned, "--yes")).code).toBe(3);
    const deleted = await run("drift", "delete", object, "--yes");
    expect([deleted.code, deleted.output]).toEqual([0, expect.stringContaining(`${object} is gone`)]);
    const names = project()
      .servers()
      .map(({ name }) => name);
    expect(names.toSorted()).toEqual(["cf-ada", "cf-bob"]);
  });
});
