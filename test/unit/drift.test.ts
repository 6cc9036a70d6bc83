/** Proves by table which difference is of which class and what is nobody's. */
import { describe, expect, test } from "vitest";
import { compareStack, driftClasses, findUnknown, gravest, keyOf } from "../../reconciler/drift/compare.ts";
import {
  toAttachment,
  toExpected,
  toFirewall,
  toRecord,
  toServer,
  type ExpectedObject,
  type SeenObject,
} from "../../reconciler/drift/objects.ts";
import { defaultPolicy } from "../../reconciler/drift/policy.ts";
import { judge, type JudgeInput } from "../../reconciler/drift/judge.ts";
import { leaveUnreadable } from "../../reconciler/drift/unjudged.ts";
import type { ScannedStack } from "../../reconciler/db/drift.ts";

const server = {
  name: "cf-ada",
  serverType: "cx23",
  location: "nbg1",
  labels: { b: "2", a: "1" },
  firewallIds: [9, 7],
  backups: true,
  deleteProtection: true,
  rebuildProtection: true,
  ipv4Address: "192.0.2.1",
  ipv6Address: "2001:db8::1",
};
const rule = { direction: "in", protocol: "tcp", port: "443", sourceIps: ["b", "a"] };
const firewall = { name: "cf-ada", labels: {}, rules: [rule, { ...rule, port: "22" }] };
const record = { name: "ada.example", type: "A", content: "192.0.2.1", proxied: true, ttl: 1, comment: "c" };

const expected: ExpectedObject[] = [
  toServer("1", server),
  toFirewall("2", firewall),
  toAttachment({ serverId: 1, networkId: 5, ip: "10.0.0.3" }),
  toRecord("r", record),
];

function see(...changed: Parameters<typeof keyOf>[0][]): Map<string, SeenObject> {
  const replaced = new Set(changed.map(keyOf));
  const all = expected.filter((one) => !replaced.has(keyOf(one)));
  return new Map(all.map((one) => [keyOf(one), { ...one, owner: "i1" }]));
}

function seeInstead(object: ReturnType<typeof toServer>): Map<string, SeenObject> {
  return see(object).set(keyOf(object), { ...object, owner: "i1" });
}

describe("an instance that is as it was left", () => {
  test("shows no difference, in whatever order the clouds list labels, firewalls, rules and networks", () => {
    expect(compareStack(expected, see())).toEqual([]);
    const shuffled = toServer("1", { ...server, labels: { a: "1", b: "2" }, firewallIds: [7, 9] });
    expect(compareStack(expected, seeInstead(shuffled))).toEqual([]);
    const turned = { ...firewall, rules: [{ ...rule, port: "22", sourceIps: ["a", "b"] }, rule] };
    expect(compareStack(expected, seeInstead(toFirewall("2", turned)))).toEqual([]);
  });
});

describe("what the database gave back", () => {
  test("is the same, in whatever order its keys are", () => {
    const reversed = expected.map((object) => reverseKeys(object));
    expect(compareStack(reversed, see())).toEqual([]);
  });
});

function reverseKeys<Value>(value: Value): Value {
  const turn = (_key: string, one: unknown): unknown =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toReversed())
      : one;
  return JSON.parse(JSON.stringify(value, turn));
}

describe("what another hand changed", () => {
  test.each([
    ["labels", toServer("1", { ...server, labels: {} }), "cosmetic"],
    ["backups", toServer("1", { ...server, backups: false }), "repair"],
    ["deleteProtection", toServer("1", { ...server, deleteProtection: false }), "repair"],
    ["firewalls", toServer("1", { ...server, firewallIds: [] }), "repair"],
    ["serverType", toServer("1", { ...server, serverType: "cx33" }), "dangerous"],
    ["ipv4", toServer("1", { ...server, ipv4Address: "192.0.2.9" }), "dangerous"],
    ["rules", toFirewall("2", { ...firewall, rules: [rule] }), "repair"],
    ["ip", toAttachment({ serverId: 1, networkId: 5, ip: "10.0.0.4" }), "dangerous"],
    ["content", toRecord("r", { ...record, content: "192.0.2.66" }), "repair"],
    ["proxied", toRecord("r", { ...record, proxied: false }), "repair"],
    ["comment", toRecord("r", { ...record, comment: null }), "cosmetic"],
  ])("%s", (property, seen, severity) => {
    const found = compareStack(expected, seeInstead(seen));
    expect(found).toMatchObject([{ property, class: severity, kind: seen.kind, objectId: seen.id }]);
    expect(found[0]?.expected).not.toBe(found[0]?.seen);
  });

  test.each([
    ["server", "dangerous"],
    ["firewall", "missing"],
    ["attachment", "missing"],
    ["record", "missing"],
  ] as const)("a %s that is gone is %s", (kind, severity) => {
    const gone = expected.find((one) => one.kind === kind);
    if (!gone) throw new Error("unreachable");
    expect(compareStack(expected, see(gone))).toMatchObject([{ kind, class: severity, objectId: gone.id }]);
  });

  test("the gravest of several is the finding's", () => {
    const found = driftClasses.map((one) => ({
      class: one,
      kind: "record" as const,
      objectId: "r",
      name: "r",
    }));
    expect(gravest(found)).toBe("dangerous");
    expect(gravest(found.slice(0, 2))).toBe("repair");
    expect(() => gravest([])).toThrow("no difference");
  });
});

describe("what no state knows", () => {
  const stray: SeenObject = { ...toRecord("x", record), owner: "i1" };

  test("is a leak when its instance does not live, and stateless when it does", () => {
    expect(findUnknown(new Set(), [stray], new Set())).toMatchObject([
      { owner: "i1", difference: { class: "leak", objectId: "x" } },
    ]);
    expect(findUnknown(new Set(), [stray], new Set(["i1"]))[0]?.difference.class).toBe("stateless");
    expect(findUnknown(new Set(["record:x"]), [stray], new Set())).toEqual([]);
  });

  test("a stranger's is none of our business", () => {
    expect(findUnknown(new Set(), [{ ...stray, owner: null }], new Set(["i1"]))).toEqual([]);
  });

  test("a part is told only of a whole that is known: what belongs to an orphan goes with it", () => {
    const attachment: SeenObject = {
      ...toAttachment({ serverId: 7, networkId: 5, ip: "10.0.0.9" }),
      owner: "i1",
    };
    expect(findUnknown(new Set(), [attachment], new Set())).toEqual([]);
    expect(findUnknown(new Set(["server:7"]), [attachment], new Set(["i1"]))).toHaveLength(1);
  });
});

describe("states", () => {
  const type = "hcloud:index/server:Server";
  test("give what a bulk list shows, and nothing of commands and certificates", () => {
    const resource = { type, id: "1", outputs: server, delete: false };
    expect(toExpected(resource)).toEqual(toServer("1", server));
    expect(toExpected({ ...resource, type: "command:remote:Command" })).toBeUndefined();
  });

  test("keep of what was made by halves that it is there, and say why it cannot be read", () => {
    const resource = { type, id: "77", outputs: { ...server, ipv4Address: null }, delete: false };
    expect(toExpected(resource)).toEqual({
      kind: "server",
      id: "77",
      name: "77",
      properties: {},
      unread: expect.stringMatching(/^server 77: ipv4Address: .*expected string, received null$/),
    });
    expect(toExpected({ ...resource, delete: true })).toMatchObject({ id: "77", leaving: true });
  });

  test("what they replaced already may be there or not", () => {
    const leaving = toExpected({ type, id: "1", outputs: server, delete: true });
    expect(leaving && compareStack([leaving], new Map())).toEqual([]);
  });
});

describe("a judgement", () => {
  const ada: ScannedStack = {
    id: "i1",
    stack: "ada",
    instanceId: "i1",
    cell: "lab",
    account: "default",
    resting: true,
    held: false,
    snapshotId: null,
    archived: false,
  };
  const bob: ScannedStack = { ...ada, id: "i2", stack: "bob", instanceId: "i2", account: "second" };
  const judgeWith = (change: Partial<JudgeInput>) =>
    judge({
      account: "default",
      stacks: [ada, bob],
      expected: new Map([["ada", expected]]),
      seen: see(),
      policy: defaultPolicy,
      prices: undefined,
      ...change,
    });
  const serverOf = (owner: string): SeenObject => ({ ...toServer("99", server), owner });
  const withMore = (object: SeenObject) => see().set(keyOf(object), object);

  test("of a fleet as it was left is empty", () => {
    expect(judgeWith({})).toEqual({ findings: [], unjudged: [], compared: 1 });
  });

  test("knows a snapshot by whom it is needed, and what nobody needs by what it costs", () => {
    const snapshot = (id: string, owner: string): SeenObject => ({
      kind: "snapshot",
      id,
      name: "ada",
      properties: {},
      owner,
      billed: { sizeGb: 10 },
    });
    const prices = {
      currency: "eur",
      serverTypes: { cx23: { nbg1: 400 } },
      backupShare: 0.2,
      ipv4: { nbg1: 50 },
      snapshotGb: 1.5,
    };
    const billed = { type: "cx23", location: "nbg1", backups: true, ipv4: true };
    const seen = see()
      .set("snapshot:1", snapshot("1", "i1"))
      .set("snapshot:2", snapshot("2", "i1"))
      .set("snapshot:3", snapshot("3", "idead"))
      .set("server:99", { ...serverOf("idead"), billed });
    const stacks = [{ ...ada, snapshotId: "1" }, bob];
    expect(judgeWith({ stacks, seen, prices }).findings).toMatchObject([
      { subject: "snapshot:2", slug: "ada", class: "stateless", monthlyNet: "0.1500" },
      { subject: "snapshot:3", slug: null, class: "leak", action: "ask", monthlyNet: "0.1500" },
      { subject: "server:99", slug: null, class: "leak", monthlyNet: "5.3000" },
    ]);
    const odd = new Map(seen).set("server:99", {
      ...serverOf("idead"),
      billed: { ...billed, type: "cx99" },
    });
    const costs = judgeWith({ stacks, seen: odd, prices }).findings.map(({ monthlyNet }) => monthlyNet);
    expect(costs).toEqual(["0.1500", "0.1500", null]);
  });

  test("leaves alone what is being worked on, and what belongs to it", () => {
    const busy = { ...ada, resting: false };
    const judged = judgeWith({ stacks: [busy, bob], seen: withMore(serverOf("i1")) });
    expect(judged).toEqual({ findings: [], unjudged: ["i1"], compared: 0 });
  });

  test("tells an unknown object apart from what an up cures, which is not held up by it", () => {
    const opened = toFirewall("2", { ...firewall, rules: [rule] });
    const seen = seeInstead(opened).set("server:99", serverOf("i1"));
    expect(judgeWith({ seen }).findings).toMatchObject([
      { subject: "server:99", slug: "ada", class: "stateless", action: "ask" },
      { subject: "i1", slug: "ada", class: "repair", action: "repair" },
    ]);
    const ignoring = judgeWith({ seen, policy: { ...defaultPolicy, stateless: "ignore" } });
    expect(ignoring.findings.map(({ action }) => action)).toEqual(["ignore", "repair"]);
  });

  test("a server that is labelled with an instance of another account is a leak here", () => {
    expect(judgeWith({ seen: withMore(serverOf("i2")) }).findings).toMatchObject([
      { subject: "server:99", slug: null, class: "leak", action: "ask" },
    ]);
  });

  test("a record of another account's instance in a shared zone is not: its own scan looks after it", () => {
    const other: SeenObject = { ...toRecord("z", record), owner: "i2" };
    expect(judgeWith({ seen: withMore(other) }).findings).toEqual([]);
  });

  test("refuses to conclude anything from a project that shows none of what the states know", () => {
    expect(() => judgeWith({ seen: new Map() })).toThrow("holds none of the 3 objects");
    const foreign = new Map([["server:99", serverOf("i9")]]);
    expect(() => judgeWith({ seen: foreign })).toThrow("holds none");
  });

  test("an account without anything is no wrong project", () => {
    expect(judgeWith({ expected: new Map(), seen: new Map() }).findings).toEqual([]);
  });

  test("of a stack whose state cannot be read waits, with what belongs to it", () => {
    const stacks = leaveUnreadable([ada, bob], new Map([["ada", "why"]]));
    const judged = judgeWith({ stacks, seen: withMore(serverOf("i1")) });
    expect(judged).toEqual({ findings: [], unjudged: ["i1"], compared: 0 });
  });
});
