/** Proves by table which difference is of which class, what is nobody's, and how many repairs an hour allows. */
import { describe, expect, test } from "vitest";
import {
  compareInstance,
  driftClasses,
  findUnknown,
  gravest,
  keyOf,
} from "../../reconciler/drift/compare.ts";
import {
  toAttachment,
  toExpected,
  toFirewall,
  toRecord,
  toServer,
  type ExpectedObject,
  type SeenObject,
} from "../../reconciler/drift/objects.ts";
import { chooseRepairs, defaultPolicy, type OpenFinding } from "../../reconciler/drift/policy.ts";

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
  { resource: "server", ...toServer("1", server) },
  { resource: "firewall", ...toFirewall("2", firewall) },
  { resource: "network", ...toAttachment({ serverId: 1, networkId: 5, ip: "10.0.0.3" }) },
  { resource: "record-a", ...toRecord("r", record) },
];

function see(...changed: Parameters<typeof keyOf>[0][]): Map<string, SeenObject> {
  const replaced = new Set(changed.map(keyOf));
  const all = expected.filter((one) => !replaced.has(keyOf(one)));
  return new Map(all.map((one) => [keyOf(one), { ...one, instanceId: "i1" }]));
}

function seeInstead(object: ReturnType<typeof toServer>): Map<string, SeenObject> {
  return see(object).set(keyOf(object), { ...object, instanceId: "i1" });
}

describe("an instance that is as it was left", () => {
  test("shows no difference, in whatever order the clouds list labels, firewalls, rules and networks", () => {
    expect(compareInstance(expected, see())).toEqual([]);
    const shuffled = toServer("1", { ...server, labels: { a: "1", b: "2" }, firewallIds: [7, 9] });
    expect(compareInstance(expected, seeInstead(shuffled))).toEqual([]);
    const turned = { ...firewall, rules: [{ ...rule, port: "22", sourceIps: ["a", "b"] }, rule] };
    expect(compareInstance(expected, seeInstead(toFirewall("2", turned)))).toEqual([]);
  });
});

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
    const found = compareInstance(expected, seeInstead(seen));
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
    expect(compareInstance(expected, see(gone))).toMatchObject([
      { kind, class: severity, objectId: gone.id },
    ]);
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
  const stray: SeenObject = { ...toRecord("x", record), instanceId: "i1" };

  test("is a leak when its instance does not live, and stateless when it does", () => {
    expect(findUnknown(new Set(), [stray], new Set())).toMatchObject([
      { instanceId: "i1", difference: { class: "leak", objectId: "x" } },
    ]);
    expect(findUnknown(new Set(), [stray], new Set(["i1"]))[0]?.difference.class).toBe("stateless");
    expect(findUnknown(new Set(["record:x"]), [stray], new Set())).toEqual([]);
  });
});

describe("states", () => {
  test("give what a bulk list shows, and nothing of commands and certificates", () => {
    const urn =
      "urn:pulumi:ada::clawfleet::clawfleet:index:AssistantInstance$hcloud:index/server:Server::server";
    const type = "hcloud:index/server:Server";
    expect(toExpected({ urn, type, id: "1", outputs: server })).toEqual({
      resource: "server",
      ...toServer("1", server),
    });
    expect(toExpected({ urn, type: "command:remote:Command", id: "c", outputs: {} })).toBeUndefined();
    expect(() => toExpected({ urn, type, id: "1", outputs: {} })).toThrow("serverType");
  });
});

describe("repairs", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  const finding = (id: string, change: Partial<OpenFinding> = {}): OpenFinding => ({
    id,
    class: "repair",
    since: new Date(now.getTime() - 60_000),
    repairAt: null,
    ...change,
  });
  const limits = { policy: defaultPolicy, perHour: 2, begun: 0 };

  test("come in the order of gravity, then of age, as many as the hour allows", () => {
    const old = finding("old", { since: new Date(0) });
    const open = [finding("young"), old, finding("gone", { class: "missing" })];
    expect(chooseRepairs(open, limits, now)).toEqual({ repair: ["gone", "old"], held: 1 });
    expect(chooseRepairs(open, { ...limits, begun: 1 }, now)).toEqual({ repair: ["gone"], held: 2 });
    expect(chooseRepairs(open, { ...limits, begun: 5 }, now)).toEqual({ repair: [], held: 3 });
  });

  test("are tried again after an hour, and never where the policy asks or ignores", () => {
    const tried = finding("tried", { repairAt: new Date(now.getTime() - 3_599_000) });
    const longAgo = finding("again", { repairAt: new Date(now.getTime() - 3_600_000) });
    const others = (["dangerous", "leak", "stateless"] as const).map((one) => finding(one, { class: one }));
    expect(chooseRepairs([tried, longAgo, ...others], limits, now).repair).toEqual(["again"]);
    const careful = { ...limits, policy: { ...defaultPolicy, repair: "ignore" as const } };
    expect(chooseRepairs([longAgo], careful, now)).toEqual({ repair: [], held: 0 });
  });
});
