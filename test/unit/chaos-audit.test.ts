/**
 * Proves that the audit of a storm finds what it claims to count, on fabricated worlds: a good one has no finding, and each
 * single thing put wrong in it has one. It cannot prove that the world is read rightly; test/e2e/chaos.test.ts does that.
 */
import { describe, expect, test } from "vitest";
import { audit, countFindings, describeCounts, type Verdict } from "../chaos/audit.ts";
import { findUnrest, stackOfKey, type CloudObject, type World } from "../chaos/world.ts";
import { ada, cell, goodWorld, object } from "../support/good-world.ts";

/** The good world with its parts changed. */
function worldWith(change: (world: World) => Partial<World>): World {
  const world = goodWorld();
  return { ...world, ...change(world) };
}

const withStates = (change: (state: World["states"][number]) => object): World =>
  worldWith(({ states }) => ({ states: states.map((state) => ({ ...state, ...change(state) })) }));
const withServer = (change: object): World =>
  worldWith(({ servers }) => ({ servers: servers.map((server) => ({ ...server, ...change })) }));
const withDetail = (id: string, detail: string): World =>
  worldWith(({ objects }) => ({ objects: objects.map((one) => (one.id === id ? { ...one, detail } : one)) }));
const withObject = (one: CloudObject) => worldWith(({ objects }) => ({ objects: [...objects, one] }));
const withoutObject = (id: string) =>
  worldWith(({ objects }) => ({ objects: objects.filter((one) => one.id !== id) }));
const withRow = (change: object) =>
  worldWith(({ rows }) => ({ rows: rows.map((row) => (row.id === "iada" ? { ...row, ...change } : row)) }));
const verdictsOf = (world: World): Verdict[] => [...new Set(audit(world).map(({ verdict }) => verdict))];
const textsOf = (world: World, verdict: Verdict): string[] =>
  audit(world)
    .filter((finding) => finding.verdict === verdict)
    .map(({ text }) => text);

test("a world in which everything is right has no finding and no unrest", () => {
  expect(audit(goodWorld())).toEqual([]);
  expect(findUnrest(goodWorld())).toEqual([]);
});

test("the last line counts by verdict", () => {
  const findings = audit(withObject(object("server", "9", "cf-bob", { instance: "ibob" }, "off")));
  expect(describeCounts(countFindings(findings))).toBe("leaked 1, duplicated 0, lost 0, stuck 0");
});

describe("leaked", () => {
  test.each<[string, CloudObject]>([
    ["a server of one who is gone", object("server", "9", "cf-bob", { instance: "ibob" }, "running")],
    ["a server of nobody", object("server", "9", "whose", {}, "running")],
    ["a firewall of one who is gone", object("firewall", "9", "cf-bob", { instance: "ibob" })],
    ["a record of nobody", object("record", "9", "A bob.claws.example", { instance: "nobody" }, "127.0.0.3")],
    ["a certificate of nobody", object("certificate", "9", "bob.claws.example", { instance: "nobody" })],
    ["a primary IP without a server", object("primary IP", "9", "primary_ip-9", {}, "127.0.0.4")],
    ["a placement group", object("placement group", "9", "group", {})],
    ["a network of a cell that is not ours", object("network", "9", "other", { cell: "old" })],
  ])("%s", (_what, one) => {
    expect(verdictsOf(withObject(one))).toEqual(["leaked"]);
  });

  test("what an ended subscription still has counts, whatever its row believes", () => {
    const world = worldWith(({ customers }) => ({
      customers: customers.map((one) => ({ ...one, wants: "gone" as const })),
    }));
    const leaked = textsOf(world, "leaked");
    expect(leaked).toHaveLength(8);
    expect(leaked[0]).toBe("server cf-ada (7, running) has no living entitlement");
  });

  test("the state of one who is gone", () => {
    const world = worldWith(({ states }) => ({
      states: [...states, { stack: "bob", resources: [], pendingOperations: [] }],
    }));
    expect(textsOf(world, "leaked")).toEqual(["state of bob, which is gone, with 0 resources"]);
  });

  test("a copy of the state of one who is gone", () => {
    const key = "clawfleet/.pulumi/stacks/clawfleet/bob.json.bak";
    expect(verdictsOf(worldWith(() => ({ remains: [{ stack: "bob", key }] })))).toEqual(["leaked"]);
  });

  test("a lock, which is stuck as well", () => {
    const world = worldWith(() => ({ locks: ["clawfleet/.pulumi/locks/organization/clawfleet/ada/1.json"] }));
    expect(verdictsOf(world)).toEqual(["leaked", "stuck"]);
  });

  test("a process without a worker", () => {
    expect(verdictsOf(worldWith(() => ({ orphans: ["77 pulumi up --stack ada"] })))).toEqual(["leaked"]);
  });
});

describe("duplicated", () => {
  test.each<[string, CloudObject]>([
    ["a second server", object("server", "9", "cf-ada-2", ada, "running")],
    ["a second firewall", object("firewall", "9", "cf-ada-2", ada)],
    ["a second attachment", object("attachment", "7-2", "cf-ada", ada, "10.0.0.9")],
    ["a second A record", object("record", "9", "A ada.claws.example", ada, "127.0.0.8")],
    ["a second certificate", object("certificate", "9", "ada.claws.example", ada)],
    ["a second network of the cell", object("network", "9", "cf-cell-lab", cell)],
    ["a second key of the cell", object("ssh key", "9", "cf-cell-lab-2", cell)],
  ])("%s, which the state does not know either", (_what, one) => {
    expect(verdictsOf(withObject(one))).toEqual(["duplicated", "lost"]);
  });

  test("a private address on two servers", () => {
    const world = worldWith(({ servers }) => ({
      servers: [
        ...servers,
        { id: "9", ipv4: undefined, ipv6: undefined, privateIps: ["10.0.0.3"], firewalls: [] },
      ],
    }));
    expect(textsOf(world, "duplicated")).toEqual(["private address 10.0.0.3 on the servers 7, 9"]);
  });

  test("two desired rows for one subscription", () => {
    const world = worldWith(({ rows }) => ({
      rows: [...rows, { ...rowOf(goodWorld()), id: "i2", slug: "a2" }],
    }));
    expect(textsOf(world, "duplicated")).toEqual(["2 desired rows for sub_1: iada, i2"]);
  });
});

function rowOf(world: World): World["rows"][number] {
  const [row] = world.rows;
  if (!row) throw new Error("the world has no row");
  return row;
}

describe("lost", () => {
  test.each<[string, World, string]>([
    ["a paid subscription without an instance", worldWith(() => ({ rows: [] })), "has no instance"],
    ["no server", withoutObject("7"), "has no server"],
    ["a server that is off", withDetail("7", "off"), "its server is off"],
    ["no firewall", withoutObject("8"), "has no firewall"],
    ["a firewall beside the server", withServer({ firewalls: [] }), "not applied"],
    ["another private address", withServer({ privateIps: ["10.0.0.7"] }), "private address 10.0.0.3"],
    ["no record", withoutObject("raaaa"), "has no AAAA record"],
    ["a record to an old address", withDetail("ra", "127.0.0.1"), "leads to 127.0.0.1"],
    ["no certificate", withoutObject("0x1"), "has no certificate"],
    ["no answer", worldWith(() => ({ answers: new Map([["iada", "521"]]) })), "does not answer: 521"],
    ["a state that knows nothing", withStates(() => ({ resources: [] })), "does not know firewall"],
    ["no state at all", worldWith(() => ({ states: [] })), "the state of ada does not know server"],
    ["a state that knows more", withoutObject("2"), "which the cloud has not"],
    [
      "a state with something still to be deleted",
      withStates(({ resources }) => ({ resources: resources.map((one) => ({ ...one, dying: true })) })),
      "which is to be deleted",
    ],
  ])("%s", (_what, world, text) => {
    expect(textsOf(world, "lost").join("\n")).toContain(text);
  });

  test("one who does not pay need not answer, and keeps everything else", () => {
    const world = withRow({ phase: "suspended" });
    const suspended: World = {
      ...world,
      customers: world.customers.map((one) =>
        one.slug === "ada" ? { ...one, status: "unpaid", wants: "suspended" as const } : one,
      ),
      answers: new Map([["iada", "521 error"]]),
    };
    expect(audit(suspended)).toEqual([]);
  });
});

describe("stuck", () => {
  test.each<[string, World, string]>([
    ["parked", withRow({ status: "parked", detail: "needs a person" }), "ada: parked: needs a person"],
    ["waiting", withRow({ status: "waiting", detail: null }), "ada: waiting"],
    ["behind", withRow({ observedGeneration: 2 }), "ada: ready, but at generation 2 of 3"],
    [
      "of another mind than billing",
      withRow({ phase: "suspended" }),
      "ada: should be running and is to be suspended",
    ],
    [
      "a job with nobody",
      worldWith(() => ({ jobs: [{ queue: "converge", key: "ada", state: "active", due: new Date() }] })),
      "ada: job of converge is active",
    ],
    [
      "an operation without end",
      worldWith(() => ({ openOperations: [{ id: 4, stack: "ada", kind: "up", worker: "w" }] })),
      "ada: operation 4 (up by w) has no end",
    ],
    [
      "a pending operation",
      worldWith(({ states }) => ({
        states: states.map((one) => ({
          ...one,
          pendingOperations: one.stack === "ada" ? ["creating server"] : [],
        })),
      })),
      "ada: pending creating server",
    ],
  ])("%s", (_what, world, text) => {
    expect(verdictsOf(world)).toEqual(["stuck"]);
    expect(textsOf(world, "stuck")).toEqual([text]);
  });

  test("a paid subscription that nobody has seen", () => {
    expect(findUnrest(worldWith(() => ({ rows: [] })))).toEqual(["ada: nobody has seen subscription sub_1"]);
  });

  test("of a long error only what the engine said, on one line", () => {
    const detail = "CommandError: code: -2\n stdout:\n stderr: Command failed\nerror: the stack\n is locked";
    expect(textsOf(withRow({ status: "waiting", detail }), "stuck")).toEqual([
      "ada: waiting: error: the stack is locked",
    ]);
  });
});

test.each([
  ["clawfleet/.pulumi/stacks/clawfleet/ada.json", "ada"],
  ["clawfleet/.pulumi/stacks/clawfleet/ada.json.bak", "ada"],
  ["clawfleet/.pulumi/history/clawfleet/ada/ada-17.history.json", "ada"],
  ["clawfleet/.pulumi/locks/organization/clawfleet/cell.lab/d5.json", "cell.lab"],
  [".pulumi/stacks/clawfleet/cell.lab.json", "cell.lab"],
])("the key %s is of %s", (key, stack) => {
  expect(stackOfKey(key)).toBe(stack);
});
