/** Proves by table which repairs an hour allows, and what a repair that nobody asked for may do. */
import { describe, expect, test } from "vitest";
import type { Difference } from "../../reconciler/drift/compare.ts";
import {
  chooseRepairs,
  defaultPolicy,
  parsePolicy,
  type RepairCandidate,
} from "../../reconciler/drift/policy.ts";
import { findUnforeseen } from "../../reconciler/drift/unforeseen.ts";

describe("a policy", () => {
  test("changes what it names", () => {
    expect(parsePolicy("")).toEqual(defaultPolicy);
    const changed = { ...defaultPolicy, cosmetic: "ignore", dangerous: "repair" };
    expect(parsePolicy(" cosmetic=ignore, dangerous=repair,")).toEqual(changed);
  });
  test.each([
    ["odd=repair", "odd is no class"],
    ["repair=always", "there are repair, ask, ignore"],
    ["leak=repair", "deleted on command"],
    ["repair", "there are"],
  ])("%s is refused", (text, problem) => {
    expect(() => parsePolicy(text)).toThrow(problem);
  });
});

describe("repairs", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  const finding = (id: number, change: Partial<RepairCandidate> = {}): RepairCandidate => ({
    id,
    class: "repair",
    since: new Date(now.getTime() - 60_000),
    repairAt: null,
    repairs: 0,
    refusal: null,
    ...change,
  });
  const limits = { policy: defaultPolicy, perHour: 2, begun: 0 };

  test("come in the order of gravity, then of age, as many as the hour allows", () => {
    const [young, old, gone] = [1, 2, 3];
    const open = [finding(young), finding(old, { since: new Date(0) }), finding(gone, { class: "missing" })];
    expect(chooseRepairs(open, limits, now)).toEqual({ repair: [gone, old], held: 1 });
    expect(chooseRepairs(open, { ...limits, begun: 1 }, now)).toEqual({ repair: [gone], held: 2 });
    expect(chooseRepairs(open, { ...limits, begun: 5 }, now)).toEqual({ repair: [], held: 3 });
  });

  test("that cure nothing hold nobody else up: who was tried least comes first, and after three a person is asked", () => {
    let open = Array.from({ length: 11 }, (_, id) => finding(id, { since: new Date(id) }));
    const chosen: number[][] = [];
    for (let hour = 0; hour < 12; hour += 1) {
      const at = new Date(now.getTime() + hour * 3_600_000);
      const { repair } = chooseRepairs(open, { ...limits, perHour: 10 }, at);
      chosen.push(repair);
      open = open.map((one) =>
        repair.includes(one.id) ? { ...one, repairAt: at, repairs: one.repairs + 1 } : one,
      );
    }
    expect(chosen[1]).toContain(10);
    expect(open.map(({ repairs }) => repairs)).toEqual(Array.from({ length: 11 }, () => 3));
    expect(chosen.slice(6)).toEqual([[], [], [], [], [], []]);
  });

  test("are tried again after an hour, and never where the policy asks or ignores", () => {
    const tried = finding(1, { repairs: 1, repairAt: new Date(now.getTime() - 3_599_000) });
    const longAgo = finding(2, { repairs: 1, repairAt: new Date(now.getTime() - 3_600_000) });
    const others = (["dangerous", "leak", "stateless"] as const).map((one, at) =>
      finding(10 + at, { class: one }),
    );
    expect(chooseRepairs([tried, longAgo, ...others], limits, now).repair).toEqual([2]);
    const careful = { ...limits, policy: { ...defaultPolicy, repair: "ignore" as const } };
    expect(chooseRepairs([longAgo], careful, now)).toEqual({ repair: [], held: 0 });
    const refused = finding(3, { refusal: "it would also create network" });
    expect(chooseRepairs([refused], limits, now)).toEqual({ repair: [], held: 0 });
  });
});

describe("a repair that nobody asked for", () => {
  const types = {
    server: "hcloud:index/server:Server",
    firewall: "hcloud:index/firewall:Firewall",
    network: "hcloud:index/serverNetwork:ServerNetwork",
    record: "cloudflare:index/dnsRecord:DnsRecord",
    cells: "hcloud:index/network:Network",
    certificate: "cloudflare:index/originCaCertificate:OriginCaCertificate",
    health: "command:remote:Command",
  } as const;
  const steps = (...all: [keyof typeof types, string][]) =>
    all.map(([resource, op]) => ({ resource, type: types[resource], op }));
  const gone = (kind: Difference["kind"]): Difference => ({
    class: "missing",
    kind,
    objectId: "1",
    name: "x",
  });
  const changed = (kind: Difference["kind"]): Difference => ({ ...gone(kind), property: "p" });

  test.each([
    ["what was found", steps(["record", "create"], ["health", "replace"]), [gone("record")], []],
    ["what was changed", steps(["firewall", "update"]), [changed("firewall")], []],
    ["nothing at all", steps(["server", "same"], ["server", "refresh"]), [], []],
    ["an attachment that was found gone", steps(["network", "create"]), [gone("attachment")], []],
    ["an attachment that went since", steps(["network", "create"]), [gone("record")], ["create network"]],
    ["a record that went since", steps(["record", "create"]), [changed("record")], ["create record"]],
    ["a change of another kind", steps(["server", "update"]), [gone("record")], ["update server"]],
    ["a server, found or not", steps(["server", "create"]), [gone("server")], ["create server"]],
    [
      "a server made anew for what was found",
      steps(["server", "create-replacement"]),
      [changed("server")],
      ["replace server"],
    ],
    ["a cell's network, found or not", steps(["cells", "create"]), [gone("network")], ["create cells"]],
    ["a deletion", steps(["record", "delete"]), [gone("record")], ["delete record"]],
    ["a certificate", steps(["certificate", "replace"]), [gone("record")], ["replace certificate"]],
  ])("that would do %s", (_what, planned, found, unforeseen) => {
    expect(findUnforeseen(planned, found)).toEqual(unforeseen);
  });
});
